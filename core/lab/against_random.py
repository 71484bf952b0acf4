"""Necessity and sufficiency of a selection against random selections of its size.

    necessity    F of what runs, less F with the selection ablated
    sufficiency  F with the rest of the circuit ablated

What runs is the circuit alone or the whole model, as the settings say. The random selections answer
"would any nodes of this size and place do?", so they must be able to matter where they are used:

* sufficiency, and necessity inside the circuit: nodes of the circuit that are not in the selection
  (everything outside the circuit is at its reference there, and ablating it would do nothing);
* necessity inside the model: every feature that is alive on the prompts and not in the selection.

They are matched by layer, position and activation (`selections`), and p = (1 + #{random ≥ value}) /
(draws + 1). Values equal but for rounding count as ≥. A claim needs a small p, a figure that
matters by itself, and one that is enough beyond the random selections' mean: p alone can be small
for any difference. Where these are nearly the same nodes (few others are left to draw) a large
figure that is not beyond them is undecided, and where hardly any is matched every large figure is:
beating nodes of other places says nothing of these. Where the model is no better than the empty
circuit (a null) F cannot be computed: the figures are NaN, p is 1 and nothing is shown.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from core.circuit import Attention, ErrorNode, FeatureNode, GatedNode, HeadNode
from core.errors import NodeError, SettingsError
from core.lab.comparison import LabBench, Progress, ablated, kept
from core.lab.contents import Claim, Comparison, LabSettings, RandomTest
from core.lab.outcome import p_answers
from core.lab.plan import changeable
from core.lab.selections import Draws, draw_selections
from core.lab.words import (
    LEAST_KEPT,
    LEAST_LOSS,
    LEAST_MATCHED,
    NEARLY_THE_SAME,
    sentence,
    verdict,
)
from core.lab.workspace import Rows, Workspace
from core.validation.metrics import LEAST_BEYOND, LEVEL, p_value

EQUAL = 1e-5
"""F values closer than this are equal: rounding depends on how runs are batched."""


def random_test(
    work: Workspace,
    nodes: Sequence[str],
    settings: LabSettings,
    *,
    draws: int,
    seed: int,
    prompts: int,
    progress: Progress,
) -> RandomTest:
    """What `Lab.against_random` says; arguments and errors as there."""
    _check_counts(draws, prompts)
    selection = selected(work, nodes)
    bench = LabBench(work, settings, _some(work, prompts))
    lost, left = _draws(work, selection, settings, draws, seed)
    rows = len(lost.selections)
    without = bench.run_all(ablated, lost.selections, lambda done, _: progress(done, 2 * rows))
    alone = bench.run_all(kept, left.selections, lambda done, _: progress(rows + done, 2 * rows))
    base = bench.f(bench.run(ablated(bench, [()])))
    cut = bench.f(bench.run(ablated(bench, [selection])))
    only = bench.f(bench.run(kept(bench, [selection])))
    necessity = compare(
        float(base - cut),
        base - bench.f(without),
        least=LEAST_LOSS,
        overlap=lost.overlap,
        matched=lost.matched,
    )
    sufficiency = compare(
        float(only),
        bench.f(alone),
        least=LEAST_KEPT,
        overlap=left.overlap,
        matched=left.matched,
    )
    overlap = (lost.overlap + left.overlap) / 2
    return RandomTest(
        size=len(selection),
        draws=draws,
        n_prompts=without.p_answer.shape[1],
        necessity=necessity,
        sufficiency=sufficiency,
        overlap=overlap,
        prompts=bench.prompts(),
        random_p_answer=without.p_answer.mean(0),
        verdict=verdict(necessity, sufficiency),
        sentence=sentence(necessity, sufficiency, overlap=overlap),
    )


def compare(
    value: float,
    random: Float[Tensor, " draw"],
    *,
    least: float,
    overlap: float = 0.0,
    matched: float = 1.0,
) -> Comparison:
    """A figure against the same figure of random selections.

    Args:
        value: Of the selection.
        random: Of each random one.
        least: What the figure must be for the claim to matter.
        overlap: Share of the random selections' nodes that are the selection's own.
        matched: Share of them that are of the same layer, position and activation.
    """
    p = p_value(value - EQUAL, random)
    beyond = value - float(random.mean()) >= LEAST_BEYOND
    claim: Claim = "not shown"
    if value >= least and matched < LEAST_MATCHED:
        claim = "undecided"
    elif value >= least:
        alike = "undecided" if overlap > NEARLY_THE_SAME else "not shown"
        claim = "shown" if p < LEVEL and beyond else alike
    return Comparison(value=value, random=random, p_value=p, claim=claim, matched=matched)


def random_band(
    work: Workspace,
    prompt: int,
    nodes: Sequence[str],
    settings: LabSettings,
    *,
    draws: int,
    seed: int,
) -> tuple[float, float]:
    """What `Lab.random_band` says; arguments and errors as there."""
    _check_counts(draws, 1)
    bench = LabBench(work, settings, _one(work, prompt))
    lost, _ = _draws(work, selected(work, nodes), settings, draws, seed)
    found = bench.run_all(ablated, lost.selections).p_answer[:, 0]
    low, high = torch.quantile(found, torch.tensor([0.05, 0.95])).tolist()
    return low, high


def single_effects(
    work: Workspace, prompt: int, nodes: Sequence[str], settings: LabSettings
) -> dict[str, float]:
    """What `Lab.single_effects` says; arguments and errors as there."""
    bench = LabBench(work, settings, _one(work, prompt))
    singles = [(_gated(work, node),) for node in nodes]
    if not singles:
        return {}
    (number, part, rows) = bench.rows[0]
    known = work.engine.baseline(number, part, settings, rows).logits[None]
    before = p_answers(known, part.batch.answer[rows])
    change = bench.run_all(ablated, singles).p_answer - before
    return dict(zip(nodes, change[:, 0].tolist(), strict=True))


def selected(work: Workspace, nodes: Sequence[str]) -> tuple[GatedNode, ...]:
    """The features and heads named, each once.

    Raises:
        NodeError: If there are none, or one is unknown or an error node.
    """
    found = {str(node): node for node in (_gated(work, text) for text in nodes)}
    if not found:
        raise NodeError(
            "Nothing is selected: got 0 nodes, required at least one feature or head. Select "
            "something to hold against random selections."
        )
    return tuple(found.values())


def _gated(work: Workspace, text: str) -> GatedNode:
    node = changeable(text, work.bounds)
    if isinstance(node, ErrorNode):
        raise NodeError(
            f"Node {text} is an error: random selections are made of features and heads, and "
            "there is nothing to match an error with. Leave it out of the selection."
        )
    return node


def _draws(
    work: Workspace,
    selection: Sequence[GatedNode],
    settings: LabSettings,
    draws: int,
    seed: int,
) -> tuple[Draws, Draws]:
    """Random selections to ablate, and to keep."""
    circuit = work.bundle.circuit
    own: list[GatedNode] = [*circuit.nodes]
    if circuit.attention is Attention.LIVE:
        own += _every_head(work)
    pool = own
    if settings.inside == "model":
        alive = [FeatureNode(*place) for place in work.alive().nonzero().tolist()]
        pool = [*alive, *_every_head(work)]
    mean = work.mean_activation()
    return (
        draw_selections(selection, pool, mean, draws=draws, seed=seed),
        draw_selections(selection, own, mean, draws=draws, seed=seed + 1),
    )


def _every_head(work: Workspace) -> list[HeadNode]:
    """Every head of the model, whole and by position."""
    places = [None, *range(work.length)]
    layers, heads = range(work.bounds.n_layers), range(work.bounds.n_heads)
    return [HeadNode(layer, head, at) for layer in layers for head in heads for at in places]


def _one(work: Workspace, prompt: int) -> Rows:
    number, row = work.place(prompt)
    return ((number, work.parts[number], slice(row, row + 1)),)


def _some(work: Workspace, prompts: int) -> Rows:
    """About so many prompts, evenly from every part."""
    step = -(-len(work.prompts) // prompts)
    return tuple((n, part, slice(None, None, step)) for n, part in enumerate(work.parts))


def _check_counts(draws: int, prompts: int) -> None:
    if draws < 1 or prompts < 1:
        raise SettingsError(
            f"The random test was asked for {draws} draws on {prompts} prompts; at least one of "
            "each is required. Ask for more."
        )
