"""Does QK attribution predict how heads react to feature interventions it has never seen?

    python benchmarks/qk_prediction.py [--pairs gpt2-modadd/topk ...] [--prompts N] [--quick]

Prompts of the test split; features drawn at random among all that are active on the prompt below
the last layer. Nothing is fitted, so features and prompts are held out from everything. Each prompt
has three families of interventions: one feature ablated, one doubled, four ablated at once.

*Held against*: the frozen model; the live model with all MLPs holding still but for the change; the
live model. *Predictors*: the attribution (`direct`); the same with the norm in front of the heads
renewed where the changed stream enters it; the first with features above responding first
(`through features`); the attribution's columns of other features at the same layer and position
(`shuffled`); a random direction of the same norm in place of what the feature writes (`random`).

R² = 1 - Σ(real - predicted)² / Σ real² over all cells (head, query, key) of all prompts and
interventions, 0 for predicting no change; with the 95 % interval over prompts (1,000 bootstraps).
Results: benchmarks/results/qk_prediction.json and .md.
"""

import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from study import (
    Pair,
    Results,
    arguments,
    bundled_pairs,
    chosen,
    line,
    opened,
    pair_named,
    results_file,
    rule,
)
from torch import Tensor

from core.attention.prediction import (
    Intervention,
    Reach,
    Regime,
    frozen_scores,
    gates_of,
    live_scores,
    norm_changes,
    predicted_scores,
    writes_of,
)
from core.attention.qk import heads_of, prompt_sources
from core.attribution.ends import Features, Writers
from core.attribution.frozen import freeze
from core.models import causal_pattern
from core.pipeline.prepare import Prepared
from core.tasks import Split
from core.transcoders import TranscoderSet

OUT = results_file("qk_prediction")
EACH = 8
"""Interventions of each family on a prompt."""
FAMILIES = {"one ablated": (1, 0.0), "one doubled": (1, 2.0), "four ablated": (4, 0.0)}
BOOTSTRAPS = 1000


def draw(features: Features, top: int, rng: random.Random) -> list[Intervention]:
    """Interventions on features that heads of higher layers can see, family by family."""
    below = (features.layer < top).nonzero()[:, 0].tolist()
    return [
        Intervention(features=tuple(rng.sample(below, count)), factor=factor)
        for count, factor in FAMILIES.values()
        for _ in range(EACH)
    ]


def shuffled(
    features: Features, interventions: Sequence[Intervention], rng: random.Random
) -> list[Intervention]:
    """Other active features in their place, at the same layer and position where there is one."""
    found = []
    for intervention in interventions:
        others = []
        for place in intervention.features:
            here = features.layer == features.layer[place]
            near = here & (features.position == features.position[place])
            pool = near if int(near.sum()) > 1 else here
            choice = [p for p in pool.nonzero()[:, 0].tolist() if p != place]
            others.append(rng.choice(choice) if choice else place)
        found.append(replace(intervention, features=tuple(others)))
    return found


def changes(sources: Writers, interventions: list[Intervention], seed: int) -> dict[str, Tensor]:
    """Scores [layer intervention head query key] after the change, by run and by predictor."""
    frozen, rng = sources.frozen, random.Random(seed)
    writes = writes_of(sources, interventions)
    noise = torch.randn(writes.shape, generator=torch.Generator().manual_seed(seed))
    noise *= (writes.norm(dim=-1) / noise.norm(dim=-1))[..., None]
    gates = {
        "direct": gates_of(sources, interventions),
        "through features": gates_of(sources, interventions, Reach.THROUGH),
        "shuffled": gates_of(sources, shuffled(sources.features, interventions, rng)),
    }
    found = {
        "frozen": frozen_scores(frozen, writes),
        "random": frozen_scores(frozen, noise),
        **{regime.value: live_scores(sources, interventions, regime) for regime in Regime},
    }
    heads = range(frozen.model.n_heads)
    layers = [heads_of(sources, layer, heads) for layer in range(frozen.model.n_layers)]
    norms = {"norms renewed": norm_changes(frozen, writes)}
    for name in (*gates, *norms):
        values, norm = gates.get(name, gates["direct"]), norms.get(name)
        rows = [
            torch.stack(
                [predicted_scores(h, values, None if norm is None else norm[i]) for h in row], 1
            )
            for i, row in enumerate(layers)
        ]
        found[name] = torch.stack(rows)
    base = frozen_scores(frozen, torch.zeros_like(writes[:1]))
    return {name: scores - base for name, scores in found.items()} | {"base": base}


AGAINST = ("frozen", Regime.HELD.value, Regime.LIVE.value)
PREDICTORS = ("direct", "norms renewed", "through features", "shuffled", "random")


def squares(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Σ over query and key of squares: [layer intervention head], residual and total."""
    base = found["base"]
    seen = torch.ones(base.shape[-2:], dtype=torch.bool).tril()
    clean = causal_pattern(base)
    kinds = {
        "score": {n: found[n] * seen for n in (*AGAINST, *PREDICTORS)},
        "pattern": {n: causal_pattern(base + found[n]) - clean for n in (*AGAINST, *PREDICTORS)},
    }
    result = {}
    for kind, by in kinds.items():
        for real in AGAINST:
            result[f"{kind}|{real}|total"] = by[real].square().sum((-1, -2))
            for name in PREDICTORS:
                result[f"{kind}|{real}|{name}"] = (by[real] - by[name]).square().sum((-1, -2))
    return result


def measured(
    pair: Pair, prepared: Prepared, coders: TranscoderSet, n_prompts: int
) -> dict[str, Any]:
    """All prompts of one model and dictionary."""
    model = prepared.model
    rows = [ids for batch in prepared.batches[Split.TEST] for ids in batch.clean]
    chosen = random.Random(0).sample(rows, min(n_prompts, len(rows)))
    sums: list[dict[str, Tensor]] = []
    start = time.perf_counter()
    with torch.no_grad():
        for number, ids in enumerate(chosen):
            sources = prompt_sources(freeze(model, coders, ids))
            below = draw(sources.features, model.n_layers - 1, random.Random(number))
            sums.append(squares(changes(sources, below, number)))
    stacked = {name: torch.stack([row[name] for row in sums]).double() for name in sums[0]}
    return {
        "model": model.name,
        "task": pair.task,
        "kind": pair.kind,
        "prompts": len(chosen),
        "interventions": len(chosen) * EACH * len(FAMILIES),
        "seconds": round(time.perf_counter() - start, 1),
        "r2": table(stacked),
        "families": {name: families(stacked, i) for i, name in enumerate(FAMILIES)},
        "heads": by_head(stacked),
    }


def table(sums: dict[str, Tensor]) -> dict[str, dict[str, list[float]]]:
    """R² with its interval, by quantity and run, then by predictor."""
    found: dict[str, dict[str, list[float]]] = {}
    draws = np.random.default_rng(0)
    n = len(next(iter(sums.values())))
    picks = torch.from_numpy(draws.integers(0, n, (BOOTSTRAPS, n)))
    for name, values in sums.items():
        kind, real, predictor = name.split("|")
        if predictor == "total":
            continue
        total = sums[f"{kind}|{real}|total"].flatten(1).sum(1)
        missed = values.flatten(1).sum(1)
        again = 1 - missed[picks].sum(1) / total[picks].sum(1)
        low, high = np.quantile(again.numpy(), (0.025, 0.975))
        whole = 1 - float(missed.sum() / total.sum())
        row = [round(float(x), 4) for x in (whole, low, high)]
        found.setdefault(f"{kind}, {real}", {})[predictor] = row
    return found


def families(sums: dict[str, Tensor], family: int) -> dict[str, float]:
    """R² of the direct prediction for one family of interventions."""
    part = slice(family * EACH, (family + 1) * EACH)
    return {
        f"{kind}, {real}": round(
            1
            - float(
                sums[f"{kind}|{real}|direct"][:, :, part].sum()
                / sums[f"{kind}|{real}|total"][:, :, part].sum()
            ),
            4,
        )
        for kind in ("score", "pattern")
        for real in AGAINST
    }


def by_head(sums: dict[str, Tensor]) -> dict[str, dict[str, float]]:
    """R² of every head above the first layer against the live model."""
    found = {}
    _, n_layers, _, n_heads = next(iter(sums.values())).shape
    for layer in range(1, n_layers):
        for head in range(n_heads):
            found[f"L{layer}H{head}"] = {
                f"{kind}, {name}": round(
                    1
                    - float(
                        sums[f"{kind}|live|{name}"][:, layer, :, head].sum()
                        / sums[f"{kind}|live|total"][:, layer, :, head].sum().clamp(min=1e-12)
                    ),
                    4,
                )
                for kind in ("score", "pattern")
                for name in ("direct", "norms renewed", "through features")
            }
    return found


def page(found: Mapping[str, Any]) -> str:
    """One table a quantity; a row for each model and run."""
    lines = ["# QK attribution: predicted against real changes", "", "`" + found["command"] + "`"]
    for kind in ("score", "pattern"):
        lines += ["", f"R² of the change of the {kind}, with 95 % intervals over prompts", ""]
        lines += [line(["model", "held against", *PREDICTORS])]
        lines += [rule(2 + len(PREDICTORS))]
        for name, row in found["models"].items():
            for real in AGAINST:
                cells = row["r2"][f"{kind}, {real}"]
                shown = [_cell(cells.get(predictor)) for predictor in PREDICTORS]
                lines.append(line([name, real, *shown]))
    return "\n".join(lines) + "\n"


def _cell(found: list[float] | None) -> str:
    """R² with its interval; a dash where a model was measured without this predictor."""
    return "–" if found is None else f"{found[0]:.3f} ({found[1]:.2f}–{found[2]:.2f})"


def main() -> None:
    """Every bundled pair, or those named."""
    parser = arguments(__doc__, OUT, chooses="--pairs")
    parser.add_argument("--prompts", type=int, default=48)
    parser.add_argument("--quick", action="store_true", help="four prompts; writes nothing")
    given = parser.parse_args()
    about = {"command": f"python benchmarks/qk_prediction.py --prompts {given.prompts}"}
    results = Results(given.out, page, under="models", about=about, kept=not given.quick)
    names = chosen([pair.name for pair in bundled_pairs()], given.pairs)
    for name in results.missing(names, again=given.again):
        pair = pair_named(name)
        with opened(pair) as (prepared, coders):
            row = measured(pair, prepared, coders, 4 if given.quick else given.prompts)
        results.put(name, row)
        print(json.dumps({"name": name, "s": row["seconds"], "r2": row["r2"]}), flush=True)


if __name__ == "__main__":
    main()
