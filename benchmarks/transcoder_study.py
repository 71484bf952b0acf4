"""Compares dictionaries by the circuits that they give.

    OMP_NUM_THREADS=1 python benchmarks/transcoder_study.py [--only KIND ...] [--quick]

1. On one bundled model, dictionaries of equal size are trained on the features split by
   reconstruction alone, with equal steps (those called longer: 2.5 times as many): ordinary TopK,
   nested with one or several lengths, with a group penalty, cross-layer, with the next-layer
   prediction head; beside them the MLP's own neurons and the paper's autoencoder of the hidden
   state.
2. Reconstruction: unexplained variance, replacement accuracy, dead share, firing rate.
3. Circuits: every feature at every position that is active on the labels split is a candidate;
   joint elimination ranks them there; the first n are the circuit. F and φ, strict regime, all
   heads live, under resample and mean ablation, on the selection split and on the test split. A
   node is a (layer, position, feature); a cross-layer feature counts once.
4. Beside each: random circuits of the same size with equally many nodes at each (layer, position).
5. For the last kinds also circuits whose nodes are features and heads at all positions, everything
   else ablated: the smallest count, heads included.

Nothing was chosen on the test split. Rows are kept as they come: run again to resume. `--quick`
trains for a few steps, to see that everything runs. Results: results/transcoder_study.{json,md}.
"""

import json

import torch
from study import Results, arguments, results_file
from transcoder_kinds import kinds
from transcoder_measure import study
from transcoder_tables import page

from core.models import load_model
from core.pipeline.prepare import prepare
from core.tasks import load_task

PAIRS = {"gpt2-modadd": "modular-addition", "llama-modadd": "modular-addition"}
OUT = results_file("transcoder_study")


def main() -> None:
    """Runs what is missing and writes the tables."""
    parser = arguments(__doc__, OUT)
    parser.add_argument("--model", default="gpt2-modadd", choices=PAIRS)
    parser.add_argument("--features", type=int, default=256)
    parser.add_argument("--k", type=int, default=16)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--only", nargs="*", help="names of kinds; all if none")
    parser.add_argument("--quick", action="store_true", help="20 steps, one seed, nothing kept")
    given = parser.parse_args()
    torch.set_num_threads(1)
    steps = 20 if given.quick else given.steps
    rows = kinds(given.features, given.k, steps)
    model = load_model(given.model)
    prepared = prepare(model, load_task(PAIRS[given.model], tokenizer=model.tokenizer))
    results = Results(given.out, page, kept=not given.quick)
    wanted = {
        f"{given.model}/{kind.name}/{number}": (kind, number)
        for number in range(1 if given.quick else 5)  # every kind once before any a second time
        for kind in rows
        if number < kind.seeds and (not given.only or kind.name in given.only)
    }
    for name in results.missing(wanted, again=given.again):
        results.put(name, study(prepared, *wanted[name]))
        print(name, json.dumps(results.rows[name]["selection"]), flush=True)
    if given.quick:
        print(page(results.found))


if __name__ == "__main__":
    main()
