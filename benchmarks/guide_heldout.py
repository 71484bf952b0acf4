"""The graph network as a study may use it: trained on nothing of the task that it is asked about.

1. Lessons are what `python -m core.lessons` measured, one a pair of model and dictionary.
2. For a task, left out are all lessons of it and all lessons of every model that has one of it,
   whatever the task and dictionary. So the weights have seen neither the task's prompts nor any
   model that does it. Compiled programs stay in: they are tasks of their own.
3. The network is fitted to the rest as in `guide_study`, with seed 0.

The weights that come with the program (`assets/guide`) are trained on every pair: no study that
looks at a bundled pair may take them.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from guide_measure import SHAPES, TRAINING, TRIM, episode_of

from core.guide.gnn import GnnGuide
from core.guide.learning import fit, trimmed
from core.lessons.pairs import Pair
from core.lessons.store import FOLDER, load_lesson
from core.store import default_location

LESSONS = default_location() / FOLDER
"""Where `python -m core.lessons` leaves them."""


def lessons_in(folder: Path) -> list[Path]:
    """The files of all lessons there are; none if there is no such folder."""
    return sorted(folder.glob("*.safetensors"))


def learnable(pairs: Iterable[Pair], task: str) -> list[Pair]:
    """The pairs that may be learned from where a task is held out."""
    there = list(pairs)
    models = {pair.model for pair in there if pair.task == task}
    return [pair for pair in there if pair.task != task and pair.model not in models]


@cache
def trained_without(task: str, folder: Path = LESSONS) -> GnnGuide:
    """The network, trained on every lesson but those of a task and of its models.

    Raises:
        SystemExit: If there is no lesson to learn from.
    """
    lessons = [load_lesson(path) for path in lessons_in(folder)]
    allowed = set(learnable([lesson.pair for lesson in lessons], task))
    learn = [trimmed(episode_of(one), TRIM) for one in lessons if one.pair in allowed]
    if not learn:
        raise SystemExit(
            f"{folder} holds {len(lessons)} lessons, none of them without {task} and its models; "
            "at least one is required. Run `python -m core.lessons` first."
        )
    return GnnGuide(fit(learn, SHAPES["GATv2"], TRAINING["GATv2"]))
