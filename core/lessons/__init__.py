"""What guides learn from: the measured effect of every node, on every bundled model and task."""
