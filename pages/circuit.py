"""Browse a circuit: hierarchy, network, inspector, and what ablating does to the answer."""

from explorer import circuit

circuit.page()
