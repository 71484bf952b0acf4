"""The tables of `transcoder_study`: means over seeds, with the spread where there are several."""

from collections.abc import Iterable, Mapping
from statistics import mean, stdev
from typing import Any

from study import line

from core.choices import JUDGED

SIZES = ("25", "49", "100", "200", "347")
COMMAND = "OMP_NUM_THREADS=1 python benchmarks/transcoder_study.py"


def page(found: Mapping[str, Any]) -> str:
    """Markdown of everything measured so far."""
    parts = [
        "# Dictionaries compared by their circuits\n",
        f"    {COMMAND}\n",
        "Strict regime (everything outside the circuit, errors too, at its reference), all heads "
        "live; nodes are (layer, position, feature). Means over seeds ± standard deviation. "
        "FVU and firing rate by layer. `n97` is the smallest size tried at which F reaches .97 "
        "under both ablations.\n",
    ]
    for model in dict.fromkeys(name.split("/")[0] for name in found):
        rows = _grouped({name: row for name, row in found.items() if name.startswith(f"{model}/")})
        for split in ("selection", "test"):
            parts.append(f"## {model}, {split} split\n")
            parts += [_quality(rows, split)]
            parts += [_circuits(rows, split, how) for how in JUDGED]
        parts += [_anywhere(rows, split) for split in ("selection", "test")]
        parts.append(_heads(rows))
    return "\n".join(part for part in parts if part)


def _grouped(found: Mapping[str, Any]) -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = {}
    for name, row in found.items():
        rows.setdefault(name.split("/")[1], []).append(row)
    return rows


def _quality(rows: Mapping[str, list[Any]], split: str) -> str:
    lines = []
    for name, seeds in rows.items():
        quality = [row[f"quality_{split}"] for row in seeds]
        cells = [
            name, str(len(seeds)), " + ".join(map(str, seeds[0]["prefixes"])) or "–",
            _layers(q["fvu"] for q in quality), _spread(q["replacement_accuracy"] for q in quality),
            _layers(q["dead_share"] for q in quality), _layers(q["firing_rate"] for q in quality),
            _layers(q["l0"] for q in quality), _smallest(seeds, split),
        ]  # fmt: skip
        lines.append(cells)
    head = [
        "dictionary", "seeds", "prefix", "FVU", "replacement", "dead", "firing rate", "L0", "n97"
    ]  # fmt: skip
    return _table(head, lines)


def _smallest(seeds: Iterable[Any], split: str) -> str:
    """Of each seed, the smallest size with F ≥ .97 under both ablations."""
    found = []
    for row in seeds:
        sizes = [int(size) for size in row[split] if size != "all"]
        good = [
            size
            for size in sizes
            if min(row[split][str(size)][f"f_{how}"] for how in JUDGED) >= 0.97
        ]
        found.append(str(min(good)) if good else "none")
    return ", ".join(found)


def _circuits(rows: Mapping[str, list[Any]], split: str, how: str) -> str:
    lines = []
    for name, seeds in rows.items():
        cells = [name]
        for size in (*SIZES, "all"):
            held = [row[split][size] for row in seeds if size in row[split]]
            if not held:
                cells.append("–")
                continue
            text = f"{_spread(one[f'f_{how}'] for one in held)}"
            phi = mean(one[f"phi_{how}"] for one in held)
            text += f" / {phi:.3f}"
            if "random" in held[0]:
                best = max(one["random"][f"f_{how}"] for one in held)
                text += f" ({best:.2f})"
            cells.append(text)
        lines.append(cells)
    title = f"F / φ under {how} ablation (in brackets the best F of the random circuits)\n\n"
    return title + _table(["dictionary", *SIZES, "all"], lines)


def _anywhere(rows: Mapping[str, list[Any]], split: str) -> str:
    """Nodes at all positions, heads counted; the worse of F under resample and mean."""
    lines, name = [], f"anywhere_{split}"
    for kind, seeds in rows.items():
        held = [row[name] for row in seeds if name in row]
        if held:
            worst = {
                size: [min(one[size]["f_resample"], one[size]["f_mean"]) for one in held]
                for size in held[0]
            }
            first = [
                next((size for size in worst if worst[size][seed] >= 0.97), "none")
                for seed in range(len(held))
            ]
            lines.append([kind, *(_spread(found) for found in worst.values()), ", ".join(first)])
    if not lines:
        return ""
    sizes = list(next(row[name] for seeds in rows.values() for row in seeds if name in row))
    title = (
        f"## Features and heads at all positions as nodes, {split} split\n\n"
        "F, the worse of resample and mean, seed means; heads count, those not kept are ablated. "
        "Last: the smallest size with F ≥ .97, seed by seed.\n\n"
    )
    return title + _table(["dictionary", *sizes, "F ≥ .97"], lines)


def _heads(rows: Mapping[str, list[Any]]) -> str:
    """Table V of the paper: with and without the prediction head, seed by seed."""
    without, with_head = rows.get("topk", []), rows.get("topk + prediction head", [])
    pairs = list(zip(without, with_head, strict=False))
    if len(pairs) < 2:
        return ""
    lines = []
    for how in JUDGED:
        for size in SIZES:
            gap = [b["test"][size][f"f_{how}"] - a["test"][size][f"f_{how}"] for a, b in pairs]
            phi = [b["test"][size][f"phi_{how}"] - a["test"][size][f"phi_{how}"] for a, b in pairs]
            up = sum(one > 0 for one in gap)
            cells = [how, size, _signed(gap), _signed(phi), f"{up} of {len(gap)}"]
            lines.append(cells)
    head = ["ablation", "size", "F(λ₁ > 0) − F(λ₁ = 0)", "the same of φ", "seeds with F higher"]
    error = [b["quality_test"]["prediction_error"][0] for _, b in pairs]
    note = (
        f"\nThe head predicts the next layer's features with a relative squared error of "
        f"{_spread(error)} on the test split.\n"
    )
    title = "## The prediction head (the paper's Table V): λ₁ = 1 against λ₁ = 0, test split\n\n"
    return title + _table(head, lines) + note


def _signed(values: Iterable[float]) -> str:
    found = list(values)
    return f"{mean(found):+.3f} ± {stdev(found):.3f}"


def _spread(values: Iterable[float]) -> str:
    found = list(values)
    return f"{mean(found):.3f}" + (f" ± {stdev(found):.3f}" if len(found) > 1 else "")


def _layers(values: Iterable[list[float]]) -> str:
    return " ".join(f"{mean(layer):.3g}" for layer in zip(*values, strict=True))


def _table(head: list[str], lines: list[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(map(line, rows)) + "\n"
