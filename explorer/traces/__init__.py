"""Graphs that are not a stored circuit's: of one prompt, or out of another program's file."""
