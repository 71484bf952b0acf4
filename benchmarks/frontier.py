"""How faithful circuits of every size are.

    OMP_NUM_THREADS=1 python benchmarks/frontier.py [--rows 'gpt2-parity/nested/*' ...] [--quick]

For one nested dictionary of every task, a cross-layer one of modular addition (`ROWS`; `--rows`
takes any other bundled one as well), and for each way of counting

    features            a feature at one position is a node; attention is live, no head is counted
    heads               a head at one position is a node too; heads that are not kept are ablated
    anywhere            a feature is one node at all positions; attention is live
    heads anywhere      features and heads are one node each at all positions
    without heads       as `features`, but every head is ablated: what the MLPs do alone

1. Candidates: what fires on the labels split, clean or corrupt; all heads where they count.
2. Joint elimination ranks them on the labels split, all together and, in a nested dictionary, its
   dense features (with the heads) alone; of more than 4,096 candidates only the dense ones, or the
   4,096 with the steepest slopes. At every size the better ranking's circuit is exchanged, too.
3. Of these circuits the one with the best worst of F and φ on the *selection* split is taken, size
   by size; and the smallest size at which that reaches 0.97.
4. The *test* split is read once: F and φ of the circuits taken, and beside them, at the smallest
   good size and a few others, circuits that no search found (`frontier_controls`): random ones,
   the first features of the dictionary, the most active ones, as many at each layer and position;
   and, where nodes are at all positions, counts of first features that are swept on selection.

Strict regime (errors and everything else outside the circuit ablated), resample and mean. `live` is
how many nodes run in a circuit, uncounted heads among them; `bits` is log2 of how many circuits of
that size the candidates have. `null`: the same search for permuted answers; `right` is the share of
*those* answers that its circuits give. It tells nothing of parity: with two answers, half of the
permuted ones are the true ones.

A row takes 20 to 90 processor seconds, one of coreference more, and all of `ROWS` about half an
hour. Results: benchmarks/results/frontier.json and .md, rewritten after every row.
"""

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from frontier_measure import BESIDE, Counting, Effort, Frontier
from frontier_table import DRAWS, page
from study import Pair, Results, arguments, bundled_pairs, chosen, pair_named, results_file

from core.choices import BUNDLED_KINDS
from core.models import load_model, suited_threads
from core.pipeline.nulls import permuted
from core.pipeline.prepare import prepare
from core.tasks import load_task
from core.transcoders import open_transcoders

SIZES = (*range(10, 50, 5), 49, 53, 57, 61, 65, 75, 85, 100, 125, 150, 200, 250, 300, 347)
PROMPTS = 256
OUT = results_file("frontier")
COMMAND = "python benchmarks/frontier.py [--rows MODEL/DICTIONARY ...]"
COUNTINGS = {
    "features": Counting("live"),
    "heads": Counting("counted"),
    "anywhere": Counting("live", everywhere=True),
    "heads anywhere": Counting("counted", everywhere=True),
    "without heads": Counting("ablated"),
}
NULL = "null"
"""Counted as `heads`."""
EVERY_WAY = ("gpt2-modadd/nested", "gpt2-modadd/clt")
"""Dictionaries whose circuits are counted in all ways."""
COUNTED_TWICE = (
    *("llama-modadd", "neox-modadd"),
    *("gpt2-parity", "gpt2-sorting", "gpt2-coref", "gpt2-sense", "gpt2-facts"),
)
"""Models whose circuits are counted with live heads, and with heads as nodes."""
NULLS_OF = ("gpt2-modadd", "gpt2-sorting", "gpt2-coref", "gpt2-sense", "gpt2-facts")
"""One model of every task with more than two answers."""
ROWS = (
    *(f"{pair}/{counting}" for pair in EVERY_WAY for counting in COUNTINGS),
    *(f"{model}/nested/{way}" for model in COUNTED_TWICE for way in ("features", "heads")),
    *(f"{model}/nested/{NULL}" for model in NULLS_OF),
)
"""What is run unless other rows are asked for."""
WHOLE = Effort(SIZES, DRAWS, PROMPTS, None, 3)
QUICK = Effort(BESIDE, 10, 64, 64, 0)


def main() -> None:
    """Runs what is missing, and writes it."""
    parser = arguments(__doc__, OUT, chooses="--rows")
    parser.add_argument(
        "--own", nargs="*", default=[], metavar="KIND=DIR", help="dictionaries, for --rows of them"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few prompts, sizes and draws, no exchange; not kept"
    )
    given = parser.parse_args()
    own = dict(pair.split("=", 1) for pair in given.own)
    about = {"command": COMMAND}
    results = Results(given.out, page, under="rows", about=about, kept=not given.quick)
    for name in results.missing(chosen(possible(own), given.rows or ROWS), again=given.again):
        pair, counting = split(name)
        pair = pair._replace(kind=own.get(pair.kind, pair.kind))
        row = study(pair, counting, QUICK if given.quick else WHOLE)
        results.put(name, row)
        print(name, row["smallest"], f"{row['seconds']} s", flush=True)
    if given.quick:
        print(page(results.found))


def possible(own: Iterable[str]) -> list[str]:
    """model/dictionary/counting of every row that could be run: those of `ROWS` come first."""
    bundled = [pair.name for pair in bundled_pairs(BUNDLED_KINDS)]
    models = dict.fromkeys(name.split("/")[0] for name in bundled)
    pairs = [*bundled, *(f"{model}/{kind}" for kind in own for model in models)]
    ways = (*COUNTINGS, NULL)
    every = [f"{pair}/{way}" for pair in pairs for way in ways]
    return [*(name for name in ROWS if name in every), *(n for n in every if n not in ROWS)]


def split(name: str) -> tuple[Pair, str]:
    """The pair of a row, and its way of counting."""
    pair, _, counting = name.rpartition("/")
    return pair_named(pair), counting


def study(pair: Pair, counting: str, effort: Effort) -> dict[str, Any]:
    """The frontier of one model, dictionary (bundled, or a folder of one's own) and counting."""
    start, model = time.process_time(), load_model(pair.model)
    task = load_task(pair.task, tokenizer=model.tokenizer)
    dictionary = open_transcoders(model, pair.kind)
    assert dictionary is not None  # bundled, or a folder
    with tempfile.TemporaryDirectory() as folder, suited_threads(model):
        if counting == NULL:
            task = permuted(task, Path(folder) / "permuted.jsonl", 0)
        way = COUNTINGS["heads" if counting == NULL else counting]
        row = Frontier(prepare(model, task), dictionary.transcoders, way, effort).row()
    return {**row, "seconds": round(time.process_time() - start, 1)}


if __name__ == "__main__":
    main()
