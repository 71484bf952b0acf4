"""What is bundled, and the scripts that make it: tasks, models, dictionaries and circuits."""
