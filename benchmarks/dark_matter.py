"""What is in the unexplained variance of every bundled dictionary: structure or noise?

    OMP_NUM_THREADS=1 python benchmarks/dark_matter.py [--pairs gpt2-modadd/topk ...] [--quick]

1. Every bundled model with its dictionaries (nested and TopK), as `hagd run` measures it
   (`core.darkmatter`): F lost when a layer's errors, or all, are exchanged for something else, in
   the whole model; and in the circuit where one is bundled.
2. *Blind*: the same dictionary after 30 % of its features, chosen by chance, have been silenced.
   What they wrote is then in the errors: a positive control, which should be found to be structured
   wherever the behaviour rests on it.

The words are those of `core.darkmatter.decide`, with its tests. Results:
benchmarks/results/dark_matter.json and .md, rewritten after every pair; pairs in the file are kept
unless named. `--quick`: two pairs, without the blind ones, nothing written.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from core.assets import ASSETS, CIRCUITS
from core.bundle import open_bundle
from core.circuit import GatedNode
from core.models import load_model, suited_threads
from core.pipeline.dark_matter import dark_matter_of
from core.pipeline.prepare import prepare
from core.tasks import load_task
from core.transcoders import Transcoder, TranscoderSet, open_transcoders
from core.zoo.circuits import RECIPES

SILENCED = 0.3
"""Share of features that a blind dictionary has lost."""
OUT = Path(__file__).parent / "results" / "dark_matter.json"
COMMAND = "OMP_NUM_THREADS=1 python benchmarks/dark_matter.py"
STANDS = ("mean", "noise", "shaped", "shuffled", "resampled", "nonlinear", "linear")
HEADS = (
    "pair", "layer", "unexplained", "linear R²", "mean", "noise", "noise, own shape",
    "another prompt's", "the corrupt prompt's", "linear part out", "rest out",
    "best read (written, control)", "its directions", "in the model", "in the circuit", "blind",
)  # fmt: skip


class Pair(NamedTuple):
    """A model with a dictionary."""

    model: str
    task: str
    kind: str
    circuit: str
    """Name of the bundle, which may not be there."""

    @property
    def key(self) -> str:
        return f"{self.model}/{self.kind}"


def pairs() -> Iterator[Pair]:
    """All pairs whose model and dictionary are bundled."""
    for name, recipe in RECIPES.items():
        kind = recipe.transcoders or "nested"
        there = (ASSETS / "transcoders" / recipe.model / kind).is_dir()
        if recipe.null == "none" and there and (ASSETS / "models" / recipe.model).is_dir():
            yield Pair(recipe.model, recipe.task, kind, name)


def measured(pair: Pair, *, blind: bool) -> dict[str, Any]:
    """A pair's entry in the results."""
    model = load_model(pair.model)
    prepared = prepare(model, load_task(pair.task, tokenizer=model.tokenizer))
    opened = open_transcoders(model, pair.kind)
    assert opened is not None  # bundled
    coders, nodes = opened.transcoders, _nodes(pair)
    with suited_threads(model):
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


def _nodes(pair: Pair) -> Sequence[GatedNode] | None:
    """Of the bundled circuit; None where there is none."""
    folder = CIRCUITS / pair.circuit
    return open_bundle(folder).circuit.nodes if folder.is_dir() else None


# ---- the table ----


def table(results: dict[str, Any]) -> str:
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
        f"| {' | '.join(HEADS)} |",
        "|" + "---|" * len(HEADS),
    ]
    for key, entry in results["pairs"].items():
        lines += [f"| {' | '.join(row)} |" for row in _rows(key, entry)]
    return "\n".join([*lines, "", _summary(results["pairs"]), ""])


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


def _summary(entries: dict[str, Any]) -> str:
    """How often each word was given to single layers."""

    def count(rows: list[dict[str, Any]]) -> str:
        words = [row["verdict"] for row in rows]
        said = (f"{words.count(word)} {word}" for word in ("structured", "noise", "undecided"))
        return f"{', '.join(said)} of {len(words)}"

    own = [r for e in entries.values() for b in e["bases"][:1] for r in b["layers"]]
    blind = [r for e in entries.values() if e["blind"] for b in e["blind"]["bases"][:1]
             for r in b["layers"]]  # fmt: skip
    return f"Single layers, whole model: {count(own)}; blind: {count(blind)}."


def main() -> None:
    """Measure what is missing, or what is named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", nargs="*", default=[], help="MODEL/KIND, to measure again")
    parser.add_argument("--quick", action="store_true", help="two pairs, nothing written")
    options = parser.parse_args()
    known = json.loads(OUT.read_text("utf-8"))["pairs"] if OUT.is_file() else {}
    results: dict[str, Any] = {"command": COMMAND, "pairs": {} if options.quick else known}
    wanted = [p for p in pairs() if p.key in options.pairs or not options.pairs]
    for pair in wanted[:2] if options.quick else wanted:
        if pair.key in results["pairs"] and pair.key not in options.pairs:
            continue
        results["pairs"][pair.key] = measured(pair, blind=not options.quick)
        print(pair.key, f"{results['pairs'][pair.key]['processor_seconds']} s", flush=True)  # noqa: T201
        if not options.quick:
            OUT.write_text(json.dumps(results) + "\n", "utf-8")
            OUT.with_suffix(".md").write_text(table(results), "utf-8")
    print(table(results))  # noqa: T201


if __name__ == "__main__":
    main()
