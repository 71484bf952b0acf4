"""One block of `validation.json`: a circuit under one ablation and one error regime.

1. End points of F: the empty circuit in the strict regime, and the model.
2. The circuit beside them, with intervals; nothing and everything live under the same regime.
3. Necessity: all but the circuit, with the model's own errors. Where heads are nodes, also of its
   features alone, all heads live: a layer has few heads, a circuit most of the useful ones, and a
   random circuit then has the same, so that only features can be held against random ones.
4. Matched random circuits with p; circuits of the same sites that need no search; F and φ over
   sizes.
5. In the blocks that a verdict is read from also free random circuits, the matched ones' necessity,
   and bands of random circuits along the curve.

What random circuits only illustrate is measured on `FEW` prompts, the circuit beside them too.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from core.circuit import Attention, GatedNode, node_table
from core.errors import SettingsError
from core.interventions import Ablation, ErrorRegime, Evaluator, Gates, Outcome, all_gates
from core.validation.controls import (
    Alive,
    RandomCircuits,
    free_circuits,
    matched_circuits,
    plain_circuits,
)
from core.validation.curve import BANDED, area, curve_sizes, nested_gates
from core.validation.metrics import Scores, behaviour, faithfulness, p_value, scores

FEW = 128
"""Prompts for random circuits that no verdict is read from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSettings:
    """How hard a circuit is tested."""

    draws: int = 100
    """Random circuits of each kind in a block; at least 100 for p < 0.01."""
    curve_draws: int = 20
    """Random circuits behind each point of a curve."""
    seed: int = 0
    """Seed of random circuits and bootstraps."""

    def __post_init__(self) -> None:
        if self.draws < 100:
            raise SettingsError(
                f"draws is {self.draws}; at least 100 random circuits are required, or p cannot "
                "fall below 0.01. Raise draws."
            )


class Candidate(NamedTuple):
    """What is validated."""

    order: tuple[GatedNode, ...]
    """All candidate nodes, strongest first."""
    size: int
    """The circuit is the first `size` of them."""
    n_edges: int
    """Edges between its nodes in the task graph."""
    attention: Attention = Attention.LIVE
    """Whether heads are among the nodes."""

    def first(self, size: int) -> tuple[GatedNode, ...]:
        """The circuit of that size."""
        return self.order[:size]


class _Bench(NamedTuple):
    """One evaluator under one ablation and error regime, with its end points."""

    evaluator: Evaluator
    ablation: Ablation
    regime: ErrorRegime
    model: Outcome
    none: Gates
    """Nothing kept."""
    empty: Outcome
    """Of nothing kept, strict."""
    alive: Alive

    @classmethod
    def of(
        cls,
        evaluator: Evaluator,
        ablation: Ablation,
        regime: ErrorRegime,
        none: Gates,
        alive: Alive,
    ) -> "_Bench":
        empty = evaluator.outcome(none, ablation, ErrorRegime.ABLATED)
        return cls(evaluator, ablation, regime, evaluator.model_outcome(), none, empty, alive)

    def few(self) -> "_Bench":
        """The same on fewer prompts; what is alive is still told by all of them."""
        few = self.evaluator.few(FEW)
        return _Bench.of(few, self.ablation, self.regime, self.none, self.alive)

    def run(self, gates: Gates) -> Outcome:
        return self.evaluator.outcome(gates, self.ablation, self.regime)

    def f(self, gates: Gates) -> Float[Tensor, " circuit"]:
        return self.f_of(self.run(gates))

    def f_of(self, outcome: Outcome) -> Float[Tensor, " circuit"]:
        return faithfulness(outcome.logit_diff, self.empty.logit_diff[0], self.model.logit_diff[0])


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
    bench = _Bench.of(evaluator, ablation, regime, none, Alive.on(evaluator, attention))
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
        "necessity": number(float(_necessity(bench, circuit, attention)[0])),
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


def number(value: float) -> float | None:
    """JSON has no NaN: what cannot be computed (no span, no right answer) is null, never 0."""
    return round(value, 6) if math.isfinite(value) else None


def real(number: float | None) -> float:
    """A figure read back: NaN where it could not be computed."""
    return math.nan if number is None else number


def _span_interval(bench: _Bench, seed: int) -> list[float | None]:
    """95 % interval of m(M) − m(∅), in logits."""
    span = bench.model.logit_diff[0] - bench.empty.logit_diff[0]
    generator = torch.Generator().manual_seed(seed)
    draws = span[torch.randint(len(span), (1000, len(span)), generator=generator)].mean(1)
    low, high = torch.quantile(draws, torch.tensor([0.025, 0.975])).tolist()
    return [number(low), number(high)]


def _necessity(bench: _Bench, circuits: Gates, attention: Attention) -> Float[Tensor, " circuit"]:
    """1 − F of everything but each circuit, with the errors of the clean run; NaN where F is."""
    rest = circuits.complement(attention)
    return 1 - bench.f_of(bench.evaluator.outcome(rest, bench.ablation, ErrorRegime.KEPT))


def _needed_features(bench: _Bench, circuits: Gates) -> Float[Tensor, " circuit"]:
    """As `_necessity`, of each circuit's features alone; all heads stay live."""
    live = Gates(feature=circuits.feature, head=torch.ones_like(circuits.head))
    return _necessity(bench, live, Attention.LIVE)


def _features_needed(
    bench: _Bench, circuit: Gates, attention: Attention
) -> dict[str, float | None]:
    if attention is Attention.LIVE:
        return {}
    return {"necessity_features": number(float(_needed_features(bench, circuit)[0]))}


def _controls(
    bench: _Bench, candidate: Candidate, settings: ValidationSettings, judged: bool
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


def _random_json(bench: _Bench, random: RandomCircuits, own: Gates) -> dict[str, Any]:
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


def _random_necessity(bench: _Bench, random: RandomCircuits) -> dict[str, float | None]:
    """Of the random circuits' features; where heads are no nodes, that is the whole circuit."""
    found = _needed_features(bench, random.gates)
    return {
        "necessity_mean": number(float(found.mean())),
        "necessity_max": number(float(found.max())),
    }


def _plain_json(bench: _Bench, gates: Gates) -> dict[str, float | None]:
    outcome = bench.run(gates)
    return {
        "faithfulness": number(float(bench.f_of(outcome)[0])),
        "phi": number(float(behaviour(outcome, bench.model)[0])),
    }


def _curve(
    bench: _Bench, candidate: Candidate, settings: ValidationSettings, judged: bool
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
    bench: _Bench, candidate: Candidate, size: int, settings: ValidationSettings
) -> dict[str, float | None]:
    """Range of F over free random circuits of the same size: 5 and 95 % quantiles."""
    draws = {"draws": settings.curve_draws, "seed": settings.seed + 1}
    random = free_circuits(candidate.first(size), bench.alive, **draws)
    f = bench.f(random.gates)
    low, high = torch.quantile(f, torch.tensor([0.05, 0.95])).tolist()
    return {"random_low": number(low), "random_high": number(high)}
