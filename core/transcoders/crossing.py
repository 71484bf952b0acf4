"""What features of lower layers write into the MLP output of a running pass.

A feature of a cross-layer transcoder that is changed at layer l changes every MLP output from l on.
Edits are made layer by layer, so the part for later layers travels with the pass:

1. at layer l, `hand_up` leaves (a − a°) W[l → m] for each later layer m;
2. at layer m, `arrived` adds what has been left for it.

`replacing` puts reconstructions in the place of MLP outputs in the same way.

The store is the pass's own (`core.models.hooks.handed_up`): edits stay values that any number of
threads may run at once. Per-layer transcoders hand up nothing.
"""

from collections.abc import Container

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.models.hooks import MlpEdit, handed_up
from core.transcoders.transcoder import Transcoder
from core.transcoders.transcoder_set import TranscoderSet


def hand_up(
    coder: Transcoder,
    moved: Float[Tensor, "*batch at chosen"],
    at: Int[Tensor, " at"],
    features: Int[Tensor, " chosen"] | None = None,
    *,
    what: str = "change",
) -> None:
    """Leaves what features of this layer write at later ones.

    Args:
        coder: Of this layer.
        moved: Activations, or changes of them.
        at: Positions they are at.
        features: Which features they are of; all if None.
        what: Name under which later layers find it.
    """
    if coder.W_later is None:
        return
    later = coder.W_later if features is None else coder.W_later[features]
    store = handed_up()
    for step in range(coder.above):
        write = moved @ later[:, step]
        place = (what, coder.above - 1 - step)  # layers are told apart by how many are above
        store.setdefault(place, []).append((at, write.flatten(0, -3)))


def arrived(
    coder: Transcoder, out: Float[Tensor, "batch pos d_model"], *, what: str = "change"
) -> Float[Tensor, "batch pos d_model"]:
    """`out` with what features of lower layers write here in this pass."""
    if not coder.crosses:
        return out
    for at, write in handed_up().pop((what, coder.above), ()):
        out = out.index_add(1, at, write)
    return out


def replacing(transcoders: TranscoderSet, layers: Container[int]) -> dict[int, MlpEdit]:
    """Edits that put reconstructions in the place of the MLP outputs of some layers.

    Every feature reads what is there in the pass that runs.
    """
    return {
        number: _rebuilt(coder) if number in layers else _handed(coder)
        for number, coder in enumerate(transcoders)
        if number in layers or coder.crosses
    }


def _rebuilt(coder: Transcoder) -> MlpEdit:
    def edit(x: Tensor, _y: Tensor) -> Tensor:
        a = coder.encode(x)
        hand_up(coder, a, torch.arange(x.shape[1]))
        return arrived(coder, coder.own(a, x))

    return edit


def _handed(coder: Transcoder) -> MlpEdit:
    """The MLP's own output; what the features write later is needed all the same."""

    def edit(x: Tensor, y: Tensor) -> Tensor:
        hand_up(coder, coder.encode(x), torch.arange(x.shape[1]))
        return y

    return edit
