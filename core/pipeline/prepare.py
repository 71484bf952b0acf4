"""Loads what a run works on, and refuses what cannot give a meaningful circuit.

1. Task and model; every prompt encoded and checked at once, so that a bad line stops the run here.
2. Splits as batches in one aligned frame.
3. The gate: a model that does not do the task is refused, with its accuracy. It is measured on the
   selection split, so that the test split stays untouched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.errors import GateError, TaskError
from core.interventions import Evaluator, State, mean_state
from core.models import LanguageModel
from core.tasks import PromptBatch, Split, Task, encode_pairs, longest_prompt, with_roles
from core.transcoders import TranscoderSet

Batches = tuple[PromptBatch, ...]
NEEDED = (Split.FEATURES, Split.ATTRIBUTION, Split.LABELS, Split.SELECTION, Split.TEST)
"""Splits that a run cannot do without."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """A task encoded for a model."""

    model: LanguageModel
    task: Task
    batches: Mapping[Split, Batches]
    """Every split that has prompts."""
    length: int
    """Aligned length: tokens of the longest prompt."""
    _means: dict[TranscoderSet, State] = field(init=False, repr=False, default_factory=dict)
    """Mean references that were asked for, by transcoders."""

    def mean_reference(self, transcoders: TranscoderSet) -> State:
        """The mean over the features split; seconds the first time, then kept."""
        if transcoders not in self._means:
            over = self.batches[Split.FEATURES]
            self._means[transcoders] = mean_state(self.model, transcoders, over, self.length)
        return self._means[transcoders]

    def evaluator(
        self, transcoders: TranscoderSet, split: Split, limit: int | None = None
    ) -> Evaluator:
        """Circuits run on a split; means are always taken over the features split."""
        return Evaluator(
            self.model,
            transcoders,
            head(self.batches[split], limit),
            mean_over=self.mean_reference(transcoders),
            length=self.length,
        )


def prepare(model: LanguageModel, task: Task) -> Prepared:
    """Encodes a task for a model.

    Raises:
        TaskError: If prompts do not fit the tokenizer or the model, or a split is empty.
    """
    task = with_roles(task, model.tokenizer)
    length = aligned_length(model, task)
    everything = encode_pairs(task.pairs, model.tokenizer, length)
    batches = {}
    for split in Split:
        rows = torch.tensor(task.splits.get(split, ()), dtype=torch.long)
        found = _select(everything, rows)
        if found:
            batches[split] = found
    lacking = [split.value for split in NEEDED if split not in batches]
    if lacking:
        raise TaskError(
            f"Task {task.name} has no prompts in {', '.join(lacking)}. A run needs every split of "
            f"{', '.join(split.value for split in NEEDED)}; add prompts to the task file."
        )
    return Prepared(model=model, task=task, batches=batches, length=length)


def aligned_length(model: LanguageModel, task: Task) -> int:
    """Tokens of a task's longest prompt.

    Raises:
        TaskError: If the model takes no prompt of that length.
    """
    length = longest_prompt(task, model.tokenizer)
    if length > model.max_positions:
        raise TaskError(
            f"Task {task.name} has a prompt of {length} tokens; {model.name} takes at most "
            f"{model.max_positions}. Shorten or remove the prompts beyond that."
        )
    return length


def accuracy(model: LanguageModel, batches: Sequence[PromptBatch]) -> float:
    """Share of clean prompts whose top token is the answer."""
    with torch.no_grad():
        right = [model.logits(batch.clean).argmax(-1) == batch.answer for batch in batches]
    return float(torch.cat(right).float().mean())


def check_gate(prepared: Prepared) -> float:
    """The model's accuracy on the selection split.

    Raises:
        GateError: If it is below the task's gate.
    """
    found = accuracy(prepared.model, prepared.batches[Split.SELECTION])
    if found < prepared.task.gate:
        raise GateError(
            f"{prepared.model.name} answers {found:.3f} of unseen {prepared.task.name} prompts "
            f"right; the gate is {prepared.task.gate:.2f}. A circuit for a behaviour that the model"
            " does not show means nothing: train it longer, or choose another model or task."
        )
    return found


def head(batches: Batches, limit: int | None) -> Batches:
    """The first `limit` prompts of some batches, in proportion from each."""
    total = sum(len(batch.clean) for batch in batches)
    if limit is None or total <= limit:
        return batches
    share = limit / total
    return tuple(
        batch.take(torch.arange(max(1, round(share * len(batch.clean))))) for batch in batches
    )


def _select(batches: Batches, indices: Tensor) -> Batches:
    """The prompts with these pair indices."""
    kept = ((batch, torch.isin(batch.index, indices).nonzero().squeeze(1)) for batch in batches)
    return tuple(batch.take(rows) for batch, rows in kept if len(rows))
