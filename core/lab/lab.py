"""The Lab: change parts of a model or of a circuit and see what it answers.

1. Load what the bundle names and check that it is what the circuit was found on; run the test
   prompts once, clean and corrupt (`workspace`).
2. Answer: one prompt (`predict`), all of them (`across_task`), or a selection against random ones
   (`against_random`). A change lasts for one call; nothing is ever written to the model.

A node that is ablated goes to its reference value (`core.interventions`). One Lab serves any number
of threads.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from core.attribution import AttributionSettings, Tokens, build_graph
from core.circuit import FeatureNode
from core.graph import AttributionGraph
from core.interventions import Ablation
from core.lab.against_random import random_band, random_test, single_effects
from core.lab.comparison import Progress
from core.lab.contents import (
    Change,
    LabSettings,
    Prediction,
    PromptView,
    RandomTest,
    Series,
    TaskEffect,
    TokenRow,
)
from core.lab.outcome import p_answers
from core.lab.plan import changed_plan
from core.lab.workspace import Workspace
from core.validation import faithfulness

DEFAULT = LabSettings()
SHOWN_TOKENS = 7
"""Tokens in a prediction, answer and wrong included."""
RANDOM_PROMPTS = 64
"""Prompts that random selections are run on, unless asked otherwise."""


class Lab(Workspace):
    """One circuit's laboratory."""

    def predict(
        self, prompt: int, changes: Sequence[Change], settings: LabSettings = DEFAULT
    ) -> Prediction:
        """What one prompt is answered: by the model, the circuit, and with the changes.

        Raises:
            NodeError: If a change names an unknown node, or there is no such prompt.
        """
        number, row = self.place(prompt)
        part, rows = self.parts[number], slice(row, row + 1)
        plan = changed_plan(self.engine.defaults[settings.inside], changes, self.bounds)
        alone = replace(settings, inside="circuit")
        logits = torch.stack(
            [
                part.logits[row],
                self.engine.baseline(number, part, alone, rows).logits[0],
                self.engine.run(number, part, plan, settings, rows)[0, 0],
            ]
        )
        view = self.prompts[prompt]
        series = [self._series(values, view) for values in logits]
        return Prediction(
            prompt=prompt,
            full=series[0],
            circuit=series[1],
            changed=series[2],
            rows=self._rows(logits.softmax(-1), view),
        )

    def _series(self, logits: Float[Tensor, " d_vocab"], view: PromptView) -> Series:
        chance = logits.softmax(-1)
        return Series(
            p_answer=float(chance[view.answer_id]),
            logit_diff=float(logits[view.answer_id] - logits[view.wrong_id]),
            top=self.model.token_text(int(logits.argmax())),
        )

    def _rows(self, chance: Float[Tensor, "3 d_vocab"], view: PromptView) -> tuple[TokenRow, ...]:
        """Answer, wrong, and the largest others of any series."""
        first = [view.answer_id, view.wrong_id]
        ranked = chance.amax(0).argsort(descending=True)[: SHOWN_TOKENS + 2].tolist()
        others = [token for token in ranked if token not in first][: SHOWN_TOKENS - len(first)]
        others.sort(key=lambda token: -float(chance[2, token]))
        return tuple(
            TokenRow(
                token=token,
                text=self.model.token_text(token),
                full=float(chance[0, token]),
                circuit=float(chance[1, token]),
                changed=float(chance[2, token]),
            )
            for token in first + others
        )

    def prompt_graph(
        self,
        prompt: int,
        also: Sequence[FeatureNode] = (),
        heads: Literal["in edges", "nodes"] = "in edges",
    ) -> AttributionGraph:
        """This prompt's graph: the circuit's features and the leaves, towards answer and wrong.

        `also` names features outside the circuit to keep. `heads` as nodes are all of the model's,
        and paths through them are split there.

        Active features outside the circuit are one node (BIAS, index 0), so that sums close.
        Positions are aligned.

        Raises:
            NodeError: If there is no such prompt.
            TranscoderError: If the transcoders do not read linearly (gated neurons).
        """
        self.place(prompt)
        view = self.prompts[prompt]
        wanted = dict.fromkeys((*self.bundle.circuit.features, *also))
        inside = [node for node in wanted if node.position >= view.shift]
        rows = [(n.layer, n.position - view.shift, n.feature) for n in inside]
        graph = build_graph(
            self.model,
            self.transcoders,
            torch.tensor(view.ids),
            Tokens(ids=(view.answer_id, view.wrong_id)),
            settings=AttributionSettings(heads=heads),
            features=torch.tensor(rows, dtype=torch.long).reshape(-1, 3),
        )
        somewhere = graph.position >= 0
        return replace(graph, position=graph.position + view.shift * somewhere)

    def across_task(self, changes: Sequence[Change], settings: LabSettings = DEFAULT) -> TaskEffect:
        """All test prompts: by the model, the circuit, and with the changes.

        Raises:
            NodeError: If a change names an unknown node.
        """
        plan = changed_plan(self.engine.defaults[settings.inside], changes, self.bounds)
        alone = replace(settings, inside="circuit")
        columns = []
        for number, part in enumerate(self.parts):
            changed = self.engine.run(number, part, plan, settings)
            circuit = self.engine.baseline(number, part, alone).logits
            columns.append(torch.cat([part.logits[None], circuit[None], changed]))
        return self._task_effect(columns, settings.how)

    def _task_effect(
        self, columns: Sequence[Float[Tensor, "3 _ d_vocab"]], how: Ablation
    ) -> TaskEffect:
        """From each part's logits to figures, in the Lab's order."""
        batches = [part.batch for part in self.parts]
        order = torch.cat([batch.index for batch in batches]).argsort()
        rows = list(zip(columns, batches, strict=True))
        chance = torch.cat([p_answers(x, b.answer) for x, b in rows], 1)[:, order]
        correct = torch.cat([x.argmax(-1) == b.answer for x, b in rows], 1)[:, order]
        diff = torch.cat([b.margin(x) for x, b in rows], 1)
        f = faithfulness(diff, *self.end_points(self.everything(), how)).tolist()
        accuracy = correct.float().mean(1).tolist()
        return TaskEffect(
            full=chance[0],
            circuit=chance[1],
            changed=chance[2],
            correct=correct,
            accuracy_full=accuracy[0],
            accuracy_circuit=accuracy[1],
            accuracy_changed=accuracy[2],
            faithfulness_full=f[0],
            faithfulness_circuit=f[1],
            faithfulness=f[2],
            chance=1 / len({pair.answer for pair in self.task.pairs}),
        )

    def against_random(
        self,
        nodes: Sequence[str],
        settings: LabSettings = DEFAULT,
        *,
        draws: int = 200,
        seed: int = 0,
        prompts: int = RANDOM_PROMPTS,
        progress: Progress = lambda done, of: None,
    ) -> RandomTest:
        """Necessity and sufficiency of a selection against random ones of its size.

        Args:
            nodes: Features and heads; supernodes are expanded by the caller.
            settings: As for changes.
            draws: Random selections for each of the two.
            seed: Of the draws.
            prompts: Prompts they are run on, evenly chosen; fewer is faster.
            progress: Told (done, of) as the draws are run.

        Raises:
            NodeError: If nothing is selected, or a node is unknown or an error node.
            SettingsError: If draws or prompts are not positive.
        """
        return random_test(
            self, nodes, settings, draws=draws, seed=seed, prompts=prompts, progress=progress
        )

    def random_band(
        self,
        prompt: int,
        nodes: Sequence[str],
        settings: LabSettings = DEFAULT,
        *,
        draws: int = 40,
        seed: int = 0,
    ) -> tuple[float, float]:
        """5th and 95th percentile of P(answer) with random selections of equal size ablated.

        Raises:
            NodeError, SettingsError: As `against_random`.
        """
        return random_band(self, prompt, nodes, settings, draws=draws, seed=seed)

    def single_effects(
        self, prompt: int, nodes: Sequence[str], settings: LabSettings = DEFAULT
    ) -> dict[str, float]:
        """Change of P(answer) on one prompt when each node alone is ablated, all in one batch.

        Raises:
            NodeError: If a node is unknown, or an error node, which cannot be batched.
        """
        return single_effects(self, prompt, nodes, settings)
