"""Trains one bundled model, resumably.

1. AdamW on matrices with decoupled weight decay, linear warm-up, linear fall at the end; small
   transformers on modular addition first memorise and then generalise under weight decay
   (Power et al. 2022, Grokking, arXiv 2201.02177), and the falling rate settles the margins.
2. The loss is the cross entropy of the answer token, plus `text_weight` times that of the others.
3. Every few hundred steps weights and optimiser moments go to one safetensors file, written whole
   and renamed. A batch depends on (seed, step) only, so a resumed run repeats an unbroken one.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from core.zoo.corpus import Corpus
from core.zoo.recipes import Recipe

log = logging.getLogger(__name__)

REPORT_EVERY = 200
"""Steps between progress lines and checkpoints."""


def build(recipe: Recipe, vocabulary: int) -> PreTrainedModel:
    """The untrained model, float32, initial weights from the recipe's seed."""
    torch.manual_seed(recipe.seed)
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": None}
    settings = {"vocab_size": vocabulary, **special, **recipe.config}
    if recipe.architecture == "gpt2":
        return GPT2LMHeadModel(GPT2Config(**settings))
    return LlamaForCausalLM(LlamaConfig(**settings))


def train(recipe: Recipe, corpus: Corpus, checkpoint: Path | None = None) -> PreTrainedModel:
    """The trained model; continues from `checkpoint` where that file exists."""
    model = build(recipe, len(corpus.tokenizer)).train()
    optimiser = _optimiser(recipe, model)
    start = _resume(checkpoint, model, optimiser) if checkpoint else 0
    for step in range(start, recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = recipe.lr * _rate(recipe, step)
        ids = corpus.batch(recipe.seed, step, recipe.batch)
        loss = _loss(model, ids, recipe.text_weight)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if (step + 1) % REPORT_EVERY == 0 or step + 1 == recipe.steps:
            log.info(
                "%s step %d of %d: loss %.2e",
                recipe.name,
                step + 1,
                recipe.steps,
                float(loss.detach()),
            )
            if checkpoint:
                _save(checkpoint, model, optimiser, step + 1)
    return model.eval().requires_grad_(False)


def _report(recipe: Recipe, step: int, loss: Float[Tensor, ""]) -> None:
    value = float(loss.detach())
    log.info("%s step %d of %d: loss %.2e", recipe.name, step, recipe.steps, value)


def _rate(recipe: Recipe, step: int) -> float:
    """Learning-rate factor in [0, 1]: up over the warm-up, level, down to 1 % at the end."""
    rising = (step + 1) / recipe.warmup
    falling = (recipe.steps - step) / max(1.0, recipe.decay * recipe.steps)
    return min(1.0, rising, max(0.01, falling))


def _loss(
    model: PreTrainedModel, ids: Int[Tensor, "prompt pos"], text_weight: float
) -> Float[Tensor, ""]:
    inputs, targets = ids[:, :-1], ids[:, 1:]
    if not text_weight:
        logits = model(input_ids=inputs, logits_to_keep=1).logits[:, -1]
        return cross_entropy(logits, targets[:, -1])
    logits = model(input_ids=inputs).logits
    losses = cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    return losses[:, -1].mean() + text_weight * losses[:, :-1].sum(1).mean()


def _optimiser(recipe: Recipe, model: PreTrainedModel) -> torch.optim.AdamW:
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


def _save(path: Path, model: PreTrainedModel, optimiser: torch.optim.AdamW, step: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    tensors = {name: tensor.contiguous() for name, tensor in _state(model, optimiser)}
    save_file(tensors, partial, metadata={"step": str(step)})
    partial.replace(path)


def _resume(path: Path, model: PreTrainedModel, optimiser: torch.optim.AdamW) -> int:
    """Loads a checkpoint into model and optimiser; returns the steps already done."""
    if not path.exists():
        return 0
    with safe_open(path, framework="pt") as stored:
        for name, tensor in _state(model, optimiser):
            tensor.copy_(stored.get_tensor(name))
        step = int(stored.metadata()["step"])
    log.info("continuing from step %d", step)
    return step
