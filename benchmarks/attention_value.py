"""What heads and their patterns are worth to a circuit, at equal description length.

    python benchmarks/attention_value.py [MODEL/TASK ...] [--prompts N] [--quick]

Five kinds of circuit on the same model, in the strict regime (all else at its reference):

1. `MLP only`: features; every head is at its reference. Nothing then moves between positions, so
   that this keeps nothing nearly by construction: it is the zero of the scale, not a finding.
2. `+ OV, patterns ablated`: features; every head moves what the circuit writes, along patterns
   ablated like all else. Resample: those of the corrupt prompt, which may point at the wrong name;
   mean: means over the features split, as every other mean is.
3. `+ OV, clean patterns`: the same along those of the clean run. The circuit does not compute
   them and they are not counted: what they tell of the answer is given to it.
4. `+ QK and OV`: features; every head is live and makes its own patterns.
5. `heads chosen`: features and heads at positions; every other head is at its reference.

4 against 2 is what it is worth that a circuit makes its own patterns, against that ablation of them
alone: its difference of F has a 95 % interval, a bootstrap over prompts in which both circuits and
the ends of the scale share the draw. 3 against 2 is how much of the answer the patterns tell.

Each is ranked by joint elimination on the labels split, over the strongest features of the bundled
circuit's ranking (which was found with heads live: in favour of 4) and, in 5, all heads at all
positions; F is on the whole selection split, apart under resample and mean ablation, of all kinds
in shares of one span: from the model to everything at its reference, heads too. Bits: nodes times
log2 of the nodes there are; heads that are all live count as one node each, in 2 to 4, which have
as many features less. Edges are not counted: each kind has all edges among its nodes. Control:
modular addition in Llama, whose attention is even (benchmarks/head_kinds.py), so that patterns
carry nothing. Results: benchmarks/results/attention_value.json and .md.
"""

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from study import (
    Results,
    arguments,
    chosen,
    first_of,
    line,
    opened,
    pair_named,
    results_file,
    rule,
)
from torch import Tensor

from core.assets import CIRCUITS
from core.bundle import open_bundle
from core.circuit import Attention
from core.graph import NodeKind
from core.interventions import JUDGED, Ablation, Evaluator, Gates
from core.interventions.passes import Passes
from core.interventions.prepared import PreparedBatch
from core.models import Edits
from core.models.hooks import HeadEdit, MlpReplacement
from core.pipeline.finding.probes import Probe
from core.pipeline.prepare import Prepared, head
from core.search import eliminate_jointly
from core.tasks import Split

OUT = results_file("attention_value")
CASES = {
    "gpt2-coref/coreference": "coreference-gpt2",
    "neox-coref/coreference": "coreference-neox",
    "llama-coref/coreference": "coreference-llama",
    "gpt2-sense/commonsense": "commonsense-gpt2",
    "llama-modadd/modular-addition": "modular-addition-llama",
}
"""Bundled circuit whose ranking gives the candidates."""
SIZES = (10, 20, 40, 57, 75, 100, 125, 150, 200, 250, 300, 347)
"""Nodes, live heads among them."""
COMPARED = (57, 100, 200, 347)
"""Sizes at which 4 is compared with 2."""
DRAWS = 2000
"""Bootstrap resamples of the prompts."""
FEATURES = 400
"""Candidate features."""
KINDS = (
    "MLP only", "+ OV, patterns ablated", "+ OV, clean patterns", "+ QK and OV", "heads chosen",
)  # fmt: skip
MLP, ABLATED, CLEAN, QK, CHOSEN = KINDS
ALL_HEADS = (ABLATED, CLEAN, QK)
"""Kinds in which every head is live."""


class Ranked(NamedTuple):
    """Circuits of one kind."""

    row: dict[str, Any]
    margins: dict[str, Tensor]
    """[size, prompt] logit differences on the selection split, by ablation."""
    ends: dict[str, tuple[Tensor, Tensor]]
    """[prompt] of everything at its reference, and of the model."""


class CleanPatterns(Passes):
    """Circuits whose heads look where they look on the clean run."""

    def living(self, part: PreparedBatch, ablation: Ablation, regime: Any) -> PreparedBatch:
        """All positions: given patterns lead everywhere."""
        return part

    def patterns(self, part: PreparedBatch, ablation: Ablation) -> Tensor:
        """[layer, prompt, head, query, key]."""
        return self._traced(part.batch.clean)

    def _traced(self, ids: Tensor) -> Tensor:
        with torch.no_grad():
            return self.model.trace(ids).pattern

    def edits(
        self, part: PreparedBatch, gates: Gates, ablation: Ablation, regime: Any, **more: bool
    ) -> Edits:
        edits = super().edits(part, gates, ablation, regime, **more)
        stream = Stream(self, part, self.patterns(part, ablation), len(gates))
        layers = range(self.model.n_layers)
        return replace(
            edits,
            heads={layer: stream.heads(layer) for layer in layers},
            replaced={layer: stream.mlp(edits.replaced[layer]) for layer in layers},
        )


def ablated_patterns(mean: Tensor) -> type[Passes]:
    """Circuits whose heads look where they look on what everything else is ablated to."""

    class AblatedPatterns(CleanPatterns):
        """Patterns of the corrupt prompt, or the given means."""

        def patterns(self, part: PreparedBatch, ablation: Ablation) -> Tensor:
            if ablation is Ablation.RESAMPLE:
                return self._traced(part.batch.corrupt)
            here = mean[..., part.start :, part.start :]
            return here.expand(-1, len(part.batch.clean), -1, -1, -1)

    return AblatedPatterns


def mean_patterns(prepared: Prepared) -> Tensor:
    """[layer, 1, head, query, key] over the features split, in the aligned frame.

    As in every mean reference, a query is averaged over the prompts that reach it.
    """
    model, n = prepared.model, prepared.length
    total = torch.zeros(model.n_layers, 1, model.n_heads, n, n)
    counts = torch.zeros(n, 1)
    for batch in prepared.batches[Split.FEATURES]:
        start = n - batch.clean.shape[1]
        with torch.no_grad():
            pattern = model.trace(batch.clean).pattern
        total[..., start:, start:] += pattern.sum(1, keepdim=True)
        counts[start:] += len(batch.clean)
    return total / counts


class Stream:
    """The residual stream of one run, kept beside it: heads see only their own outputs."""

    def __init__(self, passes: Passes, part: PreparedBatch, pattern: Tensor, circuits: int) -> None:
        self.model = passes.model
        self.pattern = pattern.repeat(1, circuits, 1, 1, 1)
        self.start = part.resid[0].repeat(circuits, 1, 1)
        self.resid, self.attended = self.start, self.start

    def heads(self, layer: int) -> HeadEdit:
        """Outputs of all heads of a layer from the stream as it is, along the patterns given."""
        weights = self.model.weights(layer)

        def edit(z: Tensor) -> Tensor:
            before = self.start if layer == 0 else self.resid
            value = torch.einsum("bpd,hde->bphe", weights.norm1(before), weights.W_V) + weights.b_V
            moved = torch.einsum("bhqp,bphe->bqhe", self.pattern[layer], value)
            out = torch.einsum("bqhe,hed->bqd", moved, weights.W_O) + weights.b_O
            self.attended = before + out
            return moved.view_as(z)

        return edit

    def mlp(self, inner: MlpReplacement) -> MlpReplacement:
        """The MLP's output, also added to the stream."""

        def replacement(x: Tensor) -> Tensor:
            out = inner(x)
            self.resid = self.attended + out
            return out

        return replacement


def candidates(bundle: str, n_layers: int, n_heads: int, length: int) -> tuple[Tensor, Tensor]:
    """Rows (kind, layer, position, index): features by their ranking, and heads at positions."""
    order = open_bundle(CIRCUITS / bundle).tensors["order"]
    features = order[order[:, 0] == int(NodeKind.FEATURE)][:FEATURES]
    grid = torch.cartesian_prod(torch.arange(n_layers), torch.arange(length), torch.arange(n_heads))
    return features, torch.cat([torch.full((len(grid), 1), int(NodeKind.HEAD)), grid], 1)


def evaluator(
    prepared: Prepared, coders: Any, split: Split, kind: str, limit: int | None
) -> Evaluator:
    """Runs circuits of one kind."""
    passes: type[Passes] = CleanPatterns if kind == CLEAN else Passes
    return Evaluator(
        prepared.model,
        coders,
        head(prepared.batches[split], limit),
        mean_over=prepared.mean_reference(coders),
        length=prepared.length,
        passes=ablated_patterns(mean_patterns(prepared)) if kind == ABLATED else passes,
    )


def ranked(
    prepared: Prepared, coders: Any, kind: str, nodes: Tensor, limits: tuple[int, int | None]
) -> Ranked:
    """One kind of circuit: ranking on the labels split, margins by size on the selection split."""
    start = time.perf_counter()
    attention = Attention.CIRCUIT if kind in (MLP, CHOSEN) else Attention.LIVE
    fit, judge = (
        Probe.on(evaluator(prepared, coders, split, kind, limit), nodes, attention)
        for split, limit in zip((Split.LABELS, Split.SELECTION), limits, strict=True)
    )
    order = eliminate_jointly(len(nodes), fit.respond).order
    model = prepared.model
    extra = model.n_layers * model.n_heads if kind in ALL_HEADS else 0
    sizes = [*(size - extra for size in SIZES if extra <= size <= len(nodes) + extra), len(nodes)]
    gates = judge.places.gates(first_of(order, sizes, len(nodes)))
    found = {a: judge.evaluator.outcome(gates, a) for a in JUDGED}
    strict = evaluator(prepared, coders, Split.SELECTION, MLP, limits[1])
    both = Probe.on(strict, nodes, Attention.CIRCUIT).end_points
    ends = {
        a.value: (empty.logit_diff[0], model.logit_diff[0]) for a, (empty, model) in both.items()
    }
    margins = {a.value: outcome.logit_diff for a, outcome in found.items()}
    right = both[JUDGED[0]][1].correct.float().mean()
    heads = [int((nodes[order[:size], 0] == int(NodeKind.HEAD)).sum()) for size in sizes]
    row = {
        "nodes": [size + extra for size in sizes],
        "features": [size - n for size, n in zip(sizes, heads, strict=True)],
        "faithfulness": {how: rounded(shares(margins[how], *ends[how])) for how in margins},
        "phi": {a.value: rounded(o.correct.float().mean(1) / right) for a, o in found.items()},
        "prompts": judge.evaluator.n_prompts,
        "ranked_on": fit.evaluator.n_prompts,
        "seconds": round(time.perf_counter() - start, 1),
    }
    return Ranked(row, margins, ends)


def shares(margins: Tensor, empty: Tensor, model: Tensor) -> Tensor:
    """F of each circuit; the prompts are the last axis."""
    low = empty.mean(-1)
    return (margins.mean(-1) - low) / (model.mean(-1) - low)


def rounded(values: Tensor) -> list[float]:
    """To four digits."""
    return [round(value, 4) for value in values.tolist()]


def compared(own: Ranked, ablated: Ranked) -> list[dict[str, Any]]:
    """F of circuits that make their patterns less F of those whose patterns are ablated."""
    found = []
    for size in COMPARED:
        at = [one.row["nodes"].index(size) for one in (own, ablated)]
        row: dict[str, Any] = {"nodes": size}
        for how, (empty, model) in own.ends.items():
            mine, theirs = (one.margins[how][i] for one, i in zip((own, ablated), at, strict=True))
            row[how] = rounded(torch.stack(paired(mine, theirs, empty, model)))
        found.append(row)
    return found


def paired(own: Tensor, other: Tensor, empty: Tensor, model: Tensor) -> tuple[Tensor, ...]:
    """Difference of F and the ends of its 95 % interval, all four on the same draws of prompts."""
    generator, n = torch.Generator().manual_seed(0), len(own)
    draw = torch.randint(n, (DRAWS, n), generator=generator)
    ends = empty[draw], model[draw]
    drawn = shares(own[draw], *ends) - shares(other[draw], *ends)
    low, high = torch.quantile(drawn, torch.tensor([0.025, 0.975]))
    return shares(own, empty, model) - shares(other, empty, model), low, high


def study(case: str, limits: tuple[int, int | None]) -> dict[str, Any]:
    """All kinds on one model and task."""
    with opened(pair_named(f"{case.split('/')[0]}/nested")) as (prepared, coders):
        model = prepared.model
        features, heads = candidates(CASES[case], model.n_layers, model.n_heads, prepared.length)
        alive = int(prepared.evaluator(coders, Split.LABELS, limits[0]).active().sum())
        both = torch.cat([features, heads])
        kinds = {
            kind: ranked(prepared, coders, kind, both if kind == CHOSEN else features, limits)
            for kind in KINDS
        }
    return {
        "bits_per_node": round(math.log2(alive + len(heads)), 3),
        "whole_heads": model.n_layers * model.n_heads,
        "kinds": {kind: one.row for kind, one in kinds.items()},
        "own_less_ablated": compared(kinds[QK], kinds[ABLATED]),
    }


def page(found: Mapping[str, Any]) -> str:
    """F at equal bits and what own patterns add, for each case."""
    lines = [
        "# What attention is worth to a circuit",
        "",
        f"`{found['command']}`. F as resample / mean, selection split; all kinds of a line have as "
        "many bits, live heads among the nodes.",
    ]
    for case, part in found["cases"].items():
        lines += ["", f"## {case}: {part['bits_per_node']} bits a node", "", *_sizes(part)]
        lines += ["", "Own patterns (QK) less ablated ones, difference of F with 95 % interval:"]
        lines += ["", *_differences(part)]
    return "\n".join(lines) + "\n"


def _sizes(part: Mapping[str, Any]) -> Iterable[str]:
    yield line(["bits", "nodes", *part["kinds"]])
    yield rule(2 + len(part["kinds"]))
    for size in SIZES:
        cells = (at(row, size) for row in part["kinds"].values())
        yield line([f"{size * part['bits_per_node']:.0f}", size, *cells])
    tops = ((row, row["nodes"][-1]) for row in part["kinds"].values())
    yield line(["all candidates", "", *(f"{at(row, size)} ({size})" for row, size in tops)])


def _differences(part: Mapping[str, Any]) -> Iterable[str]:
    ways = [a.value for a in JUDGED]
    yield line(["nodes", *ways])
    yield rule(1 + len(ways))
    for row in part["own_less_ablated"]:
        cells = ("{:+.3f} [{:+.3f}, {:+.3f}]".format(*row[how]) for how in ways)
        yield line([row["nodes"], *cells])


def at(row: Mapping[str, Any], size: int) -> str:
    """F of one kind at a number of nodes, under both ablations."""
    if size not in row["nodes"]:
        return "–"
    place = row["nodes"].index(size)
    return " / ".join(f"{values[place]:.3f}" for values in row["faithfulness"].values())


def main() -> None:
    """Every case, or those named; a killed study goes on with the next case."""
    parser = arguments(__doc__, OUT, chooses="cases")
    parser.add_argument("--prompts", type=int, default=256, help="of the labels split, to rank on")
    parser.add_argument("--quick", action="store_true", help="four prompts; writes nothing")
    given = parser.parse_args()
    about = {"command": "python benchmarks/attention_value.py"}
    results = Results(given.out, page, under="cases", about=about, kept=not given.quick)
    limits = (4, 4) if given.quick else (given.prompts, None)
    for case in results.missing(chosen(CASES, given.cases), again=given.again):
        results.put(case, study(case, limits))
        print(case, results.rows[case]["own_less_ablated"], flush=True)


if __name__ == "__main__":
    main()
