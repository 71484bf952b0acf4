"""What guides learn from: the measured effect of every node, on every bundled model and task.

No run takes lessons: `python -m core.lessons` does, and benchmarks learn and test guides on them.

pairs     which (model, task, dictionary) there are to learn from
lesson    one lesson: a pair's graph as a guide reads it, and what every node of it really does
effects   noising and denoising of every single node
compiled  the same on compiled programs, whose circuit is known
store     lessons as files
"""
