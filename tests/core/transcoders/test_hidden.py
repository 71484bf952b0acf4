"""The autoencoder of the hidden state: what it replaces, its two ends, and training."""

import pytest
import torch

from core.errors import TranscoderError
from core.models import Edits
from core.transcoders import TrainSettings
from core.transcoders.hidden import (
    HiddenDictionary,
    collect_hidden,
    hidden_edit,
    train_hidden,
)
from tests.tiny import tiny_batch, tiny_model, tiny_transcoders

KINDS = ("gpt2", "llama", "neox-parallel")
QUICK = TrainSettings(features=40, k=20, steps=400, batch=128)


def setup(kind):
    model = tiny_model(kind)
    return model, HiddenDictionary(layers=tiny_transcoders(model).layers), tiny_batch()


def leaves(model, layer, resid):
    """What leaves one block, from the block itself."""
    extra = model._block_arguments(resid, 0)
    return model.blocks[layer](resid, **extra)


@pytest.mark.parametrize("kind", KINDS)
def test_a_splice_replaces_all_that_leaves_each_block(kind):
    model, dictionary, batch = setup(kind)
    resid = model.embed(batch.clean).total
    for layer, coder in enumerate(dictionary.layers):
        resid = coder(leaves(model, layer, resid))
    got = model.run(batch.clean, dictionary.splice())
    torch.testing.assert_close(got, model.unembed(resid[:, -1]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_shut_is_the_reference_and_everything_open_its_error_on_top(kind):
    model, dictionary, batch = setup(kind)
    corrupt = model.trace(batch.corrupt)
    f = dictionary.encode(corrupt.resid_post)

    def run(gate):
        gates = torch.full((1, *f.shape[2:]), gate)
        edits = {
            layer: hidden_edit(coder, gates, f[layer], corrupt.resid_post[layer])
            for layer, coder in enumerate(dictionary.layers)
        }
        return model.run(batch.clean, Edits(resid=edits))

    torch.testing.assert_close(run(0.0), corrupt.logits[:, -1], rtol=1e-4, atol=1e-4)
    resid = model.embed(batch.clean).total
    for layer, coder in enumerate(dictionary.layers):
        error = corrupt.resid_post[layer] - coder(corrupt.resid_post[layer])
        resid = coder(leaves(model, layer, resid)) + error
    torch.testing.assert_close(run(1.0), model.unembed(resid[:, -1]), rtol=1e-4, atol=1e-4)


def test_it_learns_to_reconstruct_the_stream_from_itself():
    model, batch = tiny_model("gpt2"), tiny_batch(prompts=40)
    dictionary = train_hidden(model, (batch,), QUICK)
    samples = collect_hidden(model, (batch,))
    torch.testing.assert_close(samples.x, model.trace(batch.clean).resid_post.flatten(1, 2))
    rest = ~samples.first
    for layer, coder in enumerate(dictionary.layers):
        y = samples.y[layer, rest]
        error = (y - coder(y)).square().sum() / (y - y.mean(0)).square().sum()
        assert float(error) < 0.2


def test_writes_at_later_layers_are_refused():
    settings = TrainSettings(kind="clt")
    with pytest.raises(TranscoderError, match="reconstructs its own layer alone"):
        train_hidden(tiny_model("gpt2"), (tiny_batch(),), settings)
