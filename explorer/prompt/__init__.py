"""The Prompt page: one prompt's attribution graph."""
