"""The canvas: hierarchy, network and answer bar, from a graph to what the browser draws."""

THUMBNAIL = (118, 124)
"""Width and height of a circuit's small drawing, in pixels."""
