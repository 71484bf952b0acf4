"""The five tests of Shi et al. (arXiv 2410.13032) on one circuit: section `shi`.

The score of a prompt is logit(answer) − logit(wrong); circuits run in the strict regime under
resampling, complements with the model's own errors, as necessity is measured. d(A, B) is the mean
of |score of A − score of B| over prompts. Here circuits are made of nodes, not of edges:

*Ideal tests*, passed where H0 is not rejected at `ALPHA`:

1. equivalence: circuit and model outperform each other equally often, within ε.
2. independence: what the complement answers does not depend on what the model answers.
3. minimality: no node is removable. d(C, C without the node) is held against
   d(C with a random node more, C) of 100 random alive nodes: it is removable if it beats
   significantly less than q of them. Up to `TESTED` nodes, evenly over the ranking; p values are
   corrected for their number (Bonferroni).

*Flexible tests*, passed where H0 is rejected, against 100 random circuits of as many alive nodes:

4. sufficiency: the circuit is nearer to the model, d(M, C), than more than q of them.
5. partial necessity: its complement is further from the model than more than q of theirs.

An ideal test that is passed on few prompts may lack the power to fail: the number is told.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.circuit import GatedNode, node_table
from core.figures import number, probability
from core.interventions import Ablation, ErrorRegime, Evaluator, Gates, Places
from core.validation.bench import Candidate
from core.validation.controls import Alive, free_circuits
from core.validation.hypotheses import PERMUTATIONS, equivalence, independence, quantile
from core.validation.matching import among

EPSILON = 0.1
"""Of the equivalence test."""
Q = 0.9
"""Share of random effects that must be beaten."""
ALPHA = 0.05
"""Level of every test."""
DRAWS = 100
"""Random circuits, and random nodes."""
TESTED = 64
"""Nodes whose removal is tested."""
ABLATION = Ablation.RESAMPLE


def shi_tests(evaluator: Evaluator, candidate: Candidate, *, seed: int = 0) -> dict[str, Any]:
    """All five tests as JSON values.

    Args:
        evaluator: On the split to judge on; a few dozen prompts are enough.
        candidate: The circuit and its ranking.
        seed: Of random circuits, nodes and permutations.
    """
    bench = _Bench(evaluator, candidate, seed)
    found = {
        "equivalence": _equivalence(bench),
        "independence": _independence(bench),
        "minimality": _minimality(bench),
        **_against_random(bench),
    }
    return {
        "n_prompts": evaluator.n_prompts,
        "ablation": ABLATION.value,
        "complement_errors": ErrorRegime.KEPT.value,
        "alpha": ALPHA,
        **found,
        "sentence": _sentence(found),
    }


class _Bench:
    """One circuit's scores, and those of others as they are asked for."""

    def __init__(self, evaluator: Evaluator, candidate: Candidate, seed: int) -> None:
        self.evaluator, self.attention, self.seed = evaluator, candidate.attention, seed
        self.nodes: tuple[GatedNode, ...] = candidate.first(candidate.size)
        self.model = evaluator.model_outcome().logit_diff[0]
        self.alive = Alive.on(evaluator, candidate.attention)
        own = Places.of(self.nodes, evaluator.bounds, candidate.attention)
        self.gates = own.gates(torch.ones(1, len(self.nodes)))
        self.circuit = self.scores(self.gates)[0]
        self.complement = self.rest(self.gates)[0]

    def scores(self, gates: Gates) -> Float[Tensor, "circuit prompt"]:
        """Of circuits alone, strict."""
        return self.evaluator.outcome(gates, ABLATION, ErrorRegime.ABLATED).logit_diff

    def rest(self, gates: Gates) -> Float[Tensor, "circuit prompt"]:
        """Of everything but each circuit, errors kept."""
        rest = gates.complement(self.attention)
        return self.evaluator.outcome(rest, ABLATION, ErrorRegime.KEPT).logit_diff

    def far(self, scores: Float[Tensor, "circuit prompt"], other: Tensor) -> np.ndarray:
        """d of each circuit from another one."""
        return (scores - other).abs().mean(1).double().numpy()


def _equivalence(bench: _Bench) -> dict[str, Any]:
    difference = (bench.model - bench.circuit).double().numpy()
    n = int((difference != 0).sum())
    p = equivalence(difference, EPSILON)
    return {
        "epsilon": EPSILON,
        "n": n,
        "model_better": number(float((difference > 0).sum()) / n) if n else None,
        "p_value": number(p),
        "passed": p >= ALPHA,
    }


def _independence(bench: _Bench) -> dict[str, Any]:
    one, other = (x.double().numpy() for x in (bench.complement, bench.model))
    found = independence(one, other, seed=bench.seed)
    return {
        "hsic": number(found.hsic),
        "p_value": number(found.p_value),
        "permutations": PERMUTATIONS,
        "passed": found.p_value >= ALPHA,
    }


def _minimality(bench: _Bench) -> dict[str, Any]:
    """Each node's removal beside that of random nodes from circuits inflated by one."""
    places = np.unique(np.linspace(0, len(bench.nodes) - 1, TESTED).round().astype(int))
    random = _inflated(bench)
    if random is None:
        return {"tested": 0, "removable": None, "q": Q, "passed": None}
    drawn = bench.far(bench.scores(random), bench.circuit)
    own = Places.of(bench.nodes, bench.evaluator.bounds, bench.attention)
    without = torch.ones(len(places), len(bench.nodes))
    without[torch.arange(len(places)), torch.from_numpy(places)] = 0.0
    lost = bench.far(bench.scores(own.gates(without)), bench.circuit)
    beaten = (lost[:, None] > drawn[None]).sum(1)
    p = np.array([quantile(int(k), len(drawn), Q, "less") for k in beaten])
    removable = np.minimum(1.0, p * len(p)) < ALPHA
    return {
        "q": Q,
        "n_random": len(drawn),
        "tested": len(places),
        "removable": int(removable.sum()),
        "removable_nodes": [str(bench.nodes[i]) for i in places[removable]],
        "median_beaten": number(float(np.median(beaten)) / len(drawn)),
        "passed": not removable.any(),
    }


def _inflated(bench: _Bench) -> Gates | None:
    """The circuit with one random alive node more, `DRAWS` times; None where there is none.

    Taking that node out again leaves the circuit, so one run gives each draw's effect.
    """
    own = node_table(bench.nodes)
    pool = bench.alive.with_own(own)
    pool = pool[~among(pool, own)]
    if not len(pool):
        return None
    generator = torch.Generator().manual_seed(bench.seed)
    rows = pool[torch.randint(len(pool), (DRAWS,), generator=generator)]
    everything = Places.of(torch.cat([own, rows]), bench.evaluator.bounds, bench.attention)
    chosen = torch.cat([torch.ones(DRAWS, len(own)), torch.eye(DRAWS)], 1)
    return everything.gates(chosen)


def _against_random(bench: _Bench) -> dict[str, Any]:
    """Sufficiency and partial necessity."""
    random = free_circuits(bench.nodes, bench.alive, draws=DRAWS, seed=bench.seed)
    near = bench.far(bench.circuit[None], bench.model)[0]
    away = bench.far(bench.complement[None], bench.model)[0]
    nearer = int((near < bench.far(bench.scores(random.gates), bench.model)).sum())
    further = int((away > bench.far(bench.rest(random.gates), bench.model)).sum())
    return {
        "sufficiency": _beats(nearer) | {"distance": number(float(near))},
        "partial_necessity": _beats(further) | {"distance": number(float(away))},
    }


def _beats(count: int) -> dict[str, Any]:
    p = quantile(count, DRAWS, Q, "greater")
    return {
        "q": Q,
        "n_random": DRAWS,
        "beaten": count / DRAWS,
        "p_value": number(p),
        "passed": p < ALPHA,
    }


def _sentence(found: dict[str, dict[str, Any]]) -> str:
    words = {None: "not testable", True: "passed", False: "failed"}
    parts = []
    for name, test in found.items():
        if name == "minimality":
            why = f"{test['removable']} of {test['tested']} nodes removable"
        else:
            why = f"p {probability(test['p_value'])}"
        parts.append(f"{name.replace('_', ' ')} {words[test['passed']]} ({why})")
    return f"Shi et al.: {', '.join(parts)}."
