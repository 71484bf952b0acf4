"""The Library page: stored circuits, new runs, running jobs."""
