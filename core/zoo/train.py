"""Trains one bundled model, resumably.

1. AdamW on matrices with decoupled weight decay, linear warm-up, linear fall at the end; small
   transformers on modular addition first memorise and then generalise under weight decay
   (Power et al. 2022, Grokking, arXiv 2201.02177), and the falling rate settles the margins.
2. The loss is the cross entropy of the answer tokens, plus `text_weight` times that of the others.
3. Where the recipe says so, the rate stays level until the model does the selection split, and
   only then falls, so that a task takes the steps it needs. The test split is never looked at.
4. Every few hundred steps weights and optimiser moments go to one safetensors file, written whole
   and renamed. A batch depends on (seed, step) only, so a resumed run repeats an unbroken one.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from core.zoo.corpus import Corpus
from core.zoo.recipes import ModelRecipe

log = logging.getLogger(__name__)

REPORT_EVERY = 100
"""Steps between progress lines, checkpoints and looks at the selection split."""
LOWEST = 0.01
"""Share of the learning rate that is left at the end."""

_CLASSES = {
    "gpt2": (GPT2Config, GPT2LMHeadModel),
    "gpt_neox": (GPTNeoXConfig, GPTNeoXForCausalLM),
    "llama": (LlamaConfig, LlamaForCausalLM),
}


class _Place(NamedTuple):
    """How far a training is."""

    step: int = 0
    """Steps done."""
    falls: int = -1
    """Step from which the rate falls, where that was decided on the way; -1: not yet."""


def build(recipe: ModelRecipe, vocabulary: int) -> PreTrainedModel:
    """The untrained model, float32, initial weights from the recipe's seed."""
    torch.manual_seed(recipe.seed)
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": None}
    settings = {"vocab_size": vocabulary, **special, **recipe.config}
    make_config, make_model = _CLASSES[recipe.architecture]
    return make_model(make_config(**settings))


def train(
    recipe: ModelRecipe,
    corpus: Corpus,
    checkpoint: Path | None = None,
    judge: Callable[[PreTrainedModel], float] | None = None,
) -> PreTrainedModel:
    """The trained model; continues from `checkpoint` where that file exists.

    Args:
        recipe: What to train and how.
        corpus: What on.
        checkpoint: File that holds an unfinished training.
        judge: Accuracy of a model on the selection split; for recipes that settle on it.
    """
    model = build(recipe, len(corpus.tokenizer)).train()
    optimiser = _optimiser(recipe, model)
    place = _resume(checkpoint, model, optimiser) if checkpoint else _Place()
    while place.step < _end(recipe, place):
        for group in optimiser.param_groups:
            group["lr"] = recipe.lr * _rate(recipe, place)
        ids = corpus.batch(recipe.seed, place.step, recipe.batch)
        loss = _loss(model, ids, corpus.scored, recipe.text_weight)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        place = place._replace(step=place.step + 1)
        if place.step % REPORT_EVERY == 0 or place.step == _end(recipe, place):
            place = _settled(recipe, model, place, judge)
            _report(recipe, place, loss)
            if checkpoint:
                _save(checkpoint, model, optimiser, place)
    return model.eval().requires_grad_(False)


def _report(recipe: ModelRecipe, place: _Place, loss: Float[Tensor, ""]) -> None:
    log.info(
        "%s step %d of %d: loss %.2e",
        recipe.name,
        place.step,
        _end(recipe, place),
        float(loss.detach()),
    )


def _settled(
    recipe: ModelRecipe,
    model: PreTrainedModel,
    place: _Place,
    judge: Callable[[PreTrainedModel], float] | None,
) -> _Place:
    """The place, with the fall of the rate begun if the model does the selection split now."""
    if not recipe.settle or judge is None or place.falls >= 0:
        return place
    accuracy = judge(model.eval())
    model.train()
    log.info("%s step %d: selection accuracy %.3f", recipe.name, place.step, accuracy)
    return place._replace(falls=place.step) if accuracy >= recipe.enough else place


def _end(recipe: ModelRecipe, place: _Place) -> int:
    """The last step, as far as it is known."""
    return min(recipe.steps, place.falls + recipe.settle) if place.falls >= 0 else recipe.steps


def _rate(recipe: ModelRecipe, place: _Place) -> float:
    """Learning-rate factor in [0, 1]: up over the warm-up, level, down to 1 % at the end."""
    rising = (place.step + 1) / recipe.warmup
    length = recipe.settle or recipe.decay * recipe.steps
    falling = (_end(recipe, place) - place.step) / max(1.0, length)
    return min(1.0, rising, max(LOWEST, falling))


def _loss(
    model: PreTrainedModel, ids: Int[Tensor, "prompt pos"], scored: int, text_weight: float
) -> Float[Tensor, ""]:
    """Cross entropy of the last `scored` tokens and, weighted, of those before them."""
    inputs, targets = ids[:, :-1], ids[:, 1:]
    kept = targets.shape[1] if text_weight else scored
    logits = model(input_ids=inputs, logits_to_keep=kept).logits
    losses = cross_entropy(logits.transpose(1, 2), targets[:, -kept:], reduction="none")
    answers = losses[:, -scored:].sum(1).mean()
    return answers + text_weight * losses[:, :-scored].sum(1).mean() if text_weight else answers


def _optimiser(recipe: ModelRecipe, model: PreTrainedModel) -> torch.optim.AdamW:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=recipe.betas, foreach=True)


def _state(model: PreTrainedModel, optimiser: torch.optim.AdamW) -> Iterator[tuple[str, Tensor]]:
    """Every tensor a resumed run needs, under a stable name."""
    for name, parameter in model.named_parameters():
        yield f"weight.{name}", parameter.data
        moments = optimiser.state[parameter]
        for moment in ("exp_avg", "exp_avg_sq", "step"):
            if moment not in moments:
                moments[moment] = (
                    torch.zeros_like(parameter.data) if moment != "step" else (torch.tensor(0.0))
                )
            yield f"{moment}.{name}", moments[moment]


def _save(path: Path, model: PreTrainedModel, optimiser: torch.optim.AdamW, place: _Place) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    tensors = {name: tensor.contiguous() for name, tensor in _state(model, optimiser)}
    save_file(tensors, partial, metadata={k: str(v) for k, v in place._asdict().items()})
    partial.replace(path)


def _resume(path: Path, model: PreTrainedModel, optimiser: torch.optim.AdamW) -> _Place:
    """Loads a checkpoint into model and optimiser; returns how far it is."""
    if not path.exists():
        return _Place()
    with safe_open(path, framework="pt") as stored:
        for name, tensor in _state(model, optimiser):
            tensor.copy_(stored.get_tensor(name))
        place = _Place(**{key: int(value) for key, value in stored.metadata().items()})
    log.info("continuing from step %d", place.step)
    return place
