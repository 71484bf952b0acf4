"""One row of the result: the errors of one layer, or of all, on one base.

F under every stand-in, what of it is lost, what the probed directions carry, and the tests that the
word rests on (`decide`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from core.darkmatter.bench import Base, ErrorBench
from core.darkmatter.decide import (
    ALPHA,
    MOVED,
    Evidence,
    Probed,
    decide,
    equivalence,
    exchanged,
    holm,
    sign_flip,
)
from core.darkmatter.probes import (
    Labels,
    probed_directions,
    without,
)
from core.darkmatter.sample import Sample
from core.darkmatter.stand_ins import StandIn, noise_like
from core.figures import number

Told = Callable[[], None]
"""Called after every row."""


class Scopes:
    """Every layer alone and all together, on one base after the other.

    Args:
        bench: What runs them.
        fit: The errors that directions are found in.
        labels: The task's variables.
        told: Called after every row.
    """

    def __init__(
        self,
        bench: ErrorBench,
        fit: Sample,
        labels: Sequence[Labels],
        told: Told,
    ) -> None:
        self.bench, self.told = bench, told
        means = [layer.split.mean for layer in bench.layers]
        self.directions = {
            one.name: [
                probed_directions(error, one, mean)
                for error, mean in zip(fit.error, means, strict=True)
            ]
            for one in labels
        }

    def on(self, base: Base) -> dict[str, Any]:
        """One base: a row for each layer and one for all together."""
        n = len(self.bench.layers)
        rows = [self._row(base, scope) for scope in self._scopes()]
        alone = [max(row["tests"]["p_over_noise"], row["tests"]["p_over_shuffled"]) for row in rows]
        adjusted = [*holm(alone[:n]), *alone[n:]]
        rows = [_with_word(row, p) for row, p in zip(rows, adjusted, strict=True)]
        lost = [row["lost"][StandIn.SHUFFLED.value]["value"] for row in rows]
        return {
            "base": base.name,
            "rest": base.rest.value,
            "layers": rows[:n],
            "together": rows[n] if n > 1 else None,
            "interaction": number(lost[n] - sum(lost[:n])) if n > 1 else None,
        }

    def _scopes(self) -> list[tuple[int, ...]]:
        n = len(self.bench.layers)
        return [(layer,) for layer in range(n)] + ([tuple(range(n))] if n > 1 else [])

    def _row(self, base: Base, scope: tuple[int, ...]) -> dict[str, Any]:
        bench = self.bench
        drawn = {kind: bench.stand_in(base, scope, kind) for kind in StandIn}
        m = {kind: values.mean(0) for kind, values in drawn.items()}
        stacked = torch.stack(list(m.values()))
        f, lost = bench.faithfulness(stacked), bench.lost(m[StandIn.REAL], stacked)
        row = {
            "layers": list(scope),
            "faithfulness": {kind.value: share(f, i) for i, kind in enumerate(m)},
            "lost": {kind.value: share(lost, i) for i, kind in enumerate(m)},
            "probed": self._probed(base, scope, m[StandIn.REAL]),
            "tests": self._tests(drawn),
        }
        self.told()
        return row

    def _tests(self, drawn: Mapping[StandIn, Float[Tensor, "_ prompt"]]) -> dict[str, Any]:
        """Tests 1 and 3 of `decide`, and shuffling against noise."""
        seed, span = self.bench.settings.seed, self.bench.span
        real = drawn[StandIn.REAL][0]
        over = (drawn[StandIn.NOISE].mean(0) - drawn[StandIn.SHUFFLED].mean(0)) / span
        same = (StandIn.NOISE, StandIn.SHUFFLED, StandIn.RESAMPLED)
        equivalent = [equivalence((real - drawn[kind].mean(0)) / span) for kind in same]
        beyond = [exchanged(real, drawn[kind], seed) for kind in same[:2]]
        return {
            "p_over_noise": beyond[0],
            "p_over_shuffled": beyond[1],
            "p_equivalent": number(max(equivalent)),
            "shuffled_over_noise": number(float(over.mean())),
            "p_shuffled_over_noise": sign_flip(over, seed),
        }

    def _probed(
        self, base: Base, scope: tuple[int, ...], real: Float[Tensor, " prompt"]
    ) -> list[dict[str, Any]]:
        """What taking out each variable's directions costs, the most first; p by Holm over them."""
        found = [self._one_probed(base, scope, name, real) for name in self.directions]
        adjusted = holm([one["p_value"] for one in found])
        told = [one | {"p_value": p} for one, p in zip(found, adjusted, strict=True)]
        return sorted(told, key=lambda one: -one["lost"]["value"])

    def _one_probed(
        self, base: Base, scope: tuple[int, ...], name: str, real: Float[Tensor, " prompt"]
    ) -> dict[str, Any]:
        """Noise is run only where the directions carry enough to matter."""
        bench, found, settings = self.bench, self.directions[name], self.bench.settings
        m = bench.run(base, scope, lambda i, _: self._without(i, found[i])[None])
        lost = bench.lost(real, m)
        told = {"variable": name, "directions": found[0].shape[1], "lost": share(lost, 0)}
        if float(lost.value[0]) < MOVED:
            return told | {"noise": None, "p_value": 1.0}
        chance = torch.Generator().manual_seed(settings.seed + 11)

        def as_large(layer: int, some: slice) -> Tensor:
            error = bench.layers[layer].error
            out = error - self._without(layer, found[layer])
            return error + noise_like(out, some.stop - some.start, chance)

        by_luck = bench.run(base, scope, as_large, settings.draws)
        # taking the directions out is worse than noise: the test looks at what is larger
        p = exchanged(-m[0], -by_luck, settings.seed)
        return told | {"noise": share(bench.lost(real, by_luck.mean(0)[None]), 0), "p_value": p}

    def _without(self, layer: int, directions: Tensor) -> Tensor:
        one = self.bench.layers[layer]
        return without(one.error, one.split.mean, directions)


def share(shares: Any, row: int) -> dict[str, Any]:
    """A figure with its interval, for JSON."""
    ends = [number(float(shares.low[row])), number(float(shares.high[row]))]
    return {"value": number(float(shares.value[row])), "ci": ends}


def _with_word(row: dict[str, Any], p_structure: float) -> dict[str, Any]:
    """The row with its adjusted p, the word and the reason."""
    tests = row["tests"] | {"p_structure": number(p_structure)}
    word = decide(
        Evidence(
            over_noise=row["lost"][StandIn.NOISE.value]["value"],
            over_shuffled=row["lost"][StandIn.SHUFFLED.value]["value"],
            p_structure=p_structure,
            probed=_strongest(row["probed"]),
            p_equivalent=tests["p_equivalent"],
        )
    )
    return row | {"tests": tests, "verdict": word.content.value, "reason": word.reason}


def _strongest(probed: Sequence[Mapping[str, Any]]) -> Probed:
    """The variable whose directions carry most, those told from random ones first."""
    if not probed:
        return Probed("", math.nan, 1.0)
    best = min(probed, key=lambda one: (one["p_value"] >= ALPHA, -one["lost"]["value"]))
    return Probed(best["variable"], best["lost"]["value"], best["p_value"])
