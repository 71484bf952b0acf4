"""The Circuit page: one circuit, browsed and ablated."""
