"""How often the whole pipeline validates a circuit where there is none: its false-positive rate.

    python benchmarks/null_rate.py [--rows 'permuted-*/gpt2-parity/*' ...] [--quick] [--work DIR]

Each null run prepares, discovers, chooses a size and validates as `hagd run` does, with its search,
its controls and its verdict, on fewer prompts and with less search (`SETTINGS`, `LIMITS`):

1. *untrained*: the architecture with weights drawn anew, transcoders trained on it.
2. *permuted-answers*: each prompt's answers dealt to another prompt.
3. *same-answer*: corrupt prompts that have the clean ones' answer.
4. *shuffled-features*: a real search, each feature then exchanged for a random one of its site.
5. *shuffled-labels*: a real search, what it measured of each node then dealt to another node; the
   circuit is as large, its nodes anywhere.

Circuits are of features, all heads live, and on parity of features and heads counted as well
(a row's name then ends in `/heads`). Beside the nulls real runs under the same settings, which
should validate: a pipeline that never says `holds` has no false positives either. Upper bounds are
one-sided, 95 %: exact (Clopper-Pearson), and 3 / n by the rule of three where there is none.

Untrained models and permuted answers are stopped by the model's accuracy, same answers by the span:
before anything is asked of the circuit. So it is told how many nulls those two rules stop, how many
go past them, how many meet every *other* condition, and for how many the floor is all that is left
to stop them. Results: benchmarks/results/null_rate.json and .md.
"""

import tempfile
from pathlib import Path

from null_jobs import jobs
from null_measure import LIMITS, run
from null_table import page, summary
from study import Results, arguments, chosen, results_file

from core.store import open_store

OUT = results_file("null_rate")


def main() -> None:
    """Runs what is not there yet, rewriting the results after every run."""
    parser = arguments(__doc__, OUT, chooses="--rows")
    parser.add_argument("--quick", action="store_true", help="one model and seed; not kept")
    parser.add_argument("--work", type=Path, help="models, tasks and searches; else temporary")
    given = parser.parse_args()
    about = {
        "command": "python benchmarks/null_rate.py",
        "prompts": {split.value: limit for split, limit in LIMITS.items()},
    }
    results = Results(given.out, page, under="rows", about=about, kept=not given.quick)
    wanted = {job.name: job for job in jobs(given.quick)}
    with tempfile.TemporaryDirectory() as folder:
        work = given.work or Path(folder)
        with open_store(work / "store") as store:
            for name in results.missing(chosen(wanted, given.rows), again=given.again):
                row = run(wanted[name], store, work)
                results.found["summary"] = summary([*results.rows.values(), row])
                results.put(name, row)
                print(name, row["verdict"], row["seconds"], flush=True)
    if given.quick:
        print(page(results.found))


if __name__ == "__main__":
    main()
