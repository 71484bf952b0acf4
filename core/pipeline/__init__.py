"""The stages of the method in order, from a model and a task to a validated bundle.

run           the whole method, one stage after the other
settings      what a person chooses about a run
progress      what a run tells whoever watches it
loading       model and task of a run, or of a null run; the gate
prepare       prompts of every split, as token ids
dictionaries  which transcoders: named, bundled or trained now
discovery     circuit, tree and ranking: found once, then kept in the store
graphs        the task graph, and the part of it that a bundle keeps
pooled        statistics of a task graph that guides read
candidates    what a search may choose from
probes        what a search may ask of the model
rankings      the ways in which candidates are ranked
search        from a task graph to a circuit
nulls         runs that must not validate
finished      a found circuit, as everything measured of it takes it
validation    all that validation.json says
sections      sections measured one by one; one that fails costs itself
further       which sections there are
circularity   what is owed to the prompts it was found on
dark_matter   what the dictionary's errors carry
revalidate    a stored circuit, tested again
result        the bundle that is written
naming        what it is called, and what it may replace
"""
