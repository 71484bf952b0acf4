"""Variants of the circuit or the model for many selections, and F of each.

A selection is *ablated* (its nodes go to their reference) or *kept* (all other nodes of the circuit
do). A bench holds the prompts, the settings and the two end points of F.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.circuit import FeatureNode, GatedNode, HeadNode
from core.interventions import Gates
from core.lab.contents import LabSettings
from core.lab.outcome import p_answers
from core.lab.plan import Plan, head_place
from core.lab.workspace import Rows, Workspace
from core.validation import faithfulness

Progress = Callable[[int, int], None]
"""(random selections done, of how many)."""
Make = Callable[["LabBench", Sequence[Sequence[GatedNode]]], Plan]
"""A plan with one variant for each selection."""
VARIANTS = 25
"""Selections run between two reports of progress."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ran:
    """What variants answered."""

    logit_diff: Float[Tensor, "variant prompt"]
    p_answer: Float[Tensor, "variant prompt"]


class LabBench:
    """Runs variants on some prompts under one setting.

    Args:
        work: What is run.
        settings: Where ablated values go, and inside what.
        rows: On which prompts.
    """

    def __init__(self, work: Workspace, settings: LabSettings, rows: Rows) -> None:
        self.work, self.settings, self.rows = work, settings, rows
        self.ends = work.end_points(rows, settings.how)

    def prompts(self) -> Int[Tensor, " prompt"]:
        """Numbers of the prompts, in the order of the columns."""
        return torch.cat([part.batch.index[rows] for _, part, rows in self.rows])

    def f(self, ran: Ran) -> Float[Tensor, " variant"]:
        """F of each variant; NaN where the model is no better than the empty circuit."""
        return faithfulness(ran.logit_diff, self.ends.empty, self.ends.full)

    def run(self, plan: Plan) -> Ran:
        """Every variant of a plan on every prompt."""
        diffs, answers = [], []
        for number, part, rows in self.rows:
            logits = self.work.engine.run(number, part, plan, self.settings, rows)
            batch = part.take(rows).batch
            diffs.append(batch.margin(logits))
            answers.append(p_answers(logits, batch.answer))
        return Ran(logit_diff=torch.cat(diffs, 1), p_answer=torch.cat(answers, 1))

    def run_all(
        self,
        make: Make,
        selections: Sequence[Sequence[GatedNode]],
        progress: Progress = lambda done, of: None,
    ) -> Ran:
        """One variant for each selection, some at a time."""
        ran = []
        for start in range(0, len(selections), VARIANTS):
            ran.append(self.run(make(self, selections[start : start + VARIANTS])))
            progress(min(start + VARIANTS, len(selections)), len(selections))
        return Ran(
            logit_diff=torch.cat([some.logit_diff for some in ran]),
            p_answer=torch.cat([some.p_answer for some in ran]),
        )


def ablated(bench: LabBench, selections: Sequence[Sequence[GatedNode]]) -> Plan:
    """One variant for each selection: it is ablated."""
    plan = _widened(bench, len(selections))
    for variant, nodes in enumerate(selections):
        _set(plan, variant, nodes, 0.0)
    return plan


def kept(bench: LabBench, selections: Sequence[Sequence[GatedNode]]) -> Plan:
    """One variant for each selection: the rest of the circuit is ablated."""
    plan, circuit = _widened(bench, len(selections)), bench.work.bundle.circuit
    for variant, nodes in enumerate(selections):
        _set(plan, variant, circuit.nodes, 0.0)
        _set(plan, variant, nodes, 1.0)
    return plan


def _widened(bench: LabBench, variants: int) -> Plan:
    """The default plan with writable gates for so many variants."""
    plan = bench.work.engine.defaults[bench.settings.inside]
    gates = Gates(
        feature=plan.gates.feature.repeat(variants, 1, 1, 1),
        head=plan.gates.head.repeat(variants, 1, 1, 1),
    )
    return replace(plan, gates=gates)


def _set(plan: Plan, variant: int, nodes: Sequence[GatedNode], value: float) -> None:
    """Puts the gates of some nodes of one variant to a value."""
    features = [tuple(node) for node in nodes if isinstance(node, FeatureNode)]
    if features:
        plan.gates.feature[variant].index_put_(tuple(torch.tensor(features).T), torch.tensor(value))
    for node in nodes:
        if isinstance(node, HeadNode):
            plan.gates.head[(variant, *head_place(node))] = value
