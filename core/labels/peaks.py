"""What stands out of a group more than anything does when the prompts are shuffled.

1. Values: those on which its members are, on average, most active.
2. Tokens, at the last position: the answers that it writes most where they are the answer, directly
   through the unembedding.
"""

from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor

from core.features.measured import Measured
from core.features.variables import SHUFFLES, Value, group_means, orders

MOST = 2
"""Values or answers that a name holds."""


def peak_values(measured: Measured, members: Sequence[int], variable: str) -> tuple[Value, ...]:
    """Values on which the members are active above what shuffled values reach."""
    column = next(c for c in measured.columns if c.name == variable)
    mean = measured.activation[:, list(members)].mean(1, keepdim=True)
    size, n = len(column.values), len(mean)
    profile = group_means(mean, column.group, size)[0][:, 0]
    luck = [group_means(mean, column.group[order], size)[0].max() for order in orders(n, SHUFFLES)]
    return tuple(column.values[i] for i in _above(profile, luck))


def raised_answers(measured: Measured, members: Sequence[int]) -> tuple[str, ...]:
    """Answers whose logit the members raise where they are the answer; none but at the end."""
    if any(measured.nodes[i].position < measured.lab.length - 1 for i in members):
        return ()
    chosen = list(members)
    added = measured.activation[:, chosen] @ measured.written[chosen]
    kinds, group = measured.answer.unique(return_inverse=True)

    def raised(answer: Int[Tensor, " prompt"]) -> Float[Tensor, " answer"]:
        own = added.gather(1, kinds[answer][:, None])
        return group_means(own, answer, len(kinds))[0][:, 0]

    luck = [raised(group[order]).max() for order in orders(len(group), SHUFFLES)]
    best = _above(raised(group), luck)
    return tuple(measured.lab.model.token_text(int(kinds[i])).strip() for i in best)


def _above(profile: Tensor, luck: Sequence[Tensor]) -> list[int]:
    """The largest entries that beat every shuffle, strongest first."""
    limit = max(float(v) for v in luck)
    best = profile.argsort(descending=True, stable=True)[:MOST].tolist()
    return [i for i in best if float(profile[i]) > limit]
