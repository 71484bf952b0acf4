"""The inspector's page of one attention head on one prompt.

Its kind names it (`core.attention.kinds`, on all prompts of that length), unless a person did.
1. Its pattern on the prompt.
2. From one query position: what it takes from each key (weight · value · output matrix), read
   through the frozen final norm as a direct effect on answer − wrong; exact, so the parts and the
   value bias sum to the head's own effect. A weight's cause is shown as its score: the log of the
   weight less the row's mean, which is the attention score up to the softmax's constant; what that
   score is made of is in `why`.
3. Tokens that the head's whole output at that position raises and lowers.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from core.attention.kinds import HeadKind, HeadProfile, profiles
from core.circuit import HeadNode, check_node, parse_node
from core.errors import NodeError
from core.features.outputs import logit_effect, token_effects
from core.inspector.contents import HeadReport, KeyShare
from core.lab import Lab, PromptView
from core.labels.heads import prompts_of
from core.models import Trace


def head_report(lab: Lab, head: str, prompt: int = 0) -> HeadReport:
    """Everything the inspector shows of a head.

    Args:
        lab: Where it lives.
        head: `L0H2` (seen from the last position) or `L0H2@4`.
        prompt: Number of the prompt.

    Raises:
        NodeError: If it is no head of this model or prompt, or there is no such prompt.
    """
    node = head_node(lab, head)
    number, _ = lab.place(prompt)
    view = lab.prompts[prompt]
    query = lab.length - 1 if node.position is None else node.position
    at = query - view.shift
    if at < 0:
        raise NodeError(
            f"Head {head} has no position {query} on prompt {prompt}: the prompt's {len(view.ids)} "
            f"tokens are at {view.shift}..{lab.length - 1}. Choose one of these positions."
        )
    trace = lab.model.trace(torch.tensor(view.ids)[None])
    everything = prompts_of(lab, number)
    found = profiles(everything, [(node.layer, node.head)])[0]
    moved = _moved(lab, node, trace, at)
    promoted, suppressed = token_effects(
        lab.model, logit_effect(lab.model, trace, _written(lab, node, trace, at))
    )
    return HeadReport(
        node=head,
        label=lab.bundle.labels.get(head)
        or found.label
        or _label(view, trace.pattern[node.layer, 0, node.head], at),
        kind=found.kind,
        kind_about=_about(found, len(everything.answers)),
        prompt=prompt,
        tokens=view.tokens,
        shift=view.shift,
        pattern=trace.pattern[node.layer, 0, node.head],
        query=query,
        keys=_keys(lab, node, trace, at, view, moved),
        promoted=promoted,
        suppressed=suppressed,
        delta_p=lab.single_effects(prompt, [head])[head],
    )


def _about(found: HeadProfile, n_answers: int) -> str:
    """The figures that a kind rests on, in a line."""
    reads = f"lift {found.lift[HeadKind.READER]:.2f} over even attention"
    share = found.raised if found.kind is HeadKind.MOVER else found.lowered
    copied = f"in {share:.0%} of what it reads, chance {1 / n_answers:.1%}"
    match found.kind:
        case HeadKind.MOVER:
            return f"raises the token it reads most, {copied}; {reads}"
        case HeadKind.SUPPRESSOR:
            return f"lowers the token it reads most, {copied}; {reads}"
        case HeadKind.READER:
            return f"from the last position, {reads}"
        case HeadKind.OTHER:
            return f"of no known kind; from the last position, {reads}"
        case HeadKind.EVEN:
            return f"entropy {found.evenness:.1%} of even attention"
        case kind:
            return f"lift {found.lift[kind]:.2f}, control {found.control[kind]:.2f}"


def head_node(lab: Lab, text: str) -> HeadNode:
    """The head that a text names; refused where there is none."""
    node = parse_node(text)
    if not isinstance(node, HeadNode):
        raise NodeError(
            f"Node {text} is not a head: got a {type(node).__name__}, required L0H2 or L0H2@4. "
            "Choose a head, or ask for a feature's or a supernode's report."
        )
    check_node(node, lab.bounds)
    return node


def _moved(lab: Lab, node: HeadNode, trace: Trace, at: int) -> Float[Tensor, "key d_model"]:
    """What the head writes at the query from each key, without the value bias."""
    weights = lab.model.weights(node.layer)
    x = weights.norm1(trace.resid_pre[node.layer, 0, : at + 1])
    value = x @ weights.W_V[node.head]
    pattern = trace.pattern[node.layer, 0, node.head, at, : at + 1]
    return pattern[:, None] * (value @ weights.W_O[node.head])


def _written(lab: Lab, node: HeadNode, trace: Trace, at: int) -> Float[Tensor, " d_model"]:
    """What the head writes at the query in all, value bias included."""
    z = trace.z[node.layer, 0, at, node.head]
    return z @ lab.model.weights(node.layer).W_O[node.head]


def _keys(
    lab: Lab, node: HeadNode, trace: Trace, at: int, view: PromptView, moved: Tensor
) -> tuple[KeyShare, ...]:
    """Every key the query may look at, first to last."""
    weight = trace.pattern[node.layer, 0, node.head, at, : at + 1]
    score = weight.clamp(min=1e-30).log()
    score = score - score.mean()
    last = at == len(view.ids) - 1
    shares = []
    for key in range(at + 1):
        effect = logit_effect(lab.model, trace, moved[key]) if last else None
        on_answer = 0.0 if effect is None else float(effect[view.answer_id] - effect[view.wrong_id])
        shares.append(
            KeyShare(
                position=key + view.shift,
                token=view.tokens[key],
                weight=float(weight[key]),
                effect=on_answer,
                score=float(score[key]),
            )
        )
    return tuple(shares)


def _label(view: PromptView, pattern: Float[Tensor, "query key"], at: int) -> str:
    """Where it looks most from the query: `= ← 17`."""
    key = int(pattern[at].argmax())
    return f"{view.tokens[at].strip()} ← {view.tokens[key].strip()}"
