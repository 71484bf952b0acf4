"""What training a set of transcoders can be told."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from core.choices import TRAINED_KINDS, Skip, TrainedKind
from core.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedSettings:
    """The dense prefix of a nested dictionary."""

    prefix: tuple[int, ...] = ()
    """Dense features of each layer; empty: in proportion to the PCA rank of what it writes
    (`core.transcoders.sizing`), or none in a cross-layer transcoder."""
    per_rank: float = 3.0
    """Dense features for each principal direction, where `prefix` is empty."""
    variance: float = 0.97
    """Share of the variance at a layer's sites that its PCA rank must reach, in (0, 1)."""
    lengths: tuple[float, ...] = (1 / 6, 1 / 3, 2 / 3, 1.0)
    """Leading shares of the prefix that must reconstruct alone, in (0, 1]; the last is 1. As given,
    they are half a rank, one, two and three."""
    weight: float = 1.0
    """Weight of the prefixes' reconstruction error beside that of all features."""
    sites: tuple[tuple[float, ...], ...] = ()
    """Weight of each [layer][aligned position] in the prefixes' error; empty: all 1. Half of all
    tokens are then drawn from these sites."""

    def __post_init__(self) -> None:
        _check("prefix", self.prefix, all(p >= 1 for p in self.prefix), "sizes of at least 1")
        _check("per_rank", self.per_rank, self.per_rank > 0, "a number above 0")
        _check("variance", self.variance, 0 < self.variance < 1, "a share between 0 and 1")
        rising = list(self.lengths) == sorted(set(self.lengths))
        fits = bool(self.lengths) and self.lengths[0] > 0 and self.lengths[-1] == 1
        _check("lengths", self.lengths, rising and fits, "rising shares above 0 that end in 1")
        _check("weight", self.weight, self.weight >= 0, "a weight of at least 0")
        positive = all(weight >= 0 for row in self.sites for weight in row)
        _check("sites", self.sites, positive, "weights of at least 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionSettings:
    """The head that predicts the next layer's features (the paper's cross-layer term)."""

    weight: float = 0.0
    """Weight λ₁ of its error beside reconstruction; 0 trains no head."""
    rank: int = 256
    """Width of its bottleneck."""

    def __post_init__(self) -> None:
        _check("prediction weight", self.weight, self.weight >= 0, "a weight of at least 0")
        _check("prediction rank", self.rank, self.rank >= 1, "a width of at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """One training run; with the model and the prompts it determines the result."""

    kind: TrainedKind = "topk"
    """TopK; nested: a dense prefix that reconstructs alone, and TopK for the rest; or clt: features
    write at all later layers too (TopK, or nested where `nested.prefix` is told)."""
    features: int = 256
    """Features of each layer."""
    k: int = 16
    """Active features of a token (beside the prefix, if nested)."""
    steps: int = 3000
    """Optimiser steps."""
    batch: int = 1024
    """Tokens of a step, each position equally often."""
    learning_rate: float = 1e-2
    """Adam's, after warm-up and before its linear decay over the second half."""
    seed: int = 0
    """Seeds the initial weights and the batches."""
    blends: float = 1.0
    """Blends for each plain token of a batch: the MLP itself, asked between two prompts."""
    skip: Skip = "none"
    """An affine skip from input to output: an uncounted path, so off by default."""
    dead_after: int = 30
    """Steps without firing after which a feature is dead and trained on the residual (AuxK)."""
    aux_weight: float = 1 / 32
    """Weight of the dead features' reconstruction of the residual."""
    group_weight: float = 0.0
    """Weight of the group lasso over features at a site: use few of them there."""
    nested: NestedSettings = field(default_factory=NestedSettings)
    """Used if `kind` is nested or clt."""
    prediction: PredictionSettings = field(default_factory=PredictionSettings)
    """The next-layer head."""

    def __post_init__(self) -> None:
        for name in ("features", "k", "steps", "batch", "dead_after"):
            value = getattr(self, name)
            _check(name, value, value >= 1, "at least 1")
        room = self.k + max(self.nested.prefix, default=0) * (self.kind != "topk")
        _check("features", self.features, room <= self.features, f"at least prefix + k = {room}")
        _check("learning_rate", self.learning_rate, self.learning_rate > 0, "above 0")
        _check("blends", self.blends, self.blends >= 0, "at least 0")
        _check("aux_weight", self.aux_weight, self.aux_weight >= 0, "at least 0")
        _check("group_weight", self.group_weight, self.group_weight >= 0, "at least 0")
        _check("seed", self.seed, self.seed >= 0, "at least 0")
        _check("kind", self.kind, self.kind in TRAINED_KINDS, f"one of {', '.join(TRAINED_KINDS)}")

    @property
    def lacks_prefix(self) -> bool:
        """Whether the length of a dense prefix is still to be told (`core.transcoders.sized`)."""
        return self.kind == "nested" and not self.nested.prefix


def only_at(settings: TrainSettings, sites: Iterable[tuple[int, int, bool]]) -> TrainSettings:
    """The settings with a nested prefix trained only where a site matters.

    Args:
        settings: Of a nested dictionary.
        sites: Every (layer, aligned position) and whether it matters.
    """
    found = list(sites)
    layers, length = (1 + max(site[axis] for site in found) for axis in (0, 1))
    weights = [[0.0] * length for _ in range(layers)]
    for layer, position, matters in found:
        weights[layer][position] = float(matters)
    rows = tuple(tuple(row) for row in weights)
    return replace(settings, nested=replace(settings.nested, sites=rows))


def _check(name: str, value: object, fulfilled: bool, required: str) -> None:
    if not fulfilled:
        raise SettingsError(
            f"The training setting `{name}` is {value!r}; it must be {required}. Change it."
        )
