"""The files of a bundle, and the words that stand in them.

A bundle is a folder of seven files: circuit.json (nodes, name, labels), hierarchy.json, graph.json
(the task graph restricted to the circuit), validation.json, provenance.json (what it was made from,
and a checksum of every other file; circuit.json has its own), tensors.safetensors and report.html.
JSON and safetensors only.
"""

SCHEMA = "hagd-bundle/1"
"""Written into provenance.json; another one is refused."""
CIRCUIT = "circuit.json"
HIERARCHY = "hierarchy.json"
GRAPH = "graph.json"
VALIDATION = "validation.json"
PROVENANCE = "provenance.json"
TENSORS = "tensors.safetensors"
REPORT = "report.html"
FILES = (CIRCUIT, HIERARCHY, GRAPH, VALIDATION, PROVENANCE, TENSORS, REPORT)
