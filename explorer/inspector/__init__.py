"""What is known of the node or supernode selected last."""
