"""The canvas: hierarchy, network and answer bar, from a graph to what the browser draws."""
