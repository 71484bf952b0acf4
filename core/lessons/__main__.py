"""Takes the lessons of all bundled pairs: `python -m core.lessons [--folder DIR] [NAME ...]`.

Each pair takes some seconds to a minute. What is there already is left alone unless it is named,
so the command goes on where it was stopped, and takes up models that have come since. The labels
of all lessons are then written to `assets/guide/labels.safetensors`.
"""

import argparse
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from core.errors import CoreError
from core.lessons.compiled import COMPILED, take_compiled
from core.lessons.lesson import GRAPHS, PROMPTS, Lesson, take
from core.lessons.pairs import Pair, bundled_pairs
from core.lessons.store import FOLDER, LABELS, load_lesson, save_labels, save_lesson
from core.store.layout import default_location

log = logging.getLogger(__name__)


def main() -> None:
    """Takes what is missing, then writes the labels."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="such as gpt2-modadd.nested: take these anew")
    parser.add_argument("--folder", type=Path, default=default_location() / FOLDER)
    parser.add_argument("--labels", type=Path, default=LABELS)
    given = parser.parse_args()
    lessons = all_lessons(given.folder, given.names)
    about = {
        "command": "python -m core.lessons",
        "units": "shares of m(model) - m(empty circuit)",
        "prompts": f"{PROMPTS} of the labels split; graphs of {GRAPHS} of the attribution split",
    }
    save_labels(lessons, given.labels, about)


def all_lessons(folder: Path, anew: Sequence[str] = ()) -> list[Lesson]:
    """The lessons of all pairs, taken where they are missing or named; by name.

    A pair that cannot be used (a dictionary of another model, say) is left out, and logged.
    """
    found = []
    for pair in sorted((*bundled_pairs(), *COMPILED), key=lambda pair: pair.name):
        path = folder / f"{pair.name}.safetensors"
        if pair.name in anew or not path.is_file():
            _take(pair, folder)
        if path.is_file():
            found.append(load_lesson(path))
    return found


def _take(pair: Pair, folder: Path) -> None:
    start = time.perf_counter()
    try:
        lesson = take_compiled(pair) if pair in COMPILED else take(pair)
    except CoreError as problem:
        log.warning("%s left out: %s", pair.name, problem)
        return
    save_lesson(lesson, folder)
    log.info("%s: %d nodes, %.1f s", pair.name, len(lesson.nodes), time.perf_counter() - start)


if __name__ == "__main__":
    main()
