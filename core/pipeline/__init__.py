"""The stages of the method in order, from a model and a task to a validated bundle."""
