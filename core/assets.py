"""Where the files that come with the program are.

Everything bundled (tasks, models, transcoders, finished circuits) lies in the repository's
`assets/` folder, and only this module knows where that is.
"""

from pathlib import Path

ASSETS = Path(__file__).resolve().parents[1] / "assets"
"""The `assets/` folder beside the `core` package."""
TASKS = ASSETS / "tasks"
"""`NAME.jsonl` and `NAME.json` of each bundled task."""
MODELS = ASSETS / "models"
"""One `save_pretrained` folder for each bundled model."""
TRANSCODERS = ASSETS / "transcoders"
"""`MODEL/KIND`: the dictionaries of each bundled model."""
CIRCUITS = ASSETS / "circuits"
"""Finished circuits, one result bundle each."""
NULLS = ASSETS / "nulls"
"""Models, tasks and transcoders that exist only for null runs."""
GUIDE = ASSETS / "guide"
"""The trained network that guides a search, and the labels that it was trained on."""
PROGRAMS = ASSETS / "groundtruth"
"""One folder for each compiled program, whose circuit is known."""
NEURONS = "neurons"
"""Reference of the transcoders that are no files: the model's own MLP neurons."""
