"""Browse a circuit: hierarchy, network, inspector, and what ablating does to the answer."""

from explorer.circuit import page as circuit

circuit.page()
