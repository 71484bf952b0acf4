"""The paper's literal dictionary: a TopK autoencoder of the hidden state, to compare with.

    h_l ≈ f_l W_dec + b_dec      f_l = relu(topk_k(h_l W_enc^T + b_enc))

h_l is the residual stream that leaves block l, and it is reconstructed from itself, as the
objective of arXiv 2601.12879 reads. It is no transcoder: nothing stands in for an MLP.

1. Samples are the stream at every prompt position; training is the transcoders' own (`train`).
2. Spliced in, the reconstruction takes the place of the whole stream: what attention, embeddings
   and lower blocks carry goes through the features too.
3. A circuit keeps some features live; the rest of the stream stays at the reference:

       h = h° + (g · (f − f°)) W_dec

So every feature that any later block needs has to be kept at every block on the way, and nothing of
the model runs around them. Benchmarks show what that costs; no run uses it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import TranscoderError
from core.models import Edits, LanguageModel
from core.models.hooks import ResidEdit
from core.tasks import PromptBatch
from core.transcoders.samples import Samples, collect
from core.transcoders.settings import TrainSettings
from core.transcoders.train import train_on_samples
from core.transcoders.transcoder import Transcoder


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HiddenDictionary:
    """An autoencoder of the residual stream that leaves each block."""

    layers: tuple[Transcoder, ...]
    """Encoder, decoder and activation of each block; they read and write the raw stream."""

    def encode(
        self, h: Float[Tensor, "layer *batch d_model"]
    ) -> Float[Tensor, "layer *batch feature"]:
        """Activations of every block's features."""
        return torch.stack([coder.encode(one) for coder, one in zip(self.layers, h, strict=True)])

    def splice(self) -> Edits:
        """Edits that put each reconstruction in the place of the stream."""
        return Edits(resid=dict(enumerate(self.layers)))


def collect_hidden(model: LanguageModel, batches: Sequence[PromptBatch]) -> Samples:
    """What leaves every block, as input and as output.

    Raises:
        TranscoderError: If there is no prompt longer than one token.
    """
    places = collect(model, batches)
    h = torch.cat([model.trace(batch.clean).resid_post.flatten(1, 2) for batch in batches], 1)
    return replace(places, x=h.float(), y=h.float())


def train_hidden(
    model: LanguageModel, batches: Sequence[PromptBatch], settings: TrainSettings
) -> HiddenDictionary:
    """Train an autoencoder of every block's output, by reconstruction alone.

    Blends of prompts are their own targets, as everything is here.

    Raises:
        TranscoderError: If there is nothing to train on, or features are to cross layers.
    """
    if settings.kind == "clt":
        raise TranscoderError(
            "An autoencoder of the hidden state was asked for with writes at later layers; it "
            "reconstructs its own layer alone. Choose topk or nested."
        )
    mlps = [lambda x: x] * model.n_layers
    samples = collect_hidden(model, batches)
    made = train_on_samples(samples, settings, model.name, mlps=mlps).transcoders
    return HiddenDictionary(layers=made.layers)


def hidden_edit(
    coder: Transcoder,
    gate: Float[Tensor, "_ pos feature"],
    activation: Float[Tensor, "_ pos feature"],
    base: Float[Tensor, "_ pos d_model"],
) -> ResidEdit:
    """The stream that leaves a block when only some features are live.

    Args:
        coder: Of this block.
        gate: 1 = live, 0 = at the reference; batch 1 or one a prompt.
        activation: Reference activations f°; batch 1 or one a prompt.
        base: Reference stream h°; batch as `activation`.
    """
    return lambda h: base + (gate * (coder.encode(h) - activation)) @ coder.W_dec
