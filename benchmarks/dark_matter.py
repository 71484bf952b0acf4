"""What is in the unexplained variance of every bundled dictionary: structure or noise?

    OMP_NUM_THREADS=1 python benchmarks/dark_matter.py [--pairs gpt2-modadd/topk ...] [--quick]

1. Every bundled model with its dictionaries (nested and TopK), as `hagd run` measures it
   (`core.darkmatter`): F lost when a layer's errors, or all, are exchanged for something else, in
   the whole model; and in the circuit where one is bundled.
2. *Blind*: the same dictionary after 30 % of its features, chosen by chance, have been silenced.
   What they wrote is then in the errors: a positive control, which should be found to be structured
   wherever the behaviour rests on it.

The words are those of `core.darkmatter.decide`, with its tests. Results:
benchmarks/results/dark_matter.json and .md, rewritten after every pair. `--quick`: two pairs,
without the blind ones, nothing written.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from study import Pair, Results, arguments, chosen, line, opened, results_file, rule

from core.assets import CIRCUITS, MODELS, TRANSCODERS
from core.bundle import open_bundle
from core.circuit import Attention, GatedNode
from core.darkmatter.decide import MARGIN
from core.pipeline.judging.dark_matter import dark_matter_of
from core.transcoders import Transcoder, TranscoderSet
from core.zoo.circuits import RECIPES

SILENCED = 0.3
"""Share of features that a blind dictionary has lost."""
OUT = results_file("dark_matter")
COMMAND = "OMP_NUM_THREADS=1 python benchmarks/dark_matter.py"
STANDS = ("mean", "noise", "shaped", "shuffled", "resampled", "nonlinear", "linear")
HEADS = (
    "pair", "layer", "unexplained", "linear R²", "mean", "noise", "noise, own shape",
    "another prompt's", "the corrupt prompt's", "linear part out", "rest out",
    "best read (written, control)", "its directions", "in the model", "in the circuit", "blind",
)  # fmt: skip


def circuits() -> dict[Pair, str]:
    """The circuit of every pair that is bundled; the circuit itself may not be there."""
    found = {}
    for name, recipe in RECIPES.items():
        pair = Pair(recipe.model, recipe.task, recipe.transcoders or "nested")
        there = (TRANSCODERS / pair.name).is_dir() and (MODELS / pair.model).is_dir()
        if recipe.null == "none" and recipe.attention is Attention.LIVE and there:
            found[pair] = name
    return found


def measured(pair: Pair, circuit: str, *, blind: bool) -> dict[str, Any]:
    """A pair's entry in the results."""
    nodes = _nodes(circuit)
    with opened(pair) as (prepared, coders):
        before = time.process_time()
        found = dark_matter_of(prepared, coders, nodes)
        seconds = time.process_time() - before
        beside = dark_matter_of(prepared, silenced(coders), None) if blind else None
    return {"task": pair.task, "processor_seconds": round(seconds, 1), **found, "blind": beside}


def silenced(coders: TranscoderSet) -> TranscoderSet:
    """The dictionary with some of its features writing nothing."""
    chance = torch.Generator().manual_seed(0)

    def blinded(coder: Transcoder) -> Transcoder:
        kept = torch.rand(coder.n_features, generator=chance) >= SILENCED
        shape = (-1, *[1] * (coder.W_dec.ndim - 1))
        return replace(coder, W_dec=coder.W_dec * kept.float().view(shape))

    return replace(coders, layers=tuple(blinded(coder) for coder in coders))


def _nodes(circuit: str) -> Sequence[GatedNode] | None:
    """Of a bundled circuit; None where there is none."""
    folder = CIRCUITS / circuit
    return open_bundle(folder).circuit.nodes if folder.is_dir() else None


# ---- the table ----


def page(results: Mapping[str, Any]) -> str:
    """All pairs, a line a layer and one for all layers together."""
    lines = [
        "# Dark matter",
        "",
        f"`{COMMAND}`. Columns from *mean* to *rest out*: F lost on the whole model when the "
        "errors of the layer are exchanged for that; 128 test prompts, resample ablation. *Best "
        "read*: the variable that a probe reads best from the errors (in brackets from the "
        "reconstruction, and from shuffled labels); *its directions*: F lost without the probed "
        "directions of the variable that carries most. Words: in the whole model, in the bundled "
        "circuit, and in the model after 30 % of the features have been silenced (a positive "
        "control).",
        "",
        _power(results["pairs"]),
        "",
        line(HEADS),
        rule(len(HEADS)),
    ]
    for key, entry in results["pairs"].items():
        lines += map(line, _rows(key, entry))
    return "\n".join([*lines, ""])


def _rows(key: str, entry: dict[str, Any]) -> Iterator[list[str]]:
    bases = {base["base"]: _all(base) for base in entry["bases"]}
    blind = _all(entry["blind"]["bases"][0]) if entry["blind"] and entry["blind"]["bases"] else []
    for place, row in enumerate(bases["dictionary"]):
        single = entry["layers"][place] if len(row["layers"]) == 1 else None
        circuit = bases["circuit"][place]["verdict"] if "circuit" in bases else "–"
        yield [
            key,
            str(row["layers"][0]) if single else "all",
            f"{single['unexplained']:.2%}" if single else "",
            f"{single['linear_r2']:.2f}" if single else "",
            *(f"{row['lost'][name]['value']:z.3f}" for name in STANDS),
            _best(single["probes"]) if single else "",
            f"{row['probed'][0]['lost']['value']:z.3f}" if row["probed"] else "–",
            row["verdict"],
            circuit,
            blind[place]["verdict"] if blind else "–",
        ]


def _best(probes: list[dict[str, Any]]) -> str:
    if not probes:
        return "–"
    best = max(probes, key=lambda probe: probe["selectivity"])
    beside = f"{best['written']:.2f}, {best['control']:.2f}"
    return f"{best['variable']} {best['accuracy']:.2f} ({beside})"


def _all(base: dict[str, Any]) -> list[dict[str, Any]]:
    return [*base["layers"], *([base["together"]] if base["together"] else [])]


def _power(entries: Mapping[str, Any]) -> str:
    """How often each word was given to single layers, and what that says of the test."""
    own = [row for entry in entries.values() for row in _single(entry)]
    blind = [row for entry in entries.values() for row in _single(entry["blind"])]
    # where the blind dictionary is found structured the test can see something
    seen = [
        row
        for entry in entries.values()
        for row, beside in zip(_single(entry), _single(entry["blind"]), strict=False)
        if beside["verdict"] == "structured"
    ]
    return (
        f"**Power** (single layers, whole model). With {SILENCED:.0%} of the features silenced, "
        f"what they wrote is in the errors by construction, and the tests say {_counted(blind)}: "
        f"they miss it in {len(blind) - _count(blind, 'structured')} rows. As the dictionaries are "
        f"they say {_counted(own)}; of the {len(seen)} rows whose silenced twin is *structured*, "
        f"{_counted(seen)}. So a row that is not *structured* is little evidence that it has no "
        "structure. *Noise* is a test of its own (errors exchanged for noise, another prompt's or "
        f"the corrupt one's change F by less than {MARGIN}), said of {_count(blind, 'noise')} of "
        "the silenced: it means that the errors carry next to nothing of this behaviour, not that "
        "nothing is in them."
    )


def _single(entry: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Rows of single layers in the whole model."""
    return entry["bases"][0]["layers"] if entry and entry["bases"] else []


def _counted(rows: Sequence[Mapping[str, Any]]) -> str:
    words = ("structured", "undecided", "noise")
    said = ", ".join(f"*{word}* in {_count(rows, word)}" for word in words)
    return f"{said} of {len(rows)}"


def _count(rows: Sequence[Mapping[str, Any]], word: str) -> int:
    return sum(row["verdict"] == word for row in rows)


def main() -> None:
    """Measures what is missing."""
    parser = arguments(__doc__, OUT, chooses="--pairs")
    parser.add_argument("--quick", action="store_true", help="two pairs, nothing written")
    given = parser.parse_args()
    about = {"command": COMMAND}
    results = Results(
        given.out, page, under="pairs", about=about, kept=not given.quick, indent=None
    )
    there = {pair.name: (pair, circuit) for pair, circuit in circuits().items()}
    wanted = chosen(there, given.pairs)[: 2 if given.quick else None]
    for name in results.missing(wanted, again=given.again):
        results.put(name, measured(*there[name], blind=not given.quick))
        print(name, f"{results.rows[name]['processor_seconds']} s", flush=True)
    print(page(results.found))


if __name__ == "__main__":
    main()
