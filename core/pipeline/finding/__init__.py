"""From a model, a task and transcoders to a circuit with its ranking and its tree.

discovery   circuit, tree and ranking: found once, then kept in the store
graphs      the task graph, and the part of it that a bundle keeps
pooled      statistics of a task graph that guides read
candidates  what a search may choose from
tree        the part of it that a search chooses from, and the tree over that
probes      what a search may ask of the model
rankings    the ways in which candidates are ranked
sizes       how many nodes of a ranking a circuit needs
search      the rankings side by side, the one taken, its exchanges and gates
shuffled    a null: what was found with its features exchanged
"""
