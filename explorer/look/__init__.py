"""How everything looks: colours and sizes, charts, notices, the copy-link button."""
