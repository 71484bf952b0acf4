"""Scripts that train the bundled models and write the bundled tasks."""
