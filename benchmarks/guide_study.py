"""Do guides find the nodes that matter on models and tasks they have not seen?

    python -m core.lessons                       # what every node does: labels of all bundled pairs
    python benchmarks/guide_study.py [--quick]   # the table; goes on where it was stopped
    python benchmarks/guide_study.py --ship      # trains on every pair, writes assets/guide

1. Members of a pair are the tenth of its nodes, at most 100, with the largest single-node effect
   (the larger of noising and denoising, resample ablation, labels split).
2. Whatever is learned is learned on the pairs that are not held out: all pairs of a task
   (leave-one-task-out), or all models of one architecture and size (leave-one-model-out). Compiled
   programs are only ever learned from.
3. Beside the network: its perceptron and linear map on the same columns; the network on graphs
   whose wiring was dealt at random; and rankings that need no learning, the first-order effect
   (attribution patching, a forward and a backward pass) among them.
4. Figures are means over seeds and a model's dictionaries. Tests are paired Wilcoxon tests,
   two-sided: over held-out models, Holm-corrected over the rivals of a table's column; and, since
   models of one task are not independent, over the means of the tasks, exact. Six tasks cannot
   give less than p = 2 / 2⁶, so that one is not corrected: no rival of thirteen could pass.

Settings were compared on the first three models and on seed 0 of the small models' task folds, so
the table is not free of that choice; what is held out in a fold is never trained on in it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from guide_measure import SHAPES, TRAINING, TRIM, Study, episode_of
from guide_summary import table
from guide_table import page
from study import Results, arguments, results_file

from core.guide.gnn import BUNDLED, save_guide
from core.guide.learning import fit, trimmed
from core.lessons.lesson import Lesson
from core.lessons.store import FOLDER, load_lesson
from core.store import default_location, write_whole

OUT = results_file("guide_study")


def main() -> None:
    """Runs what is missing and writes the table."""
    parser = arguments(__doc__)
    parser.add_argument("--lessons", type=Path, default=default_location() / FOLDER)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--splits", nargs="*", default=["task", "model"])
    parser.add_argument("--methods", nargs="*", default=list(SHAPES))
    parser.add_argument("--quick", action="store_true", help="one seed, few steps; not kept")
    parser.add_argument("--ship", action="store_true", help="train on everything, write the guide")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    torch.set_num_threads(1)  # one graph is too small to gain from more
    lessons = [load_lesson(path) for path in sorted(given.lessons.glob("*.safetensors"))]
    if given.ship:
        ship(lessons, given.out)
        return
    if given.quick:
        given.seeds = 1
    work = given.lessons / ("guide_study_quick.json" if given.quick else given.out.name)
    measured = json.loads(work.read_text()) if work.is_file() else {}
    study = Study(lessons, quick=given.quick)
    for done in study.learned(given.splits, given.methods, given.seeds, measured):
        measured |= done
        write_whole(work, json.dumps(measured).encode())
    results = Results(given.out, page, kept=not given.quick)
    results.found = table(lessons, study, measured, given.splits)
    results.write()
    if given.quick:
        print(page(results.found))


def ship(lessons: Sequence[Lesson], results: Path) -> None:
    """The guide that comes with the program: GATv2 trained on every pair."""
    learn = [trimmed(episode_of(lesson), TRIM) for lesson in lessons]
    settings = TRAINING["GATv2"]
    settings = replace(settings, steps=2 * settings.steps)
    made = fit(learn, SHAPES["GATv2"], settings)
    about = {
        "command": "python benchmarks/guide_study.py --ship",
        "table": f"benchmarks/results/{results.with_suffix('.md').name}",
        "trained_on": [lesson.pair.name for lesson in lessons],
        "training": asdict(settings) | {"trim": TRIM},
    }
    save_guide(made, SHAPES["GATv2"], BUNDLED, about)


if __name__ == "__main__":
    main()
