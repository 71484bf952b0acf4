"""The card of a bundled model: what it can do, how it was made, where its work is."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from core.errors import GateError
from core.figures import each_float
from core.interventions.sites import scan_sites
from core.models import LanguageModel
from core.tasks import PromptBatch, Split, Task, encode_pairs
from core.zoo.recipes import ModelRecipe

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How well a model does one split."""

    prompts: int
    """Number of prompts."""
    accuracy: float
    """Share whose highest logit is the answer, in [0, 1]."""
    logit_difference: float
    """Mean logit(answer) - logit(wrong)."""
    margin_p01: float
    """First percentile of logit(answer) - highest other logit."""


def measure(model: LanguageModel, batch: PromptBatch) -> Behaviour:
    """The model's own behaviour on the clean prompts of a batch."""
    logits = model.logits(batch.clean)
    answer = logits.gather(1, batch.answer[:, None]).squeeze(1)
    others = logits.scatter(1, batch.answer[:, None], -torch.inf).amax(1)
    margin = answer - others
    return Behaviour(
        prompts=len(logits),
        accuracy=float((margin > 0).float().mean()),
        logit_difference=float(batch.margin(logits).mean()),
        margin_p01=float(margin.quantile(0.01)),
    )


def judge_on(
    task: Task, split: Split, tokenizer: PreTrainedTokenizerFast
) -> Callable[[PreTrainedModel], float]:
    """Measures the accuracy of a model in training on one split."""
    (batch,) = encode_pairs(task.of(split), tokenizer)

    @torch.no_grad()
    def accuracy(hf: PreTrainedModel) -> float:
        logits = hf(input_ids=batch.clean, logits_to_keep=1).logits[:, -1]
        return float((logits.argmax(-1) == batch.answer).float().mean())

    return accuracy


def write_card(folder: Path, model: LanguageModel, task: Task, recipe: ModelRecipe) -> None:
    """Measures the model on every split, scans its sites and writes `card.json`.

    Raises:
        GateError: If test accuracy is below the recipe's gate; the card is then not written.
    """
    batches = {
        split: encode_pairs(task.of(split), model.tokenizer)[0] for split in Split if task.of(split)
    }
    behaviour = {split: measure(model, batch) for split, batch in batches.items()}
    _check_gate(recipe, behaviour[Split.TEST])
    scan = scan_sites(model, batches[Split.FEATURES], batches[Split.SELECTION])
    card = {
        "schema": SCHEMA,
        "name": recipe.name,
        "task": task.name,
        "key": model.key,
        "parameters": sum(p.numel() for p in model.hf.parameters()),
        "recipe": asdict(recipe),
        "command": f"python -m core.zoo train {recipe.name} --seed {recipe.seed}",
        "behaviour": {split.value: asdict(measured) for split, measured in behaviour.items()},
        "sites": [asdict(site) | {"matters": site.matters} for site in scan.sites],
        "needed_sites_only": {
            "accuracy": scan.accuracy_needed_only,
            "logit_difference_kept": scan.kept_needed_only,
        },
        "no_site": {"accuracy": scan.accuracy_none},
    }
    # four places: enough to read, and the same on every machine
    text = json.dumps(each_float(card, lambda value: round(value, 4)), indent=2)
    (folder / "card.json").write_text(text + "\n", encoding="utf-8")


def _check_gate(recipe: ModelRecipe, test: Behaviour) -> None:
    if test.accuracy < recipe.gate:
        raise GateError(
            f"{recipe.name} does not do its task: got accuracy {test.accuracy:.3f} on the test "
            f"split. Required: {recipe.gate:.2f}. Train longer or with another seed."
        )
