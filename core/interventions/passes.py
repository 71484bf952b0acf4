"""Passes of a model in which only circuits are live.

1. The gates of a circuit become one MLP edit a layer and, where a head is not live, one head edit.
2. Many circuits run as one batch; what no edit can change, the attention of block 0, all that draws
   of errors share below the first given layer, and positions that are the same in every circuit
   (`living`), is not run again for each.

A live head recomputes its pattern and values on what the circuit writes.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import SettingsError
from core.interventions.edits import (
    EVERYWHERE,
    circuit_edit,
    head_edit,
    is_strict,
    regime_base,
    skip_edit,
)
from core.interventions.errors import ErrorRegime, Errors
from core.interventions.gates import Gates
from core.interventions.prepared import PreparedBatch
from core.interventions.references import Ablation
from core.models import Edits, LanguageModel
from core.models.threads import mapped
from core.transcoders import TranscoderSet

CHUNK_TOKENS = 16384
"""Tokens run at once; bounds the memory of a chunk of circuits."""
LAST = slice(-1, None)
"""The only position at which anybody reads what the last layer writes."""


def chunk_size(part: PreparedBatch) -> int:
    """Circuits run at once."""
    return max(1, CHUNK_TOKENS // part.attended[..., 0].numel())


@dataclass(frozen=True, slots=True, eq=False)
class Passes:
    """One model with its transcoders; `gates` have one front axis, over circuits, unless said."""

    model: LanguageModel
    transcoders: TranscoderSet

    def living(
        self, part: PreparedBatch, ablation: Ablation, regime: ErrorRegime | Errors
    ) -> PreparedBatch:
        """The positions of a part at which circuits can differ from each other.

        Where every reference is the corrupt prompt's and errors are the corrupt or the clean one's,
        all is as on both of them before the first position at which they differ.
        """
        plain = regime in (ErrorRegime.ABLATED, ErrorRegime.KEPT, ErrorRegime.RESAMPLE)
        return part.from_change() if plain and ablation is Ablation.RESAMPLE else part

    def drawn(
        self, part: PreparedBatch, gates: Gates, ablation: Ablation, errors: Errors
    ) -> Float[Tensor, "circuit prompt d_vocab"]:
        """A circuit or a draw each; below the first given layer all draws agree."""
        n, size = max(len(gates), len(errors)), chunk_size(part)
        _check_draws(len(gates), len(errors))
        start, resid = 0, None
        # A cross-layer feature below would have to hand its part up into every draw's own pass.
        if len(gates) == 1 and errors.first > 0 and not self.transcoders.crosses:
            below = self.edits(part, gates[:, None].cut(part.start), ablation, errors.rest)
            start = errors.first
            with torch.no_grad():
                resid = self.model.run_to(start, part.batch.clean, below)

        def run(rows: slice) -> Tensor:
            with torch.no_grad():
                some = gates[rows] if len(gates) == n else gates[[0] * (rows.stop - rows.start)]
                mine = errors[rows] if len(errors) == n else errors
                return self.logits(part, some, ablation, mine, start, resid)

        chunks = (slice(row, min(row + size, n)) for row in range(0, n, size))
        return torch.cat(list(mapped(self.model, run, chunks)))

    def logits(
        self,
        part: PreparedBatch,
        gates: Gates,
        ablation: Ablation,
        regime: ErrorRegime | Errors,
        start: int = 0,
        resid: Float[Tensor, "prompt pos d_model"] | None = None,
    ) -> Float[Tensor, "circuit prompt d_vocab"]:
        """From block `start` on, which `resid` enters in every circuit; the embedding if None."""
        edits = self.edits(part, gates[:, None].cut(part.start), ablation, regime)
        if resid is None:
            logits = self.run(part, edits, len(gates))
        else:
            logits = self.model.run_from(start, resid.repeat(len(gates), 1, 1), edits)
        return logits.view(len(gates), len(part.logits), -1)

    def run(
        self, part: PreparedBatch, edits: Edits, n: int
    ) -> Float[Tensor, "circuit_prompt d_vocab"]:
        """The whole model; block 0's attention is not run again where no edit changes it."""
        before = part.before if part.behind else ()
        if 0 in edits.heads or self.transcoders.crosses:
            return self.model.run_from(0, part.resid[0].repeat(n, 1, 1), edits, before)
        written = edits.replaced[0](part.clean.mlp_in[0].repeat(n, 1, 1))
        return self.model.run_from(1, part.attended.repeat(n, 1, 1) + written, edits, before)

    def edits(
        self,
        part: PreparedBatch,
        gates: Gates,
        ablation: Ablation,
        regime: ErrorRegime | Errors,
        *,
        closed: bool = False,
    ) -> Edits:
        """Edits of every layer; the front axes of `gates` are circuit and gated, cut to `part`.

        `closed`: derivatives are asked for by closed gates too.
        """
        reference = part.reference(ablation)
        heads = {
            layer: head_edit(gates.head[:, :, layer], reference.z[layer])
            for layer in _layers_with_gated_heads(gates)
        }
        replaced = {}
        for layer, (coder, gate) in enumerate(
            zip(self.transcoders.layers, gates.feature.unbind(2), strict=True)
        ):
            inner = circuit_edit(
                coder,
                gate,
                reference.activation[layer],
                regime_base(regime, layer, reference, part.clean, part.corrupt, part.mean),
                within=LAST if layer == self.model.n_layers - 1 else EVERYWHERE,
                known=part.clean.activation[0] if layer == 0 and 0 not in heads else None,
                closed=closed,
            )
            live_skip = skip_edit(coder, inner, reference.mlp_in[layer])
            replaced[layer] = inner if is_strict(regime) else live_skip
        return Edits(replaced=replaced, heads=heads)


def _check_draws(circuits: int, draws: int) -> None:
    if circuits not in (1, draws) and draws != 1:
        raise SettingsError(
            f"{draws} draws of errors were given for {circuits} circuits; one of the two must be 1 "
            "or both equal. Run the circuits one by one."
        )


def _layers_with_gated_heads(gates: Gates) -> list[int]:
    """Layers in which some head is not simply live; elsewhere heads need no edit."""
    n_layers = gates.head.shape[2]
    if gates.head.requires_grad:
        return list(range(n_layers))
    gated = (gates.head != 1).transpose(0, 2).flatten(1).any(1)
    return [layer for layer in range(n_layers) if gated[layer]]
