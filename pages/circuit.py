"""Browse a circuit: hierarchy, network, inspector, and what ablating does to the answer."""

from explorer import menu
from explorer.circuit import page as circuit

menu.circuit_page(circuit.page)
