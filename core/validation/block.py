"""One block of `validation.json`: a circuit under one ablation and one error regime.

1. The circuit between the end points of F (`bench`), with intervals; nothing and everything live
   under the same regime.
2. Necessity, where heads are nodes also of its features alone.
3. Matched random circuits with p; circuits of the same sites that need no search; F and φ over
   sizes.
4. In the blocks that a verdict is read from also free random circuits, the matched ones' necessity,
   and bands of random circuits along the curve.

What random circuits only illustrate is measured on `FEW` prompts, the circuit beside them too.
"""

from typing import Any

import torch

from core.circuit import Attention, node_table
from core.figures import number
from core.interventions import Ablation, ErrorRegime, Evaluator, Gates, all_gates
from core.validation.bench import Bench, Candidate, ValidationSettings, necessity, needed_features
from core.validation.controls import (
    Alive,
    RandomCircuits,
    free_circuits,
    matched_circuits,
    plain_circuits,
)
from core.validation.curve import BANDED, area, curve_sizes, nested_gates
from core.validation.metrics import Scores, behaviour, interval, p_value, resamples, scores


def measure(
    evaluator: Evaluator,
    candidate: Candidate,
    split: str,
    ablation: Ablation,
    regime: ErrorRegime,
    settings: ValidationSettings,
    *,
    judged: bool = False,
) -> dict[str, Any]:
    """One ablation and error regime on one split, beside its controls.

    Args:
        evaluator: On the split.
        candidate: The circuit and the ranking it was cut from.
        split: Its name, as published.
        ablation: Where everything outside goes.
        regime: Where the transcoders' errors go.
        settings: How hard to test.
        judged: Whether a verdict is read from the block: all controls, on all prompts.
    """
    bounds, attention = evaluator.bounds, candidate.attention
    gates = nested_gates(candidate.order, [0, candidate.size], bounds, attention)
    none, circuit = gates[:1], gates[1:]
    bench = Bench.of(evaluator, ablation, regime, none, Alive.on(evaluator, attention))
    outcome = bench.run(circuit)
    found = scores(outcome, bench.empty, bench.model, seed=settings.seed)
    floor = scores(bench.run(none), bench.empty, bench.model, seed=settings.seed)
    whole = bench.run(all_gates(bounds)[None])
    everything = scores(whole, bench.empty, bench.model, seed=settings.seed)
    return {
        "split": split,
        "ablation": ablation.value,
        "error_regime": regime.value,
        "n_prompts": evaluator.n_prompts,
        "n_nodes": candidate.size,
        "n_edges": candidate.n_edges,
        **_scores_json(found),
        "phi_empty": number(floor.phi),
        "accuracy_empty": number(floor.accuracy),
        "chance": number(evaluator.chance()),
        "faithfulness_empty": number(floor.faithfulness),
        "phi_full": number(everything.phi),
        "faithfulness_full": number(everything.faithfulness),
        "span_ci": _span_interval(bench, settings.seed),
        "necessity": number(float(necessity(bench, circuit, attention)[0])),
        "necessity_errors": ErrorRegime.KEPT.value,
        **_features_needed(bench, circuit, attention),
        **_controls(bench, candidate, settings, judged),
        **_curve(bench, candidate, settings, judged),
        "forwards_used": None,
    }


def _scores_json(found: Scores) -> dict[str, Any]:
    return {
        "faithfulness": number(found.faithfulness),
        "faithfulness_ci": [number(v) for v in found.faithfulness_ci],
        "phi": number(found.phi),
        "phi_ci": [number(v) for v in found.phi_ci],
        "accuracy": number(found.accuracy),
        "logit_diff": number(found.logit_diff),
        "kl": number(found.kl),
        "agreement": number(found.agreement),
    }


def _span_interval(bench: Bench, seed: int) -> list[float | None]:
    """95 % interval of m(M) − m(∅), in logits."""
    span = bench.model.logit_diff[0] - bench.empty.logit_diff[0]
    generator = torch.Generator().manual_seed(seed)
    return [number(end) for end in interval(span[resamples(len(span), generator)].mean(1))]


def _features_needed(bench: Bench, circuit: Gates, attention: Attention) -> dict[str, float | None]:
    if attention is Attention.LIVE:
        return {}
    return {"necessity_features": number(float(needed_features(bench, circuit)[0]))}


def _controls(
    bench: Bench, candidate: Candidate, settings: ValidationSettings, judged: bool
) -> dict[str, Any]:
    alive, circuit = bench.alive, candidate.first(candidate.size)
    options = {"draws": settings.draws, "seed": settings.seed}
    own = nested_gates(candidate.order, [candidate.size], alive.bounds, alive.attention)
    few = bench.few()
    matched = matched_circuits(circuit, alive, **options)
    found = {"random": _random_json(bench if judged else few, matched, own)}
    if judged:
        found["random"] |= _random_necessity(bench, matched)
        found["random_free"] = _random_json(few, free_circuits(circuit, alive, **options), own)
    plain = plain_circuits(circuit, alive)
    return found | {
        "plain": {name: _plain_json(bench, gates) for name, gates in plain.items()},
        "n_alive": len(alive.with_own(node_table(circuit))),
    }


def _random_json(bench: Bench, random: RandomCircuits, own: Gates) -> dict[str, Any]:
    """Random circuits, and p of the circuit itself among them, on the same prompts."""
    outcome = bench.run(random.gates)
    f = bench.f_of(outcome)
    phi = behaviour(outcome, bench.model)
    return {
        "n": len(f),
        "n_prompts": bench.evaluator.n_prompts,
        "faithfulness_mean": number(float(f.mean())),
        "faithfulness_max": number(float(f.max())),
        "phi_mean": number(float(phi.mean())),
        "phi_max": number(float(phi.max())),
        "p_value": p_value(float(bench.f(own)[0]), f),
        "overlap": number(random.overlap),
    }


def _random_necessity(bench: Bench, random: RandomCircuits) -> dict[str, float | None]:
    """Of the random circuits' features; where heads are no nodes, that is the whole circuit."""
    found = needed_features(bench, random.gates)
    return {
        "necessity_mean": number(float(found.mean())),
        "necessity_max": number(float(found.max())),
    }


def _plain_json(bench: Bench, gates: Gates) -> dict[str, float | None]:
    outcome = bench.run(gates)
    return {
        "faithfulness": number(float(bench.f_of(outcome)[0])),
        "phi": number(float(behaviour(outcome, bench.model)[0])),
    }


def _curve(
    bench: Bench, candidate: Candidate, settings: ValidationSettings, judged: bool
) -> dict[str, Any]:
    sizes = curve_sizes(len(candidate.order), candidate.size)
    bounds, attention = bench.evaluator.bounds, candidate.attention
    outcome = bench.run(nested_gates(candidate.order, sizes, bounds, attention))
    f = bench.f_of(outcome)
    phi = behaviour(outcome, bench.model)
    banded = {*BANDED, candidate.size, len(candidate.order)} if judged else set()
    few = bench.few() if judged else bench
    points = [
        {
            "size": size,
            "faithfulness": number(float(f[i])),
            "phi": number(float(phi[i])),
            **(_band(few, candidate, size, settings) if size in banded else {}),
        }
        for i, size in enumerate(sizes)
    ]
    total = max(len(candidate.order), 1)
    gaps = (1 - f).abs().tolist()
    return {
        "curve": points,
        "cpr": number(area(sizes, f.tolist(), total)),
        "cmd": number(area(sizes, gaps, total)),
    }


def _band(
    bench: Bench, candidate: Candidate, size: int, settings: ValidationSettings
) -> dict[str, float | None]:
    """Range of F over free random circuits of the same size: 5 and 95 % quantiles."""
    draws = {"draws": settings.curve_draws, "seed": settings.seed + 1}
    random = free_circuits(candidate.first(size), bench.alive, **draws)
    f = bench.f(random.gates)
    low, high = torch.quantile(f, torch.tensor([0.05, 0.95])).tolist()
    return {"random_low": number(low), "random_high": number(high)}
