"""The Lab page: change nodes, see what the model answers."""
