"""What a browser session holds: the view in its URL, loaded resources, changes, the test log."""
