"""Names of heads by their kind (`core.attention.kinds`)."""

from collections.abc import Sequence

import torch

from core.attention.kinds import Prompts, profiles
from core.circuit import HeadNode
from core.features.activations import role_of
from core.lab import Lab


def prompts_of(lab: Lab, number: int) -> Prompts:
    """The Lab's prompts of one length, as heads are told by."""
    ids = lab.parts[number].batch.clean
    batches = [part.batch for part in lab.parts]
    answers = torch.cat([ids for batch in batches for ids in (batch.answer, batch.wrong)])
    roles = [role_of(lab, lab.parts[number].start + place) for place in range(ids.shape[1])]
    return Prompts(
        model=lab.model,
        ids=ids,
        trace=lab.model.trace(ids),
        answers=answers.unique(),
        roles=tuple(roles),
    )


def head_labels(lab: Lab, heads: Sequence[HeadNode]) -> dict[str, str]:
    """Names of heads by their kind, on the prompts of the commonest length; `L0H2` where of none.

    Args:
        lab: Where they live.
        heads: Any heads of the model.
    """
    if not heads:
        return {}
    longest = max(range(len(lab.parts)), key=lambda part: len(lab.parts[part].batch.clean))
    prompts = prompts_of(lab, longest)
    asked = {(head.layer, head.head) for head in heads}
    found = {(f.layer, f.head): f for f in profiles(prompts, sorted(asked))}
    return {str(h): found[h.layer, h.head].label or f"L{h.layer}H{h.head}" for h in heads}


def is_plain(head: HeadNode, name: str) -> bool:
    """Whether a head is called by its place only: it is of no known kind."""
    return name in (str(head), f"L{head.layer}H{head.head}")
