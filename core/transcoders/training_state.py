"""The state of one training run: weights, optimiser, and how a batch is drawn.

A batch depends on the seed and the step alone, so that nothing random has to be stored.

Blends. A task has few prompts, but an MLP is a function that can be asked anywhere. Part of each
batch lies between two prompts' inputs x1, x2 at one position with mean m,

    x = m + cos t (x1 - m) + sin t (x2 - m),      t uniform between 0 and pi / 2,

which keeps the position's covariance; the MLP itself gives the output. On modular addition with
1,400 prompts this about halves the prefixes' held-out error.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from core.transcoders.activations import Nested, TopK
from core.transcoders.objective import LayerBatch, LayerInTraining, Scale
from core.transcoders.prediction import PredictionHead
from core.transcoders.samples import Samples
from core.transcoders.settings import TrainSettings
from core.transcoders.sizing import prefixes, site_weights, sized
from core.transcoders.transcoder_set import TranscoderSet

WARMUP = 50
"""Steps of rising learning rate."""

Mlp = Callable[[Tensor], Tensor]
"""One layer's MLP, from input to output."""


class TrainingRun:
    """Everything that changes while training."""

    def __init__(self, samples: Samples, settings: TrainSettings, mlps: Sequence[Mlp]) -> None:
        if settings.lacks_prefix:  # nobody kept prompts apart to size it on
            settings = sized(settings, samples)
        self.samples, self.settings, self.mlps = samples, settings, mlps
        rest = ~samples.first  # a first token can be a thousand times larger
        pairs = zip(samples.x[:, rest], samples.y[:, rest], strict=True)
        self.scales = [_scale(x, y) for x, y in pairs]
        self.sites = site_weights(samples, settings)
        self.prefixes = prefixes(settings, len(samples.x))
        self.chances = samples.chances(_extra(self.sites) if settings.nested.sites else None)
        self.x_means = samples.position_means(samples.x)
        self.y_means = samples.position_means(samples.y)
        generator = torch.Generator().manual_seed(settings.seed)
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
        batches = [self._batch(layer, drawn) for layer in range(len(self.layers))]
        rows = list(zip(self.layers, batches, strict=True))
        pre = [module.read(batch.x) for module, batch in rows]
        activations = [module.activation(x) for module, x in zip(self.layers, pre, strict=True)]
        losses = [
            self._layer_loss(layer, batch, pre[layer], activations)
            for layer, batch in enumerate(batches)
        ]
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

    def finished(self, model_name: str, model_key: str = "") -> TranscoderSet:
        """The dictionary as it stands, normalisation folded into the weights."""
        return TranscoderSet(
            layers=tuple(
                module.finished(self.scales[layer], self.scales[layer + 1 :])
                for layer, module in enumerate(self.layers)
            ),
            model_name=model_name,
            model_key=model_key,
            kind=self.settings.kind,
            scan=f"{model_name}-{self.settings.kind}",
        )

    def _draw(self, number: int) -> "Draw":
        seed = (self.settings.seed * 1_000_003 + number + 1) % 2**63
        generator = torch.Generator().manual_seed(seed)
        size = self.settings.batch
        drawn = self.chances.multinomial(size, replacement=True, generator=generator)
        blended = round(self.settings.blends * size / (1 + self.settings.blends))
        partner = drawn.clone()
        angle = torch.zeros(size)
        if self.mlps and blended:
            partner[:blended] = self.samples.partners(drawn[:blended], generator)
            angle[:blended] = torch.rand(blended, generator=generator) * (math.pi / 2)
        return Draw(drawn, partner, angle[:, None], blended if self.mlps else 0)

    def _batch(self, layer: int, draw: "Draw") -> LayerBatch:
        scale, samples, blended = self.scales[layer], self.samples, draw.blended
        position = samples.position[draw.token]
        x, y = samples.x[layer][draw.token], samples.y[layer][draw.token]
        if blended:
            mean = self.x_means[layer][position[:blended]]
            mean = torch.where(samples.first[draw.token[:blended], None], x[:blended], mean)
            other = samples.x[layer][draw.partner[:blended]] - mean
            angle = draw.angle[:blended]
            x[:blended] = mean + angle.cos() * (x[:blended] - mean) + angle.sin() * other
            with torch.no_grad():
                y[:blended] = self.mlps[layer](x[:blended])
        return LayerBatch(
            x=(x - scale.x_mean) / scale.x_size,
            y=(y - scale.y_mean) / scale.y_size,
            position=position,
            weight=self.weights[layer][draw.token],
            prefix_weight=self.prefix_weights[layer][draw.token],
        )

    def _layer_loss(
        self, layer: int, batch: LayerBatch, pre: Tensor, activations: Sequence[Tensor]
    ) -> Float[Tensor, ""]:
        """Loss of one layer's reconstruction, given the activations of all layers."""
        module, a = self.layers[layer], activations[layer]
        error = batch.y - module.write(a, batch.x) - self._from_below(layer, activations, None)
        loss = (error.square().sum(-1) * batch.weight).mean()
        if module.lengths:
            numbers = range(len(module.lengths)) if layer and module.W_later is not None else ()
            below = [self._from_below(layer, activations, number) for number in numbers]
            loss = loss + self.settings.nested.weight * module.prefix_error(a, batch, below)
        if self.settings.group_weight:
            loss = loss + self.settings.group_weight * module.spread(a, batch)
        fired = (a.detach() > 0).any(0)
        self.silent[layer] = (self.silent[layer] + 1) * ~fired
        dead = self.silent[layer] >= self.settings.dead_after
        aux = module.revive(pre, error, dead, batch.weight)
        return loss + self.settings.aux_weight * aux

    def _from_below(self, layer: int, activations: Sequence[Tensor], number: int | None) -> Tensor:
        """What features of lower layers write here: all, or the first of their `number`th length.

        0 in a per-layer set.
        """
        total = activations[layer].new_zeros(())
        for at, module in enumerate(self.layers[:layer]):
            if module.W_later is None:
                continue
            length = None if number is None else module.lengths[number]
            total = total + module.later(activations[at], layer - at, length)
        return total

    def _error_weights(self) -> tuple[list[Tensor], list[Tensor]]:
        """Weights of each token's error: 1 over `loudness`, in normalised units."""
        sizes = [scale.y_size**2 for scale in self.scales]
        weight = [size / loud for size, loud in zip(sizes, self.samples.loudness(), strict=True)]
        wanted = self.sites[:, self.samples.position] * ~self.samples.first
        return weight, [w * s for w, s in zip(weight, wanted, strict=True)]

    def _begin(self, layer: int, generator: torch.Generator) -> LayerInTraining:
        settings, scale = self.settings, self.scales[layer]
        n, d_model = settings.features, self.samples.x.shape[2]
        W_enc = torch.randn(n, d_model, generator=generator)
        W_enc = W_enc / W_enc.norm(dim=1, keepdim=True)
        drawn = self.chances.multinomial(n, replacement=True, generator=generator)
        through = (self.samples.x[layer][drawn] - scale.x_mean) / scale.x_size
        start = {
            "W_enc": W_enc,
            "b_enc": -(W_enc * through).sum(1),
            "W_dec": 1e-3 * torch.randn(n, d_model, generator=generator),
        }
        if settings.skip == "affine":
            start["W_skip"] = torch.zeros(d_model, d_model)
        if settings.kind == "clt":
            start["W_later"] = torch.zeros(n, len(self.scales) - 1 - layer, d_model)
        means = (self.y_means[layer] - scale.y_mean) / scale.y_size
        prefix = self.prefixes[layer]
        if not prefix:
            return LayerInTraining(TopK(k=settings.k), (), start, means)
        lengths = (max(1, round(share * prefix)) for share in settings.nested.lengths)
        activation = Nested(prefix=prefix, k=settings.k)
        return LayerInTraining(activation, tuple(lengths), start, means)


class Draw(NamedTuple):
    """The tokens of one step."""

    token: Int[Tensor, " draw"]
    partner: Int[Tensor, " draw"]
    """What the token is blended with."""
    angle: Float[Tensor, "draw 1"]
    """0 is the token alone, pi / 2 its partner."""
    blended: int
    """How many, from the first, are blended."""


def _extra(sites: Float[Tensor, "layer pos"]) -> Float[Tensor, " pos"]:
    """Draws beside the even ones: half of all go to the sites, in proportion to their weights."""
    weight = sites.sum(0)
    return weight * (len(weight) / weight.sum().clamp(min=1e-9))


def _scale(x: Float[Tensor, "sample d_model"], y: Float[Tensor, "sample d_model"]) -> Scale:
    def size(values: Tensor) -> float:
        return float((values - values.mean(0)).square().sum(-1).mean().sqrt().clamp(min=1e-12))

    return Scale(x_mean=x.mean(0), x_size=size(x), y_mean=y.mean(0), y_size=size(y))


def _schedule(step: int, steps: int) -> float:
    """Share of the learning rate: up over WARMUP steps, down over the second half."""
    left = 2 * (steps - step) / steps
    return min(1.0, (step + 1) / WARMUP, left)
