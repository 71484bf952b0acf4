"""Compares dictionaries by the circuits that they give.

    OMP_NUM_THREADS=1 python benchmarks/transcoder_study.py [--only KIND ...] [--quick]

1. On one bundled model, dictionaries of equal size are trained on the features split by
   reconstruction alone, with equal steps (those called longer: 2.5 times as many): ordinary TopK,
   nested with one or several lengths, with a group penalty, cross-layer, with the next-layer
   prediction head; beside them the MLP's own neurons and the paper's autoencoder of the hidden
   state.
2. Reconstruction: unexplained variance, replacement accuracy, dead share, firing rate.
3. Circuits: every feature at every position that is active on the labels split is a candidate;
   joint elimination ranks them there; the first n are the circuit. F and φ, strict regime, all
   heads live, under resample and mean ablation, on the selection split and on the test split. A
   node is a (layer, position, feature); a cross-layer feature counts once.
4. Beside each: random circuits of the same size with equally many nodes at each (layer, position).
5. For the last kinds also circuits whose nodes are features and heads at all positions, everything
   else ablated: the smallest count, heads included.

Nothing was chosen on the test split. Rows are kept as they come: run again to resume. `--quick`
trains for a few steps, to see that everything runs. Results: results/transcoder_study.{json,md}.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from hidden_probe import HiddenProbe
from jaxtyping import Float, Int
from study import Results, arguments, results_file
from torch import Tensor
from transcoder_tables import page

from core.assets import MODELS
from core.circuit import Attention
from core.graph import NodeKind
from core.models import load_model
from core.pipeline.prepare import Prepared, prepare
from core.pipeline.probes import Probe
from core.search import Response, eliminate_jointly
from core.tasks import Split, load_task
from core.transcoders import (
    NestedSettings,
    PredictionSettings,
    TrainReport,
    TrainSettings,
    TranscoderSet,
    collect,
    measure_transcoders,
    neuron_transcoders,
    sized,
    train_transcoders,
)
from core.transcoders.hidden import train_hidden
from core.transcoders.settings import only_at

PAIRS = {"gpt2-modadd": "modular-addition", "llama-modadd": "modular-addition"}
SIZES = (25, 40, 49, 57, 75, 100, 150, 200, 347)
RANDOM_SIZES = (25, 49, 100, 200, 347)
DRAWS = 10
"""Random circuits of each size."""
PROBES = 256
"""Prompts of the labels split that candidates are ranked on."""
LONG = 2.5
"""Steps of the longer fits, in those of the others."""
GROUP = 0.01
"""Weight of the group penalty."""
LAMBDA = 1.0
"""Weight of the prediction head, as in the paper's released code."""
LADDER = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Nested lengths in ranks (97 %) of what each layer writes at the sites that matter."""
SHORT = (1.0, 1.5, 2.0)
"""Fewer and shorter lengths."""
COUNTED = (30, 40, 49, 53, 57, 65, 75, 85, 100)
"""Sizes where heads count and positions do not."""
OUT = results_file("transcoder_study")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One row of the table, but for its seed."""

    name: str
    seeds: int
    settings: TrainSettings | None
    """None: nothing is trained."""
    ladder: tuple[float, ...] = ()
    """Multiples of the PCA rank, where there is a prefix."""
    hidden: bool = False
    anywhere: bool = False
    """Whether circuits with nodes at all positions are looked for too."""


def kinds(features: int, k: int, steps: int) -> tuple[Kind, ...]:
    """Every kind compared."""
    plain = TrainSettings(features=features, k=k, steps=steps, batch=512)
    nested = replace(plain, kind="nested")
    headed = replace(plain, prediction=PredictionSettings(weight=LAMBDA))
    crossing = replace(plain, kind="clt")
    grouped = replace(nested, group_weight=GROUP)
    return (
        Kind(name="topk", seeds=5, settings=plain),
        Kind(name="nested", seeds=5, settings=nested, ladder=(2.0,)),
        Kind(name="nested ladder", seeds=3, settings=nested, ladder=LADDER),
        Kind(name="nested ladder + group", seeds=3, settings=grouped, ladder=LADDER),
        Kind(name="clt", seeds=2, settings=crossing),
        Kind(name="clt nested ladder", seeds=2, settings=crossing, ladder=LADDER),
        Kind(name="topk + prediction head", seeds=5, settings=headed),
        Kind(name="topk + group", seeds=1, settings=replace(plain, group_weight=GROUP)),
        Kind(name="neurons", seeds=1, settings=None),
        Kind(name="hidden", seeds=2, settings=plain, hidden=True),
        *heavier("nested", nested),
        *heavier("clt nested", crossing),
    )


def heavier(name: str, base: TrainSettings) -> tuple[Kind, Kind]:
    """Prefixes that count more than all features together, and such ones fitted for longer."""
    long = replace(base, steps=round(LONG * base.steps))
    return (
        Kind(
            name=f"{name}, heavy ladder", seeds=2, settings=heavy(base, 5.0), ladder=LADDER,
            anywhere=True,
        ),
        Kind(
            name=f"{name}, heavy short ladder, longer", seeds=3, settings=heavy(long, 5.0),
            ladder=SHORT, anywhere=True,
        ),
    )  # fmt: skip


def heavy(settings: TrainSettings, weight: float) -> TrainSettings:
    """Prefixes that count `weight` times as much as all features together."""
    return replace(settings, nested=NestedSettings(weight=weight))


class Asked(Protocol):
    """What is asked of a basis: how circuits of its nodes answer."""

    @property
    def nodes(self) -> Int[Tensor, "node 4"]: ...

    def respond(self, mask: Float[Tensor, " node"], /) -> Response: ...

    def scores(self, masks: Float[Tensor, "circuit node"], /) -> tuple[Tensor, Tensor]: ...


def main() -> None:
    """Runs what is missing and writes the tables."""
    parser = arguments(__doc__, OUT)
    parser.add_argument("--model", default="gpt2-modadd", choices=PAIRS)
    parser.add_argument("--features", type=int, default=256)
    parser.add_argument("--k", type=int, default=16)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--only", nargs="*", help="names of kinds; all if none")
    parser.add_argument("--quick", action="store_true", help="20 steps, one seed, nothing kept")
    given = parser.parse_args()
    torch.set_num_threads(1)
    steps = 20 if given.quick else given.steps
    rows = kinds(given.features, given.k, steps)
    model = load_model(given.model)
    prepared = prepare(model, load_task(PAIRS[given.model], tokenizer=model.tokenizer))
    results = Results(given.out, page, kept=not given.quick)
    wanted = {
        f"{given.model}/{kind.name}/{number}": (kind, number)
        for number in range(1 if given.quick else 5)  # every kind once before any a second time
        for kind in rows
        if number < kind.seeds and (not given.only or kind.name in given.only)
    }
    for name in results.missing(wanted, again=given.again):
        results.put(name, study(prepared, *wanted[name]))
        print(name, json.dumps(results.rows[name]["selection"]), flush=True)
    if given.quick:
        print(page(results.found))


def study(prepared: Prepared, kind: Kind, seed: int) -> dict[str, Any]:
    """One dictionary: reconstruction, ranking, circuits."""
    began, busy = time.monotonic(), time.process_time()
    asked, row = (_hidden if kind.hidden else _transcoders)(prepared, kind, seed)
    order = eliminate_jointly(len(asked[Split.LABELS].nodes), asked[Split.LABELS].respond).order
    row["candidates"] = len(order)
    for split in (Split.SELECTION, Split.TEST):
        row[split.value] = _circuits(asked[split], order, seed)
    if kind.anywhere:
        row |= _anywhere(prepared, asked)
    row["seconds"] = round(time.monotonic() - began, 1)
    row["processor_seconds"] = round(time.process_time() - busy, 1)
    return row


def _transcoders(
    prepared: Prepared, kind: Kind, seed: int
) -> tuple[Mapping[Split, Asked], dict[str, Any]]:
    """A transcoder set, asked on each split, and how well it reconstructs."""
    model, batches = prepared.model, prepared.batches
    report = None
    if kind.settings is None:
        coders = neuron_transcoders(model)
    else:
        settings = _settings(prepared, kind, seed)
        coders, report = train_transcoders(model, batches[Split.FEATURES], settings)
    row: dict[str, Any] = {"prefixes": list(coders.prefixes), "kind": coders.kind}
    for split in (Split.SELECTION, Split.TEST):
        row[f"quality_{split.value}"] = _quality(prepared, coders, report, split)
    labels = prepared.evaluator(coders, Split.LABELS, PROBES)
    active = labels.active()
    active[-1, :-1] = False  # what the last block writes there is read by nobody
    nodes = torch.nn.functional.pad(active.nonzero(), (1, 0), value=int(NodeKind.FEATURE))
    splits = {split: prepared.evaluator(coders, split) for split in (Split.SELECTION, Split.TEST)}
    evaluators = {Split.LABELS: labels, **splits}
    return {split: Probe.on(one, nodes) for split, one in evaluators.items()}, row


def _settings(prepared: Prepared, kind: Kind, seed: int) -> TrainSettings:
    """The kind's settings; prefixes from the ranks of the sites that matter, selection split."""
    assert kind.settings is not None
    settings = replace(kind.settings, seed=seed)
    grouped = settings.group_weight > 0
    if kind.ladder or grouped:
        card = json.loads((MODELS / prepared.model.name / "card.json").read_text())
        settings = only_at(
            settings, ((s["layer"], s["position"], s["matters"]) for s in card["sites"])
        )
    if kind.ladder:
        lengths = tuple(step / kind.ladder[-1] for step in kind.ladder)
        nested = replace(settings.nested, per_rank=kind.ladder[-1], lengths=lengths)
        samples = collect(prepared.model, prepared.batches[Split.SELECTION])
        settings = sized(replace(settings, nested=nested), samples)
    return settings


def _quality(
    prepared: Prepared, coders: TranscoderSet, report: TrainReport | None, split: Split
) -> dict[str, Any]:
    batches = prepared.batches[split]
    found = measure_transcoders(prepared.model, coders, batches)
    samples = collect(prepared.model, batches)
    fires = (coders.encode(samples.x) != 0)[:, ~samples.first].float().mean(1)
    alive = [rate[rate > 0] for rate in fires]
    row = {
        "fvu": [layer.fvu for layer in found.layers],
        "fvu_last": [layer.fvu_by_position[-1] for layer in found.layers],
        "replacement_accuracy": found.replacement_accuracy,
        "dead_share": [layer.dead_share for layer in found.layers],
        "l0": [layer.l0 for layer in found.layers],
        "firing_rate": [float(rate.median()) if len(rate) else 0.0 for rate in alive],
    }
    if report is not None and report.heads:
        a = coders.encode(samples.x)
        row["prediction_error"] = [
            float(head.error(a[layer], a[layer + 1]).detach())
            for layer, head in enumerate(report.heads)
        ]
    return row


def _hidden(
    prepared: Prepared, kind: Kind, seed: int
) -> tuple[Mapping[Split, Asked], dict[str, Any]]:
    """The hidden state's autoencoder, asked on each split, and how well it reconstructs."""
    assert kind.settings is not None
    settings = replace(kind.settings, seed=seed)
    dictionary = train_hidden(prepared.model, prepared.batches[Split.FEATURES], settings)
    make: Callable[..., HiddenProbe] = HiddenProbe.on
    labels = make(prepared, dictionary, Split.LABELS, limit=PROBES)
    asked = {Split.LABELS: labels}
    for split in (Split.SELECTION, Split.TEST):
        asked[split] = make(prepared, dictionary, split, nodes=labels.nodes)
    qualities = {f"quality_{split.value}": one.quality() for split, one in asked.items()}
    qualities.pop(f"quality_{Split.LABELS.value}")
    return asked, {"prefixes": [], "kind": "hidden", **qualities}


def _anywhere(prepared: Prepared, asked: Mapping[Split, Asked]) -> dict[str, Any]:
    """Circuits of features and heads at all positions, all else ablated; ranked on labels."""
    labels, model = asked[Split.LABELS], prepared.model
    assert isinstance(labels, Probe)
    features = labels.nodes.clone()
    features[:, 2] = -1
    layer, head = torch.cartesian_prod(*map(torch.arange, (model.n_layers, model.n_heads))).T
    kind, everywhere = torch.full_like(layer, int(NodeKind.HEAD)), torch.full_like(layer, -1)
    heads = torch.stack([kind, layer, everywhere, head], 1)
    nodes = torch.cat([features.unique(dim=0), heads])
    found, order = {}, torch.arange(0)
    for split, one in asked.items():
        assert isinstance(one, Probe)
        probe = Probe.on(one.evaluator, nodes, Attention.CIRCUIT)
        if split is Split.LABELS:
            order = eliminate_jointly(len(nodes), probe.respond).order
            continue
        masks = torch.zeros(len(COUNTED), len(nodes))
        for row, size in zip(masks, COUNTED, strict=True):
            row[order[:size]] = 1
        f, phi = probe.scores(masks)
        is_head = nodes[:, 0] == int(NodeKind.HEAD)
        found[f"anywhere_{split.value}"] = {
            str(size): {
                **_figures(f[:, i : i + 1], phi[:, i : i + 1]),
                "heads": int(is_head[order[:size]].sum()),
            }
            for i, size in enumerate(COUNTED)
        }
    return found


def _circuits(asked: Asked, order: Int[Tensor, " node"], seed: int) -> dict[str, Any]:
    """F and φ of the first n nodes, of all, of none but chance: random circuits of some sizes."""
    n = len(order)
    sizes = [size for size in SIZES if size <= n]
    masks = torch.zeros(len(sizes) + 1, n)
    for row, size in zip(masks, sizes, strict=False):
        row[order[:size]] = 1
    masks[-1] = 1
    f, phi = asked.scores(masks)
    found: dict[str, Any] = {
        str(size): _figures(f[:, i : i + 1], phi[:, i : i + 1])
        for i, size in enumerate([*sizes, "all"])
    }
    generator = torch.Generator().manual_seed(seed)
    for size in RANDOM_SIZES:
        if size <= n:
            drawn = torch.stack([_draw(asked.nodes, order[:size], generator) for _ in range(DRAWS)])
            found[str(size)]["random"] = _figures(*asked.scores(drawn))
    return found


def _figures(
    f: Float[Tensor, "ablation circuit"], phi: Float[Tensor, "ablation circuit"]
) -> dict[str, float]:
    """The best of the circuits given."""
    best = {"f": f.amax(1).tolist(), "phi": phi.amax(1).tolist()}
    return {
        f"{name}_{how}": round(value, 4)
        for name, values in best.items()
        for how, value in zip(("resample", "mean"), values, strict=True)
    }


def _draw(
    nodes: Int[Tensor, "node 4"], circuit: Int[Tensor, " chosen"], generator: torch.Generator
) -> Float[Tensor, " node"]:
    """A random circuit with equally many nodes at each (layer, position)."""
    site = nodes[:, 1] * (1 + int(nodes[:, 2].max())) + nodes[:, 2]
    mask = torch.zeros(len(nodes))
    for one, count in zip(*site[circuit].unique(return_counts=True), strict=True):
        pool = (site == one).nonzero()[:, 0]
        mask[pool[torch.randperm(len(pool), generator=generator)[: int(count)]]] = 1
    return mask


if __name__ == "__main__":
    main()
