"""QK attribution sums to the model's own scores, and each part is the effect it claims to be."""

import pytest
import torch

from core.attention.prediction import (
    Intervention,
    Reach,
    Regime,
    carried,
    frozen_scores,
    gates_of,
    live_scores,
    norm_changes,
    predicted_scores,
    writes_of,
)
from core.attention.qk import Against, attribute_heads, heads_of, prompt_sources
from core.attribution.frozen import freeze
from core.errors import GraphError
from core.graph import NodeKind
from core.models import attention_scores
from tests.tiny import KINDS, tiny_model, tiny_transcoders

IDS = torch.tensor([1, 4, 5, 9, 7])
EVERY = range(4)


@pytest.fixture(autouse=True)
def _float64():
    """Random dictionaries explain nothing, so parts are large and cancel: round far below them."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def setup(kind, *, skip=False, layers=3, crosses=False):
    model = tiny_model(kind, layers=layers)
    return model, tiny_transcoders(model, skip=skip, crosses=crosses)


def assert_near(got, want):
    # Llama's norms compute in float32 whatever the model's precision.
    torch.testing.assert_close(got, want, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_all_pairs_sum_to_the_models_own_score(kind, skip):
    model, coders = setup(kind, skip=skip)
    trace = model.trace(IDS[None])
    for layer in (0, 2):
        real = attention_scores(model, layer, trace.resid_pre[layer, 0])
        for head in attribute_heads(model, coders, IDS, layer, EVERY):
            assert_near(head.scores, real[head.head])
            for query, key in ((4, 4), (3, 1)):
                pairs = head.pairs(query, key)
                assert_near(pairs.sum(), real[head.head, query, key])


@pytest.mark.parametrize("kind", KINDS)
def test_against_the_row_mean_sums_give_the_log_pattern_less_its_mean(kind):
    model, coders = setup(kind)
    trace = model.trace(IDS[None])
    for head in attribute_heads(model, coders, IDS, 2, EVERY):
        row = trace.pattern[2, 0, head.head, 4].log()
        got = [head.pairs(4, key, Against.ROW_MEAN).sum() for key in range(5)]
        # The softmax inside attention is in float32 whatever the model's precision.
        torch.testing.assert_close(torch.stack(got), row - row.mean(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_removing_a_source_changes_the_frozen_scores_by_its_sums(kind, skip):
    """Do the intervention: the frozen model runs without the feature."""
    model, coders = setup(kind, skip=skip)
    frozen = freeze(model, coders, IDS)
    sources = prompt_sources(frozen)
    below = (sources.features.layer < 2).nonzero()[:, 0].tolist()
    chosen = [Intervention(features=(f,), factor=0.0) for f in below[::13]]
    frozen_after = frozen_scores(frozen, writes_of(sources, chosen))[2]
    before = frozen_scores(frozen, torch.zeros_like(writes_of(sources, chosen[:1])))[2, 0]
    for head in heads_of(sources, 2, EVERY):
        change = frozen_after[:, head.head] - before[head.head]
        for row, feature in enumerate(below[::13]):
            for query, key in ((4, 4), (4, 1)):
                pairs = head.pairs(query, key)
                want = pairs[feature, feature] - pairs[feature].sum() - pairs[:, feature].sum()
                assert_near(change[row, query, key], want)


@pytest.mark.parametrize("kind", KINDS)
def test_removing_a_source_at_the_query_alone_changes_the_score_by_its_row_sum(kind):
    """The query is made again from the residual stream without what the source brings there."""
    model, coders = setup(kind)
    head = attribute_heads(model, coders, IDS, 1, [2])[0]
    real = attention_scores(model, 1, model.trace(IDS[None]).resid_pre[1, 0])[2]
    for source in range(0, len(head.sources), 11):
        keep = torch.arange(len(head.sources)) != source
        without = head.query[:, keep].sum(1) @ head.key.sum(1).T
        want = real[4, 1] - head.pairs(4, 1)[source].sum()
        assert_near(without[4, 1], want)


@pytest.mark.parametrize("crosses", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_predictions_equal_the_frozen_model_for_many_features_at_once(kind, crosses):
    model, coders = setup(kind, skip=True, crosses=crosses)
    frozen = freeze(model, coders, IDS)
    sources = prompt_sources(frozen)
    several = [
        Intervention(features=(0, 5, 11, 30), factor=0.0),
        Intervention(features=(2,), factor=2.0),
        Intervention(features=(), factor=0.0),
    ]
    want = frozen_scores(frozen, writes_of(sources, several))
    gates = gates_of(sources, several)
    for layer in (0, 2):
        for head in heads_of(sources, layer, EVERY):
            assert_near(predicted_scores(head, gates), want[layer, :, head.head])


@pytest.mark.parametrize("kind", KINDS)
def test_with_the_norm_renewed_scores_are_those_of_the_changed_stream(kind):
    """The norm as the model computes it, on the stream of the frozen model."""
    model, coders = setup(kind)
    frozen = freeze(model, coders, IDS)
    sources = prompt_sources(frozen)
    several = [
        Intervention(features=(0, 5, 11), factor=0.0),
        Intervention(features=(2,), factor=2.0),
    ]
    writes = writes_of(sources, several)
    norm = norm_changes(frozen, writes)
    assert float((norm[2] - 1).abs().max()) > 1e-3
    stream = frozen.at(frozen.trace.resid_pre, 2) + carried(frozen, writes)[2]
    want = attention_scores(model, 2, stream)
    gates = gates_of(sources, several)
    for head in heads_of(sources, 2, EVERY):
        assert_near(predicted_scores(head, gates, norm[2]), want[:, head.head])


@pytest.mark.parametrize("crosses", [False, True])
def test_mlps_that_are_held_and_live_ones_differ_only_above_the_first_block(crosses):
    """Nothing but a norm lies between a feature of block 0 and the heads of block 1."""
    model, coders = setup("gpt2", crosses=crosses)
    sources = prompt_sources(freeze(model, coders, IDS))
    first = int((sources.features.position == 1).nonzero()[0, 0])
    live = {
        regime: live_scores(sources, [Intervention(features=(first,), factor=0.0)], regime)
        for regime in Regime
    }
    assert_near(live[Regime.HELD][:2], live[Regime.LIVE][:2])
    assert float((live[Regime.HELD][2] - live[Regime.LIVE][2]).abs().max()) > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_scores_of_the_live_model_are_those_of_its_own_patterns(kind):
    model, coders = setup(kind)
    sources = prompt_sources(freeze(model, coders, IDS))
    nothing = [Intervention(features=(3,), factor=1.0)]
    trace = model.trace(IDS[None])
    for regime in Regime:
        scores = live_scores(sources, nothing, regime)[:, 0]
        for layer in range(3):
            assert_near(scores[layer], attention_scores(model, layer, trace.resid_pre[layer, 0]))


def test_an_ablated_feature_is_ablated_in_the_live_model():
    """By hand: the MLP's output without the feature's write."""
    from core.models import Edits

    model, coders = setup("gpt2", layers=2)
    sources = prompt_sources(freeze(model, coders, IDS))
    place = 5
    layer, position = int(sources.features.layer[place]), int(sources.features.position[place])
    write = sources.features.activation[place] * coders[layer].W_dec[sources.features.index[place]]

    def without(_x, out):
        out = out.clone()
        out[:, position] -= write
        return out

    trace = model.trace(IDS[None], Edits(mlp={layer: without}))
    want = attention_scores(model, 1, trace.resid_pre[1, 0])
    got = live_scores(sources, [Intervention(features=(place,), factor=0.0)], Regime.LIVE)
    assert_near(got[1, 0], want)


@pytest.mark.parametrize("kind", KINDS)
def test_features_above_follow_as_in_the_frozen_model(kind):
    """Small changes leave every active feature active: their responses are linear and exact."""
    model, coders = setup(kind, skip=True)
    frozen = freeze(model, coders, IDS)
    sources = prompt_sources(frozen)
    first = int((sources.features.position == 1).nonzero()[0, 0])
    tiny = [Intervention(features=(first,), factor=1.0 + 1e-3)]
    gates = gates_of(sources, tiny, Reach.THROUGH)
    expected = torch.ones_like(gates)
    expected[0, first] = 1.0 + 1e-3
    for layer in range(1, 3):
        state = _frozen_mlp_input(frozen, sources, expected, layer)
        here = (sources.features.layer == layer).nonzero()[:, 0]
        at, index = sources.features.position[here], sources.features.index[here]
        pre = coders[layer].pre_activation(state)[at, index]
        expected[0, here] = pre.clamp(min=0) / sources.features.activation[here]
    assert_near(gates, expected)
    moved = (gates[0] - 1).abs() > 1e-9
    assert int(moved.sum()) > 1


def _frozen_mlp_input(frozen, sources, gates, layer):
    """MLP input of a layer of the frozen model, with features' writes multiplied by gates."""
    features, model = sources.features, frozen.model
    writes = torch.zeros_like(sources.error)
    for place in range(len(features)):
        at = int(features.layer[place]), int(features.position[place])
        decoder = frozen.transcoders[at[0]].W_dec[features.index[place]]
        writes[at] += (gates[0, place] - 1) * features.activation[place] * decoder
    state = torch.zeros_like(writes[0])
    for number, block in frozen.layers_up(layer + 1):
        read = (state @ block.folded.value).unflatten(-1, (len(block.mix), -1))
        moved = torch.einsum("hqp,phe->qhe", block.mix, read).flatten(1) @ block.folded.output
        before, state = state, state + moved
        if number == layer:
            site = before if model.parallel else state
            norm = block.folded.norm2
            return frozen.at(frozen.trace.mlp_in, layer) + norm.linear(
                site, frozen.mlp_norm_scale(layer)
            )
        if block.folded.skip is not None:
            skipped = before if model.parallel else state
            state = state + skipped @ block.folded.skip * block.scale2[:, None]
        state = state + writes[number]
    raise AssertionError


def test_sources_are_named_as_nodes():
    model, coders = setup("gpt2", layers=2)
    sources = attribute_heads(model, coders, IDS, 1, [0])[0].sources
    counts = torch.bincount(sources.kind, minlength=7).tolist()
    assert counts[1:] == [0, 10, 5, 5, 3, 0]
    assert sources.index[sources.kind == int(NodeKind.TOKEN)].tolist() == IDS.tolist()
    constants = sources.kind == int(NodeKind.BIAS)
    assert sources.layer[constants].tolist() == [0, 1, 2]
    assert sources.position[constants].tolist() == [-1, -1, -1]


def test_nothing_written_at_or_above_the_block_reaches_it():
    model, coders = setup("llama")
    head = attribute_heads(model, coders, IDS, 1, [0])[0]
    written = (head.sources.layer >= 1) & (head.sources.kind != int(NodeKind.BIAS))
    assert float(head.query[:, written].abs().max()) == 0
    assert float(head.key[:, ~written].abs().max()) > 0


def test_a_query_cannot_see_later_keys():
    model, coders = setup("gpt2", layers=1)
    head = attribute_heads(model, coders, IDS, 0, [0])[0]
    with pytest.raises(GraphError, match="no attention from position 1 to 3"):
        head.pairs(1, 3)
    with pytest.raises(GraphError, match="no attention from position 5"):
        head.pairs(5, 0)
