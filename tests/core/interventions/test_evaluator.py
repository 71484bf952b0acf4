"""Circuits run alone, against a slow obvious reference with plain PyTorch hooks."""

import pytest
import torch

from core.circuit import Attention
from core.interventions import Ablation, ErrorRegime, Evaluator, Gates, all_gates
from core.interventions.edits import regime_base
from core.interventions.passes import Passes
from tests.tiny import KINDS, Kind, tiny_batch, tiny_model, tiny_transcoders

ABLATIONS = tuple(Ablation)


def make(kind: Kind = "gpt2", skip=False, crosses=False):
    model = tiny_model(kind)
    coders = tiny_transcoders(model, skip=skip, crosses=crosses)
    batches = [tiny_batch(seed=1), tiny_batch(length=4, shift=1, seed=2)]
    others = [tiny_batch(seed=3), tiny_batch(length=4, shift=1, seed=4)]
    return Evaluator(model, coders, batches, mean_over=others, length=5), batches, others


def features(evaluator, feature):
    """Gates of features; every head live."""
    heads = torch.ones(*feature.shape[:-1], evaluator.bounds.n_heads)
    return Gates(feature=feature, head=heads)


def random_masks(evaluator, n=2):
    generator = torch.Generator().manual_seed(5)
    return (torch.rand(n, *evaluator.bounds[:3], generator=generator) < 0.4).float()


def nothing(evaluator):
    return features(evaluator, torch.zeros(1, *evaluator.bounds[:3]))


def mlp_values(model, coders, ids):
    """(x, y, a, error) of every layer, one prompt at a time, with ordinary hooks."""
    seen = []
    hooks = [
        block.mlp.register_forward_hook(lambda _m, args, out: seen.append((args[0], out)))
        for block in model.blocks
    ]
    model.hf(input_ids=ids)
    for hook in hooks:
        hook.remove()
    rows = []
    for coder, (x, y) in zip(coders.layers, seen, strict=True):
        a = coder.encode(x)
        below = from_below(coders, [row[2] for row in rows])
        rows.append((x, y, a, y - coder.own(a, x) - below))
    return rows


def from_below(coders, active):
    """What features of lower layers write after them, given their activations."""
    every, layer = torch.arange(coders.n_features), len(active)
    return sum(a @ coders.writes(at, every, layer) for at, a in enumerate(active))


def slow_reference(model, coders, batch, others, row, ablation):
    """Reference (mlp_out, activation) of every layer for one prompt."""
    length = batch.clean.shape[1]
    if ablation is Ablation.RESAMPLE:
        return [(y, a) for _x, y, a, _e in mlp_values(model, coders, batch.corrupt[row : row + 1])]
    if ablation is Ablation.ZERO:
        values = mlp_values(model, coders, batch.clean[row : row + 1])
        return [
            (coder.b_dec.expand_as(y), torch.zeros_like(a))
            for coder, (_x, y, a, _e) in zip(coders.layers, values, strict=True)
        ]
    found = []
    for layer in range(model.n_layers):
        outs = {position: [] for position in range(-length, 0)}
        for other in others:
            _x, y, a, _e = mlp_values(model, coders, other.clean)[layer]
            for position in range(-min(length, other.clean.shape[1]), 0):
                outs[position].append((y[:, position], a[:, position]))
        mean = [
            [torch.cat([pair[i] for pair in outs[p]]).mean(0) for p in range(-length, 0)]
            for i in (0, 1)
        ]
        found.append((torch.stack(mean[0])[None], torch.stack(mean[1])[None]))
    return found


def slow_logits(model, coders, batch, others, row, mask, ablation, around=lambda run: run()):
    """One prompt, one circuit: y = y° + Σ_kept (a − a°) d, layer by layer; `around` the run."""
    reference = slow_reference(model, coders, batch, others, row, ablation)
    start, sent = mask.shape[1] - batch.clean.shape[1], []

    def hook(layer):
        y_ref, a_ref = reference[layer]

        def replace(_module, args, _out):
            a = coders.layers[layer].encode(args[0])
            moved = mask[layer, start:][None] * (a - a_ref)
            below = from_below(coders, sent)
            sent.append(moved)
            return y_ref + moved @ coders.layers[layer].W_dec + below

        return replace

    hooks = [b.mlp.register_forward_hook(hook(i)) for i, b in enumerate(model.blocks)]
    logits = around(lambda: model.hf(input_ids=batch.clean[row : row + 1]).logits[0, -1])
    for h in hooks:
        h.remove()
    return logits


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("crosses", [False, True])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "neox-parallel"])
def test_outcomes_equal_the_slow_reference(kind, ablation, crosses):
    evaluator, batches, others = make(kind, crosses=crosses)
    masks = random_masks(evaluator)
    got = evaluator.outcome(features(evaluator, masks), ablation)
    want = []
    for mask in masks:
        for batch in batches:
            for row in range(len(batch.clean)):
                logits = slow_logits(
                    evaluator.model, evaluator.transcoders, batch, others, row, mask, ablation
                )
                want.append(logits[batch.answer[row]] - logits[batch.wrong[row]])
    want = torch.stack(want).view(len(masks), -1)
    torch.testing.assert_close(got.logit_diff, want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("skip", "crosses"), [(False, False), (True, False), (True, True)])
def test_everything_kept_with_clean_errors_is_the_model(skip, crosses):
    evaluator, _, _ = make(skip=skip, crosses=crosses)
    ones = all_gates(evaluator.bounds)[None]
    for ablation in ABLATIONS:
        got = evaluator.outcome(ones, ablation, ErrorRegime.KEPT)
        want = evaluator.model_outcome()
        torch.testing.assert_close(got.logit_diff, want.logit_diff, rtol=1e-3, atol=1e-3)
        assert got.kl.abs().max() < 1e-4


def test_an_empty_circuit_under_resampling_writes_the_corrupt_mlp_outputs():
    evaluator, batches, _ = make()
    none = nothing(evaluator)
    got = evaluator.outcome(none, Ablation.RESAMPLE).logit_diff[0, :3]
    model, batch = evaluator.model, batches[0]
    outs = model.trace(batch.corrupt).mlp_out
    from core.models import Edits

    logits = model.run(batch.clean, Edits(mlp={i: lambda _x, _y, i=i: outs[i] for i in range(2)}))
    rows = torch.arange(3)
    want = logits[rows, batch.answer] - logits[rows, batch.wrong]
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def test_the_strict_regime_ablates_the_affine_skip():
    evaluator, _, _ = make(skip=True)
    none = nothing(evaluator)
    plain = make(skip=False)[0].outcome(none, Ablation.MEAN)
    got = evaluator.outcome(none, Ablation.MEAN)
    torch.testing.assert_close(got.logit_diff, plain.logit_diff, rtol=1e-4, atol=1e-4)


def test_chunks_do_not_change_an_outcome(monkeypatch):
    evaluator, _, _ = make()
    masks = features(evaluator, random_masks(evaluator, 7))
    whole = evaluator.outcome(masks, Ablation.RESAMPLE).logit_diff
    monkeypatch.setattr("core.interventions.passes.CHUNK_TOKENS", 1)
    torch.testing.assert_close(evaluator.outcome(masks, Ablation.RESAMPLE).logit_diff, whole)


def test_the_loss_carries_gradients_to_live_gates():
    evaluator, _, _ = make()
    mask = torch.full(evaluator.bounds[:3], 0.5, requires_grad=True)
    evaluator.loss(features(evaluator, mask), Ablation.RESAMPLE).mean().backward()
    assert mask.grad is not None
    assert mask.grad.abs().sum() > 0


def test_importance_is_the_sum_of_squared_gradients_prompt_by_prompt():
    evaluator, _, _ = make()
    point = torch.full(evaluator.bounds[:3], 0.7)
    found = evaluator.importance(features(evaluator, point), Ablation.MEAN)
    assert found.head.count_nonzero() == 0
    got, want = found.feature, torch.zeros_like(point)
    mask = point.clone().requires_grad_()
    for loss in evaluator.loss(features(evaluator, mask), Ablation.MEAN):
        want += torch.autograd.grad(loss, mask, retain_graph=True)[0].pow(2)
    torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("crosses", [False, True])
@pytest.mark.parametrize("attention", list(Attention))
def test_margins_and_their_slopes_are_those_prompt_by_prompt(attention, crosses):
    evaluator, _, _ = make(crosses=crosses)
    bounds = evaluator.bounds
    point = torch.full(bounds[:3], 0.7)
    head = torch.full((bounds.n_layers, bounds.n_positions, bounds.n_heads), 0.8)
    gates = Gates(feature=point, head=head)
    parts = list(evaluator.margins(gates, Ablation.RESAMPLE, attention))
    margin = torch.cat([margin for margin, _ in parts])
    want = evaluator.outcome(gates[None], Ablation.RESAMPLE).logit_diff[0]
    torch.testing.assert_close(margin, want)
    slope = torch.cat([slope.feature for _, slope in parts])
    heads = torch.cat([slope.head for _, slope in parts])
    assert (heads.count_nonzero() > 0) == (attention is Attention.CIRCUIT)
    # By finite differences at the gate that moves some prompt most, for every prompt.
    place = divmod(int(slope.abs().amax(0).argmax()), bounds.n_features)
    layer, position = divmod(place[0], bounds.n_positions)
    ends = []
    for step in (0.01, -0.01):
        moved = point.clone()
        moved[layer, position, place[1]] += step
        circuit = Gates(feature=moved, head=head)[None]
        ends.append(evaluator.outcome(circuit, Ablation.RESAMPLE).logit_diff[0])
    numeric = (ends[0] - ends[1]) / 0.02
    torch.testing.assert_close(slope[:, layer, position, place[1]], numeric, rtol=0.02, atol=2e-3)


def test_margins_taken_a_few_prompts_at_a_time_are_the_same(monkeypatch):
    evaluator, _, _ = make()
    gates = nothing(evaluator)[0]
    whole = list(evaluator.margins(gates, Ablation.MEAN))
    monkeypatch.setattr("core.interventions.derivatives.SLOPES", 1)
    single = list(evaluator.margins(gates, Ablation.MEAN))
    assert len(single) == evaluator.n_prompts > len(whole)
    for row in (0, 1):
        both = [
            torch.cat([part[0] if row == 0 else part[1].feature for part in parts])
            for parts in (whole, single)
        ]
        torch.testing.assert_close(*both)


@pytest.mark.parametrize("regime", list(ErrorRegime))
def test_what_is_written_at_rest_has_the_error_of_the_regime(regime):
    evaluator, _, _ = make()
    clean, corrupt, mean = (
        getattr(evaluator._parts[0], name) for name in ("clean", "corrupt", "mean")
    )
    base = regime_base(regime, 1, mean, clean, corrupt, mean)
    plain = mean.mlp_out[1] - mean.error[1]
    want = {
        ErrorRegime.ABLATED: mean.mlp_out[1],
        ErrorRegime.KEPT: plain + clean.error[1],
        ErrorRegime.RESAMPLE: plain + corrupt.error[1],
        ErrorRegime.MEAN: plain + mean.error[1],
        ErrorRegime.ZERO: plain,
    }[regime]
    torch.testing.assert_close(base, want)


def test_the_loss_is_divergence_and_squared_gap_over_the_mean_squared_margin():
    evaluator, _, _ = make()
    gates = features(evaluator, random_masks(evaluator))[0]
    found = evaluator.loss(gates, Ablation.RESAMPLE)
    outcome = evaluator.outcome(gates[None], Ablation.RESAMPLE)
    start = 0
    for part in evaluator._parts:
        rows = slice(start, start + len(part.logits))
        want = evaluator.model_outcome().logit_diff[0, rows]
        gap = (outcome.logit_diff[0, rows] - want) ** 2 / (want**2).mean()
        torch.testing.assert_close(found[rows], outcome.kl[0, rows] + gap)
        start = rows.stop


@pytest.mark.parametrize("at_once", [1, 2])
def test_chunks_on_two_threads_answer_as_one_after_the_other(monkeypatch, at_once):
    evaluator, _, _ = make()
    gates = features(evaluator, random_masks(evaluator, n=5))
    want = evaluator.outcome(gates, Ablation.MEAN)
    monkeypatch.setattr("core.interventions.passes.CHUNK_TOKENS", 1)
    monkeypatch.setattr("core.models.threads.side_by_side", lambda _model: at_once)
    for one, two in zip(evaluator.outcome(gates, Ablation.MEAN), want, strict=True):
        torch.testing.assert_close(one, two)


class Everywhere(Passes):
    """Runs every position, whether circuits can differ there or not."""

    def living(self, part, ablation, regime):
        return part


def alike_at_first(kind: Kind, crosses: bool = False, passes: type[Passes] = Passes) -> Evaluator:
    """Prompts of two lengths whose corrupt twins differ from the fourth aligned position on."""
    model = tiny_model(kind)
    batches = [tiny_batch(seed=1), tiny_batch(length=4, shift=1, seed=2)]
    for batch in batches:
        batch.corrupt[:, :-2] = batch.clean[:, :-2]
    return Evaluator(
        model,
        tiny_transcoders(model, skip=not crosses, crosses=crosses),
        batches,
        mean_over=[tiny_batch(seed=3), tiny_batch(length=4, shift=1, seed=4)],
        length=5,
        passes=passes,
    )


@pytest.mark.parametrize("crosses", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_passes_that_begin_at_the_first_change_are_as_those_of_all_positions(kind, crosses):
    few, whole = (alike_at_first(kind, crosses, passes) for passes in (Passes, Everywhere))
    assert {part.from_change().attended.shape[1] for part in few._parts} == {2}
    masks = random_masks(few)
    heads = (torch.rand(2, *few.bounds[:2], few.bounds.n_heads) < 0.5).float()
    for gates in (features(few, masks), Gates(feature=masks, head=heads)):
        for ablation in Ablation:
            for regime in ErrorRegime:
                got, want = (one.outcome(gates, ablation, regime) for one in (few, whole))
                torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_before_the_first_change_are_zero_and_the_others_are_as_everywhere(kind):
    few, whole = (alike_at_first(kind, passes=passes) for passes in (Passes, Everywhere))
    gates, resample = features(few, torch.full(few.bounds[:3], 0.7)), Ablation.RESAMPLE
    got, want = (one.importance(gates, resample, Attention.CIRCUIT) for one in (few, whole))
    torch.testing.assert_close(got.feature, want.feature, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(got.head, want.head, rtol=1e-3, atol=1e-6)
    assert not got.feature[:, :3].any()
    slopes = [
        torch.cat([slope.feature for _, slope in one.margins(gates, resample)])
        for one in (few, whole)
    ]
    torch.testing.assert_close(*slopes, rtol=1e-3, atol=1e-5)


def test_slopes_of_open_gates_do_not_need_those_of_closed_ones():
    evaluator, _, _ = make()
    gates = features(evaluator, random_masks(evaluator))[0]
    every, inside = (
        torch.cat([s.feature for _, s in evaluator.margins(gates, Ablation.MEAN, closed=closed)])
        for closed in (True, False)
    )
    torch.testing.assert_close(inside, every * gates.feature)
    assert not torch.equal(inside, every)


def test_a_circuit_of_nothing_has_no_slopes_inside_it():
    evaluator, _, _ = make()
    for _, slope in evaluator.margins(nothing(evaluator)[0], Ablation.MEAN, closed=False):
        assert not slope.feature.any()


@pytest.mark.parametrize("kind", ["gpt2", "neox-parallel"])
def test_prompts_alike_at_first_are_run_as_the_slow_reference_runs_them(kind):
    """Before the first change nothing can differ, so nothing is computed there."""
    model = tiny_model(kind)
    batch = tiny_batch(seed=1)
    batch.corrupt[:, :3] = batch.clean[:, :3]
    others = [tiny_batch(seed=3)]
    evaluator = Evaluator(model, tiny_transcoders(model), [batch], mean_over=others, length=5)
    mask = random_masks(evaluator, n=1)
    for ablation in ABLATIONS:
        got = evaluator.outcome(features(evaluator, mask), ablation).logit_diff[0]
        for row in range(3):
            logits = slow_logits(
                model, evaluator.transcoders, batch, others, row, mask[0], ablation
            )
            want = logits[batch.answer[row]] - logits[batch.wrong[row]]
            torch.testing.assert_close(got[row], want, rtol=1e-4, atol=1e-4)


def test_few_prompts_answer_as_they_do_among_all():
    evaluator, batches, _ = make()
    few = evaluator.few(2)
    assert few.n_prompts == 2
    assert evaluator.few(10**6) is evaluator
    masks = features(evaluator, random_masks(evaluator))
    for ablation in ABLATIONS:
        every, some = (one.outcome(masks, ablation).logit_diff for one in (evaluator, few))
        rows = [0, len(batches[0].clean)]
        torch.testing.assert_close(some, every[:, rows], rtol=1e-4, atol=1e-5)
