"""What is bundled, and the scripts that make it: tasks, models, dictionaries and circuits.

No run makes any of it: `python -m core.zoo` and `hagd rebuild` do.

catalogue     all that is bundled, as one table
recipes       how one model is trained, as data
vocabulary    word-level tokenizers
corpus        what each model is trained on: only the prompts dealt to training
train         trains one model, resumably
models        makes the models
card          what a model can do, how it was made, where its work is
dictionaries  trains the dictionaries
circuits      makes the circuits, and the null runs that must not validate
"""
