"""The Lab's prompts, run once: clean traces, references, and how a person reads them.

1. A seeded choice of at most `MOST_PROMPTS` of the test split, fewer where their values would not
   fit into `MOST_BYTES` or a run of all would take more than `MOST_WORK`; file order is kept.
2. Each batch of equal length is prepared: `core.interventions.PreparedBatch`.
3. Means are those of validation, over the features split; a bundle may carry them (`MEANS`), which
   saves running that split.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from core.errors import TaskError
from core.interventions import PreparedBatch, State, mean_state, prepare_batch
from core.lab.contents import PromptView
from core.models import LanguageModel
from core.tasks import PromptPair, Split, Task, encode_pairs
from core.transcoders import TranscoderSet

MOST_PROMPTS = 512
"""Prompts that the Lab runs at most."""
MOST_BYTES = 2**30
"""Bytes that their features' values may take."""
MOST_WORK = 10**11
"""Multiplications and additions of one run of all prompts; a few seconds on one core."""
LEAST_PROMPTS = 32
"""Prompts that are run however large the model is."""
MEANS = "mean."
"""Prefix of the mean reference's tensors in a bundle: `mean.activation`, `mean.mlp_in`, ..."""


def chosen_pairs(
    task: Task, model: LanguageModel, n_features: int, length: int
) -> tuple[PromptPair, ...]:
    """The test prompts that the Lab runs, in file order.

    Raises:
        TaskError: If the test split is empty.
    """
    pairs = task.of(Split.TEST)
    if not pairs:
        raise TaskError(
            f"Task {task.name} has no test prompts: got 0, required one or more. The Lab shows "
            "prompts that nothing was fitted on; add some with the split `test`."
        )
    # 3 states (clean, corrupt and what a run makes of them), float32.
    bytes_each = 3 * 4 * model.n_layers * length * (n_features + 3 * model.d_model)
    work_each = 2 * 12 * model.n_layers * model.d_model**2 * length
    affordable = max(LEAST_PROMPTS, MOST_WORK // work_each)
    most = max(1, min(MOST_PROMPTS, MOST_BYTES // bytes_each, affordable))
    if len(pairs) <= most:
        return pairs
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0))[:most]
    return tuple(pairs[i] for i in sorted(order.tolist()))


def make_parts(
    model: LanguageModel,
    coders: TranscoderSet,
    pairs: Sequence[PromptPair],
    mean: State,
    length: int,
) -> tuple[PreparedBatch, ...]:
    """Every batch of `pairs`, run clean and corrupt."""
    batches = encode_pairs(pairs, model.tokenizer, length)
    return tuple(prepare_batch(model, coders, b, mean=mean, length=length) for b in batches)


def means_of(
    model: LanguageModel,
    coders: TranscoderSet,
    task: Task,
    length: int,
    stored: Mapping[str, Tensor],
) -> State:
    """The mean reference: as stored, else taken over the features split."""
    names = {name: f"{MEANS}{name}" for name in State._fields}
    if set(names.values()) <= set(stored):
        return State(**{name: stored[key] for name, key in names.items()})
    with torch.no_grad():
        over = encode_pairs(task.of(Split.FEATURES), model.tokenizer, length)
        return mean_state(model, coders, over, length)


def means_to_tensors(mean: State) -> dict[str, Tensor]:
    """What a bundle carries so that its Lab need not run the features split."""
    return {f"{MEANS}{name}": value.contiguous() for name, value in mean._asdict().items()}


def prompt_views(
    model: LanguageModel, task: Task, pairs: Sequence[PromptPair], parts: Sequence[PreparedBatch]
) -> tuple[PromptView, ...]:
    """The prompts as a person reads them, in the Lab's order."""
    views: dict[int, PromptView] = {}
    for part in parts:
        for row, index in enumerate(part.batch.index.tolist()):
            ids = tuple(part.batch.clean[row].tolist())
            pair = pairs[index]
            views[index] = PromptView(
                index=index,
                text=pair.clean,
                corrupt=pair.corrupt,
                tokens=tuple(model.token_text(token) for token in ids),
                ids=ids,
                shift=part.start,
                answer=model.token_text(int(part.batch.answer[row])),
                wrong=model.token_text(int(part.batch.wrong[row])),
                answer_id=int(part.batch.answer[row]),
                wrong_id=int(part.batch.wrong[row]),
                variables=dict(pair.variables),
                roles=tuple(task.roles[part.start :]),
            )
    return tuple(views[index] for index in sorted(views))
