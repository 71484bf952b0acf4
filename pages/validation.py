"""What a circuit's validation found: the verdict, its controls, and what the errors carry."""

from explorer import menu
from explorer.validation import page as validation

menu.circuit_page(validation.page)
