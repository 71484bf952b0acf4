"""The only place that registers hooks on a model.

Hooks are put on once, when a model is loaded, and stay. Each looks into a `ContextVar`: in a thread
where nothing is set it does nothing, so one model serves many people at a time and no
intervention can leak from one call into another. (Hooks added and removed per call on a shared
model give wrong logits as soon as two threads meet.)

Within `session(...)` a hook may record what passes through its site and may replace it:

    attention's output projection, input   z          per-head output [batch pos head d_head]
    attention, output                      attn_out, pattern
    MLP, input and output                  mlp_in, mlp_out

An MLP may also be replaced outright, which saves computing it. A pass may begin behind positions
whose keys and values are known, and may need no more than the last position of the last block: the
attention (`attention.py`) asks `running` for both. Edits are values that many passes and threads
share; what one has to hand to a later layer goes through `handed_up`, which is the pass's own.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from core.errors import ModelError

MlpEdit = Callable[[Tensor, Tensor], Tensor]
"""(mlp_in, mlp_out), each [batch pos d_model] → the MLP output to use instead."""
MlpReplacement = Callable[[Tensor], Tensor]
"""mlp_in [batch pos d_model] → the MLP output; the MLP itself is not computed."""
HeadEdit = Callable[[Tensor], Tensor]
"""z [batch pos head d_head] → the per-head outputs to use instead."""
ResidEdit = Callable[[Tensor], Tensor]
"""Residual stream leaving a block [batch pos d_model] → what to use instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """What to replace during one forward pass."""

    mlp: Mapping[int, MlpEdit] = field(default_factory=dict)
    """MLP edits by layer."""
    replaced: Mapping[int, MlpReplacement] = field(default_factory=dict)
    """MLPs that something else stands in for, by layer; saves their work."""
    heads: Mapping[int, HeadEdit] = field(default_factory=dict)
    """Attention-head edits by layer."""
    resid: Mapping[int, ResidEdit] = field(default_factory=dict)
    """Edits of the residual stream that leaves a block, by layer."""


class Seen(NamedTuple):
    """What attention of one block reads of some positions."""

    key: Float[Tensor, "batch group pos d_head"]
    value: Float[Tensor, "batch group pos d_head"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What the hooks do in the present context."""

    edits: Edits
    """Replacements by layer."""
    before: tuple[Seen, ...] = ()
    """By layer, the positions in front of the pass's first; its batch is a multiple of theirs."""
    ends: int | None = None
    """The block of which nothing is read but the last position, if there is one."""
    seen: dict[int, Seen] | None = None
    """Filled by attention, by layer; None to keep nothing."""
    record: dict[str, dict[int, Tensor]] | None
    """Site name → layer → value, filled by the hooks; None to record nothing."""
    carry: dict[Any, Any] = field(default_factory=dict)
    """What edits of this pass leave for edits of later layers."""

    def note(self, site: str, layer: int, value: Tensor) -> None:
        """Keeps a value if this session records."""
        if self.record is not None:
            self.record.setdefault(site, {})[layer] = value


_SESSION: ContextVar[Session | None] = ContextVar("hagd_session", default=None)


@contextmanager
def session(
    edits: Edits, record: dict[str, dict[int, Tensor]] | None = None, **more: Any
) -> Iterator[None]:
    """Makes the hooks of every model act on the calls inside the block, in this context alone.

    `more` are further fields of `Session`.
    """
    token = _SESSION.set(Session(edits=edits, record=record, **more))
    try:
        yield
    finally:
        _SESSION.reset(token)


def running() -> Session | None:
    """What the pass that runs in this context is to do; None outside of one."""
    return _SESSION.get()


def handed_up() -> dict[Any, Any]:
    """What edits of the running pass leave for those of later layers; empty when a pass begins.

    Raises:
        ModelError: If no pass is running in this context.
    """
    now = _SESSION.get()
    if now is None:
        raise ModelError(
            "An edit that hands something to a later layer was called on its own; it must be "
            "called by a pass. Give it to `LanguageModel.run` or `trace` as a part of `Edits`."
        )
    return now.carry


def leaving(layer: int, resid: Tensor) -> Tensor:
    """The residual stream that leaves a block, as the edits of the running pass want it."""
    now = _SESSION.get()
    edit = None if now is None else now.edits.resid.get(layer)
    return resid if edit is None else edit(resid)


def attach(
    layer: int, *, mlp: nn.Module, attention: nn.Module, output: nn.Module, d_head: int
) -> None:
    """Puts the permanent hooks on one block."""

    def on_mlp(_module: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
        now = _SESSION.get()
        if now is None:
            return out
        edit = now.edits.mlp.get(layer)
        out = out if edit is None else edit(args[0], out)
        now.note("mlp_in", layer, args[0])
        now.note("mlp_out", layer, out)
        return out

    def on_heads(_module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        now = _SESSION.get()
        if now is None:
            return None
        z = args[0].view(*args[0].shape[:2], -1, d_head)
        edit = now.edits.heads.get(layer)
        z = z if edit is None else edit(z)
        now.note("z", layer, z)
        return (z.reshape(args[0].shape), *args[1:])

    def on_attention(_module: nn.Module, _args: tuple[Any, ...], out: tuple[Any, ...]) -> None:
        now = _SESSION.get()
        if now is not None:
            now.note("attn_out", layer, out[0])
            now.note("pattern", layer, out[1])

    own_forward = mlp.forward

    def forward(x: Tensor) -> Tensor:
        now = _SESSION.get()
        stand_in = None if now is None else now.edits.replaced.get(layer)
        return own_forward(x) if stand_in is None else stand_in(x)

    # A forward hook comes too late to save the MLP's own work, half of a small model's.
    mlp.forward = forward
    mlp.register_forward_hook(on_mlp)
    output.register_forward_pre_hook(on_heads)
    attention.register_forward_hook(on_attention)
