"""Trains one transcoder a layer on what the model's MLPs read and write.

1. Collect MLP inputs and outputs of the prompts (`samples.py`), centre and scale them.
2. Start: encoder rows are random input directions with a zero on a random token, so that every
   feature splits the data; the decoder starts at zero and its bias at the mean.
3. Adam on the reconstruction objective (`objective.py`), each position drawn equally often; the
   learning rate warms up, then falls linearly over the second half.
4. The batch of a step depends on the seed and the step alone, so that a run that is cut and resumed
   gives exactly the weights of one that is not.
5. Fold the normalisation into the weights.

Dictionaries are trained on reconstruction only, never on what the model answers.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.errors import SettingsError
from core.models import LanguageModel
from core.tasks import PromptBatch
from core.transcoders.activations import Nested, TopK
from core.transcoders.checkpoint import load_checkpoint, save_checkpoint
from core.transcoders.objective import LayerBatch, LayerInTraining, PredictionHead, Scale
from core.transcoders.samples import Samples, collect, site_ranks
from core.transcoders.settings import TrainSettings
from core.transcoders.transcoder import TranscoderSet

WARMUP = 50
"""Steps of rising learning rate."""
REPORT_EVERY = 50
"""Steps between two progress reports."""
CHECKPOINT_EVERY = 500
"""Steps between two checkpoints, where a folder to resume from is given."""


class Progress(NamedTuple):
    """How far training is."""

    step: int
    """Steps done."""
    steps: int
    """Steps in all."""
    loss: float
    """Mean over layers; relative to the variance, so 1 is as good as the mean."""
    seconds: float
    """Since this process began to train."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainReport:
    """What a run did."""

    settings: TrainSettings
    """What it was told."""
    seconds: float
    """Wall clock of this process; a resumed run counts its last part."""
    n_samples: int
    """Tokens to draw from."""
    prefixes: tuple[int, ...]
    """Dense features of each layer; zeros unless nested."""
    losses: tuple[float, ...]
    """Mean loss of each tenth of the run."""
    heads: tuple[PredictionHead, ...]
    """Next-layer prediction heads, one fewer than layers; empty if none were trained."""


class Trained(NamedTuple):
    """A trained set and how it came about."""

    transcoders: TranscoderSet
    report: TrainReport


def train_transcoders(
    model: LanguageModel,
    batches: Sequence[PromptBatch],
    settings: TrainSettings,
    progress: Callable[[Progress], None] = lambda _: None,
    resume_dir: Path | None = None,
) -> Trained:
    """Train a transcoder for every layer of a model on its own activations.

    Args:
        model: Only run, never changed.
        batches: The prompts; clean sides only. Never those a circuit is judged on.
        settings: What to train.
        progress: Called every few dozen steps and at the end.
        resume_dir: Where to keep checkpoints; a run with the same settings continues there.

    Raises:
        SettingsError: If the settings do not fit the model.
        TranscoderError: If there is nothing to train on, or the checkpoint is of another run.
    """
    return train_on_samples(
        collect(model, batches), settings, model.name, progress=progress, resume_dir=resume_dir
    )


def train_on_samples(
    samples: Samples,
    settings: TrainSettings,
    model_name: str,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    resume_dir: Path | None = None,
) -> Trained:
    """As `train_transcoders`, on activations already collected."""
    run = _Run(samples, settings)
    start = load_checkpoint(resume_dir, run.state(), settings) if resume_dir else 0
    began, losses = time.monotonic(), []
    for step in range(start, settings.steps):
        losses.append(run.step(step))
        done = step + 1
        if resume_dir and done % CHECKPOINT_EVERY == 0:
            save_checkpoint(resume_dir, run.state(), settings, done)
        if done % REPORT_EVERY == 0 or done == settings.steps:
            recent = sum(losses[-REPORT_EVERY:]) / len(losses[-REPORT_EVERY:])
            progress(Progress(done, settings.steps, recent, time.monotonic() - began))
    if resume_dir:
        save_checkpoint(resume_dir, run.state(), settings, settings.steps)
    report = TrainReport(
        settings=settings,
        seconds=time.monotonic() - began,
        n_samples=samples.x.shape[1],
        prefixes=run.prefixes,
        losses=_tenths(losses),
        heads=tuple(run.heads),
    )
    return Trained(run.finished(model_name), report)


class _Run:
    """Everything that changes while training."""

    def __init__(self, samples: Samples, settings: TrainSettings) -> None:
        self.samples, self.settings = samples, settings
        rest = ~samples.first  # a first token can be a thousand times larger
        pairs = zip(samples.x[:, rest], samples.y[:, rest], strict=True)
        self.scales = [_scale(x, y) for x, y in pairs]
        self.prefixes = _prefixes(samples, settings)
        self.chances = samples.chances()
        self.position_means = samples.position_means(samples.y)
        generator = torch.Generator().manual_seed(settings.seed)
        tokens = tuple(zip(samples.x, samples.y, self.scales, strict=True))
        self.inputs = [(x - scale.x_mean) / scale.x_size for x, _, scale in tokens]
        self.outputs = [(y - scale.y_mean) / scale.y_size for _, y, scale in tokens]
        self.weights, self.prefix_weights = self._error_weights()
        self.layers = [self._begin(number, generator) for number in range(len(samples.x))]
        count = len(self.layers) - 1 if settings.prediction.weight else 0
        rank = settings.prediction.rank
        self.heads = [PredictionHead(settings.features, rank, generator) for _ in range(count)]
        self.silent = torch.zeros(len(self.layers), settings.features)
        modules: list[nn.Module] = [*self.layers, *self.heads]
        parameters = [parameter for module in modules for parameter in module.parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=settings.learning_rate, betas=(0.9, 0.99))

    def step(self, number: int) -> float:
        """One optimiser step; returns the mean loss of the layers."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * _schedule(number, self.settings.steps)
        drawn = self._draw(number)
        losses, activations = [], []
        for layer, module in enumerate(self.layers):
            loss, a = self._layer_loss(layer, module, self._batch(layer, drawn))
            losses.append(loss)
            activations.append(a)
        total = torch.stack(losses).sum()
        for layer, head in enumerate(self.heads):
            error = head.error(activations[layer], activations[layer + 1])
            total = total + self.settings.prediction.weight * error
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        self.optimiser.step()
        return float(torch.stack(losses).mean().detach())

    def state(self) -> dict[str, Tensor]:
        """Every tensor a resumed run needs, by name; the optimiser's are made if it has none."""
        found = {"silent": self.silent}
        for number, parameter in enumerate(self.optimiser.param_groups[0]["params"]):
            state = self.optimiser.state[parameter]
            state.setdefault("step", torch.zeros(()))
            for name in ("exp_avg", "exp_avg_sq"):
                state.setdefault(name, torch.zeros_like(parameter))
            found[f"{number}.value"] = parameter
            found |= {f"{number}.{name}": value for name, value in state.items()}
        return found

    def finished(self, model_name: str) -> TranscoderSet:
        pairs = zip(self.layers, self.scales, strict=True)
        return TranscoderSet(
            layers=tuple(module.finished(scale) for module, scale in pairs),
            model_name=model_name,
            kind=self.settings.kind,
            scan=f"{model_name}-{self.settings.kind}",
        )

    def _draw(self, number: int) -> Tensor:
        seed = (self.settings.seed * 1_000_003 + number + 1) % 2**63
        generator = torch.Generator().manual_seed(seed)
        return self.chances.multinomial(self.settings.batch, replacement=True, generator=generator)

    def _batch(self, layer: int, drawn: Tensor) -> LayerBatch:
        return LayerBatch(
            x=self.inputs[layer][drawn],
            y=self.outputs[layer][drawn],
            position=self.samples.position[drawn],
            weight=self.weights[layer][drawn],
            prefix_weight=self.prefix_weights[layer][drawn],
        )

    def _layer_loss(self, layer: int, module: LayerInTraining, batch: LayerBatch):
        pre = module.read(batch.x)
        a = module.activation(pre)
        error = batch.y - module.write(a, batch.x)
        loss = (error.square().sum(-1) * batch.weight).mean()
        if module.lengths:
            loss = loss + self.settings.nested.weight * module.prefix_error(a, batch)
        fired = (a.detach() > 0).any(0)
        self.silent[layer] = (self.silent[layer] + 1) * ~fired
        dead = self.silent[layer] >= self.settings.dead_after
        aux = module.revive(pre, error, dead, batch.weight)
        return loss + self.settings.aux_weight * aux, a

    def _error_weights(self) -> tuple[list[Tensor], list[Tensor]]:
        """Weights of each token's error: 1 over `loudness`, in normalised units."""
        samples, sites = self.samples, self.settings.nested.sites
        sizes = [scale.y_size**2 for scale in self.scales]
        weight = [size / loud for size, loud in zip(sizes, samples.loudness(), strict=True)]
        if not sites:
            return weight, [w * ~samples.first for w in weight]
        shape = (len(samples.x), samples.n_positions)
        if (len(sites), *{len(row) for row in sites}) != shape:
            raise SettingsError(
                f"`sites` weighs {[len(row) for row in sites]} positions of each layer; "
                f"{shape[0]} rows of {shape[1]} are required. Give one weight for each site."
            )
        wanted = torch.tensor(sites)[:, samples.position] * ~samples.first
        return weight, [w * s for w, s in zip(weight, wanted, strict=True)]

    def _begin(self, layer: int, generator: torch.Generator) -> LayerInTraining:
        settings, scale = self.settings, self.scales[layer]
        x = self.inputs[layer]
        n, d_model = settings.features, x.shape[1]
        W_enc = torch.randn(n, d_model, generator=generator)
        W_enc = W_enc / W_enc.norm(dim=1, keepdim=True)
        through = x[self.chances.multinomial(n, replacement=True, generator=generator)]
        start = {
            "W_enc": W_enc,
            "b_enc": -(W_enc * through).sum(1),
            "W_dec": 1e-3 * torch.randn(n, d_model, generator=generator),
        }
        if settings.skip == "affine":
            start["W_skip"] = torch.zeros(d_model, d_model)
        means = (self.position_means[layer] - scale.y_mean) / scale.y_size
        if settings.kind == "topk":
            return LayerInTraining(TopK(k=settings.k), (), start, means)
        prefix = self.prefixes[layer]
        lengths = {max(1, round(share * prefix)) for share in settings.nested.lengths}
        activation = Nested(prefix=prefix, k=settings.k)
        return LayerInTraining(activation, tuple(sorted(lengths)), start, means)


def _scale(x: Float[Tensor, "sample d_model"], y: Float[Tensor, "sample d_model"]) -> Scale:
    def size(values: Tensor) -> float:
        return float((values - values.mean(0)).square().sum(-1).mean().sqrt().clamp(min=1e-12))

    return Scale(x_mean=x.mean(0), x_size=size(x), y_mean=y.mean(0), y_size=size(y))


def _prefixes(samples: Samples, settings: TrainSettings) -> tuple[int, ...]:
    """Dense features of each layer: as told, or in proportion to the widest site's PCA rank."""
    count = len(samples.x)
    if settings.kind == "topk":
        return (0,) * count
    told = settings.nested.prefix
    if told and len(told) != count:
        raise SettingsError(
            f"`prefix` has {len(told)} sizes for {count} layers; one for each layer is required."
        )
    if told:
        return told
    ranks = site_ranks(samples, settings.nested.variance).amax(1)
    most = settings.features - settings.k
    sizes = (round(settings.nested.per_rank * int(rank)) for rank in ranks)
    return tuple(max(1, min(most, size)) for size in sizes)


def _schedule(step: int, steps: int) -> float:
    """Share of the learning rate: up over WARMUP steps, down over the second half."""
    left = 2 * (steps - step) / steps
    return min(1.0, (step + 1) / WARMUP, left)


def _tenths(losses: Sequence[float]) -> tuple[float, ...]:
    size = max(1, len(losses) // 10)
    parts = [losses[at : at + size] for at in range(0, len(losses), size)]
    return tuple(sum(part) / len(part) for part in parts)
