"""The stages of the method in order, from a model and a task to a validated bundle.

run           the whole method, one stage after the other
settings      what a person chooses about a run
progress      what a run tells whoever watches it
prepare       prompts of every split, as token ids; the gate
loading       model and task of a run, or of a null run
nulls         runs that must not validate, and what most are given in place of a real task or model
dictionaries  which transcoders: named, bundled or trained now
kept          dictionaries that were trained before, for whoever names none
finding       from a task graph to a ranking and a circuit
judging       all that is measured of a found circuit, and of a stored one again
result        the bundle that is written
naming        what it is called, and what it may replace
"""
