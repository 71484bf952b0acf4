"""The runs of `null_rate`: nulls of every kind, and real ones beside them."""

from typing import NamedTuple

from core.circuit import Attention

PAIRS = {
    "gpt2-modadd": "modular-addition",
    "llama-modadd": "modular-addition",
    "gpt2-coref": "coreference",
    "gpt2-parity": "parity",
    "neox-parity": "parity",
}
KINDS = ("untrained", "permuted-answers", "same-answer", "shuffled-features", "shuffled-labels")
KINDS_OF_PARITY = ("shuffled-features", "shuffled-labels", "permuted-answers", "untrained")
"""Same answers are left out: the span rule stops them wherever they were tried."""


class Job(NamedTuple):
    """One run."""

    kind: str
    """One of KINDS, or `real`."""
    model: str
    seed: int
    attention: Attention = Attention.LIVE
    """Circuit: heads are counted."""

    @property
    def name(self) -> str:
        """Its key in the results."""
        counted = "/heads" if self.attention is Attention.CIRCUIT else ""
        return f"{self.kind}/{self.model}/{self.seed}{counted}"


def jobs(quick: bool) -> list[Job]:
    """Every run; real ones first, since shuffled ones start from their search."""
    seeds = {"gpt2-modadd": range(3), "llama-modadd": range(2), "gpt2-coref": range(1)}
    if quick:
        seeds = {"gpt2-modadd": range(1)}
    found = [Job("real", model, seed) for model in seeds for seed in seeds[model]]
    found += [Job(kind, model, s) for model in seeds for kind in KINDS for s in seeds[model]]
    if not quick:  # fast ones: more draws of the same searches
        found += [Job(k, "gpt2-modadd", s) for k in KINDS[3:] for s in range(3, 6)]
        found += [
            Job(kind, model, 0, heads)
            for model in ("gpt2-parity", "neox-parity")
            for heads in Attention
            for kind in (*KINDS_OF_PARITY, "real")
        ]
    return sorted(found, key=lambda job: job.model == "gpt2-coref")  # its runs take minutes
