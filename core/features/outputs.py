"""Which output tokens a vector in the residual stream raises and lowers, directly.

The final norm is frozen at its scale on the prompt, and every token is taken relative to the mean
token, since the softmax sees only differences.
"""

from jaxtyping import Float
from torch import Tensor

from core.features.contents import TokenEffect
from core.models import LanguageModel, Trace

SHOWN = 5
"""Tokens promoted, and as many suppressed."""


def logit_effect(
    model: LanguageModel, trace: Trace, written: Float[Tensor, " d_model"]
) -> Float[Tensor, " d_vocab"]:
    """What a vector written at the last position adds to each logit, less the mean token's.

    Args:
        model: The model.
        trace: Of the one prompt.
        written: In the residual stream.
    """
    norm = model.final_norm
    scale = norm.scale(trace.resid_post[-1, 0, -1])
    effect = model.W_U @ norm.linear(written, scale)
    return effect - effect.mean()


def token_effects(
    model: LanguageModel, effect: Float[Tensor, " d_vocab"]
) -> tuple[tuple[TokenEffect, ...], tuple[TokenEffect, ...]]:
    """The tokens raised most and lowered most; only those of that sign."""
    order = effect.argsort(descending=True).tolist()
    up = [token_effect(model, t, float(effect[t])) for t in order[:SHOWN]]
    down = [token_effect(model, t, float(effect[t])) for t in reversed(order[-SHOWN:])]
    return tuple(t for t in up if t.effect > 0), tuple(t for t in down if t.effect < 0)


def token_effect(model: LanguageModel, token: int, effect: float) -> TokenEffect:
    """One token's row."""
    return TokenEffect(token=token, text=model.token_text(token), effect=effect)
