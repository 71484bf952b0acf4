"""What a person chooses by name: dictionaries, guides, null runs. One list of each, in its order.

Nothing here imports torch, so that the command line and the library know the words before the
engine is there. What heads do is `core.circuit.Attention`.
"""

from typing import Literal, get_args

DictionaryKind = Literal["topk", "nested", "relu", "jumprelu", "neurons", "gated", "clt"]
"""Every kind of dictionary that can be read (`core.transcoders`)."""
DICTIONARY_KINDS: tuple[DictionaryKind, ...] = get_args(DictionaryKind)
TrainedKind = Literal["topk", "nested", "clt"]
"""Those that can be trained."""
TRAINED_KINDS: tuple[TrainedKind, ...] = get_args(TrainedKind)
BundledKind = Literal["nested", "topk", "clt"]
"""Those that may come with a bundled model, by name."""
BUNDLED_KINDS: tuple[BundledKind, ...] = get_args(BundledKind)
COMMON_KINDS: tuple[BundledKind, ...] = ("nested", "topk")
"""Those that come with every one."""
DEFAULT_KIND: BundledKind = "nested"
"""What a run takes, or trains, if none is named."""
Skip = Literal["none", "affine"]
"""Whether an affine map runs beside a dictionary's features."""

GuideName = Literal["influence", "shifted-influence", "gnn"]
"""`influence`: all that passes through a node; `shifted-influence`: the part that a resample moves;
`gnn`: the network trained on measured effects (`core.guide.guide_named`)."""
GUIDES: tuple[GuideName, ...] = get_args(GuideName)
DEFAULT_GUIDE: GuideName = "shifted-influence"
"""What a run takes if none is named: the best recall on held-out models, with nothing learned. The
network ranks better by AP, yet no better than a perceptron or than itself on wiring dealt at random
(benchmarks/results/guide_study.md)."""

MAX_SIZE = 347
"""Nodes that a run takes at most if no size is named."""

ErrorsAre = Literal["live", "mean", "zero"]
"""What the transcoders' errors are in the Lab (`core.lab.LabSettings`)."""
Inside = Literal["circuit", "model"]
"""What runs beside the Lab's changes: the circuit alone, or the whole model."""

JUDGED = ("resample", "mean")
"""Ablations that a circuit is searched and judged under (`core.interventions.JUDGED`)."""

Null = Literal["none", "untrained", "permuted-answers", "same-answer", "shuffled-features"]
"""A run that must not validate; `core.pipeline.nulls` says what each is."""
NULLS: tuple[Null, ...] = get_args(Null)
