"""What heads and their patterns are worth to a circuit, at equal description length.

    python benchmarks/attention_value.py [MODEL/TASK ...] [--prompts N] [--quick]

Five kinds of circuit on the same model, in the strict regime (all else at its reference):

1. `MLP only`: features; every head is at its reference.
2. `+ OV, patterns ablated`: features; every head moves what the circuit writes, along patterns
   ablated like all else: those of the corrupt prompt, or means over the prompts.
3. `+ OV, clean patterns`: the same along those of the clean run. The circuit does not compute
   them and they are not counted: what they tell of the answer is given to it.
4. `+ QK and OV`: features; every head is live and makes its own patterns.
5. `heads chosen`: features and heads at positions; every other head is at its reference.

4 against 2 is what it is worth that a circuit makes its own patterns; 3 against 2 is how much of
the answer the patterns tell.

Each is ranked by joint elimination on the labels split, over the strongest features of the bundled
circuit's ranking (which was found with heads live: in favour of 4) and, in 5, all heads at all
positions; F is the worse of resample and mean ablation, on the selection split, of all kinds in
shares of one span: from the model to everything at its reference, heads too. Bits: nodes times
log2 of the nodes there are; heads that are all live count as one node each, in 2 to 4. Edges are
not counted: each kind has all edges among its nodes. Control: modular addition in Llama, whose
attention is even (benchmarks/head_kinds.py), so that patterns carry nothing.
Results: benchmarks/results/attention_value.json and .md.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

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
from core.interventions import Ablation, Evaluator, Gates
from core.interventions.passes import Passes
from core.interventions.prepared import PreparedBatch
from core.models import Edits
from core.models.hooks import HeadEdit, MlpReplacement
from core.pipeline.prepare import Prepared, head
from core.pipeline.probes import Probe
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
FEATURES = 400
"""Candidate features."""
KINDS = (
    "MLP only", "+ OV, patterns ablated", "+ OV, clean patterns", "+ QK and OV", "heads chosen",
)  # fmt: skip
MLP, ABLATED, CLEAN, QK, CHOSEN = KINDS


class CleanPatterns(Passes):
    """Circuits whose heads look where they look on the clean run."""

    def patterns(self, part: PreparedBatch, ablation: Ablation) -> Tensor:
        """[layer, prompt, head, query, key]."""
        return self._traced(part.batch.clean)

    def _traced(self, ids: Tensor) -> Tensor:
        with torch.no_grad():
            return self.model.trace(ids).pattern

    def edits(self, part: PreparedBatch, gates: Gates, ablation: Ablation, regime: Any) -> Edits:
        edits = super().edits(part, gates, ablation, regime)
        stream = Stream(self, part, self.patterns(part, ablation), len(gates))
        layers = range(self.model.n_layers)
        return replace(
            edits,
            heads={layer: stream.heads(layer) for layer in layers},
            replaced={layer: stream.mlp(edits.replaced[layer]) for layer in layers},
        )


class AblatedPatterns(CleanPatterns):
    """Circuits whose heads look where they look on what everything else is ablated to."""

    def patterns(self, part: PreparedBatch, ablation: Ablation) -> Tensor:
        if ablation is Ablation.RESAMPLE:
            return self._traced(part.batch.corrupt)
        clean = super().patterns(part, ablation)
        return clean.mean(1, keepdim=True).expand_as(clean)


class Stream:
    """The residual stream of one run, kept beside it: heads see only their own outputs."""

    def __init__(self, passes: Passes, part: PreparedBatch, pattern: Tensor, circuits: int) -> None:
        self.model = passes.model
        self.pattern = pattern.repeat(1, circuits, 1, 1, 1)
        self.start = part.resid[0].repeat(circuits, 1, 1)
        self.resid, self.attended = self.start, self.start

    def heads(self, layer: int) -> HeadEdit:
        """Outputs of all heads of a layer from the stream as it is, along the clean patterns."""
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


def evaluator(prepared: Prepared, coders: Any, split: Split, kind: str, limit: int) -> Evaluator:
    """Runs circuits of one kind."""
    return Evaluator(
        prepared.model,
        coders,
        head(prepared.batches[split], limit),
        mean_over=prepared.mean_reference(coders),
        length=prepared.length,
        passes={ABLATED: AblatedPatterns, CLEAN: CleanPatterns}.get(kind, Passes),
    )


def ranked(
    prepared: Prepared, coders: Any, kind: str, nodes: Tensor, prompts: int
) -> dict[str, Any]:
    """One kind of circuit: ranking on the labels split, F by size on the selection split."""
    start = time.perf_counter()
    attention = Attention.CIRCUIT if kind in (MLP, CHOSEN) else Attention.LIVE
    fit, judge = (
        Probe.on(evaluator(prepared, coders, split, kind, prompts), nodes, attention)
        for split in (Split.LABELS, Split.SELECTION)
    )
    strict = evaluator(prepared, coders, Split.SELECTION, MLP, prompts)
    ends = Probe.on(strict, nodes, Attention.CIRCUIT).end_points
    order = eliminate_jointly(len(nodes), fit.respond).order
    sizes = [0, *(size for size in (*SIZES, len(nodes)) if size <= len(nodes))]
    masks = first_of(order, sizes, len(nodes))
    f, phi = (score.amin(0).tolist() for score in replace(judge, end_points=ends).scores(masks))
    heads = [int((nodes[order[:size], 0] == int(NodeKind.HEAD)).sum()) for size in sizes]
    return {
        "sizes": sizes,
        "heads": heads,
        "faithfulness": [round(value, 4) for value in f],
        "phi": [round(value, 4) for value in phi],
        "seconds": round(time.perf_counter() - start, 1),
        "prompts": prompts,
    }


def study(case: str, prompts: int, known: dict[str, Any], save: Callable[[], None]) -> None:
    """All kinds on one model and task; those known are left alone."""
    with opened(pair_named(f"{case.split('/')[0]}/nested")) as (prepared, coders):
        model = prepared.model
        features, heads = candidates(CASES[case], model.n_layers, model.n_heads, prepared.length)
        alive = int(prepared.evaluator(coders, Split.LABELS, prompts).active().sum())
        known["bits_per_node"] = round(math.log2(alive + len(heads)), 3)
        known["whole_heads"] = model.n_layers * model.n_heads
        for kind in KINDS:
            if kind not in known:
                nodes = torch.cat([features, heads]) if kind == CHOSEN else features
                known[kind] = ranked(prepared, coders, kind, nodes, prompts)
                save()
                print(case, kind, known[kind]["faithfulness"], known[kind]["seconds"], flush=True)


def bits(part: dict[str, Any], kind: str, size: int) -> float:
    """Nodes times bits; where all heads are live each of them is a node."""
    extra = part["whole_heads"] if kind in (ABLATED, CLEAN, QK) else 0
    return (size + extra) * part["bits_per_node"]


def at_most(part: dict[str, Any], kind: str, limit: float) -> str:
    """F of the largest circuit of a kind that the bits allow."""
    row = part[kind]
    fits = [i for i, size in enumerate(row["sizes"]) if bits(part, kind, size) <= limit]
    return f"{row['faithfulness'][fits[-1]]:.3f}" if fits else "–"


def page(found: Mapping[str, Any]) -> str:
    """F at equal bits, a table for each case."""
    lines = ["# What attention is worth to a circuit", "", f"`{found['command']}`"]
    for case, part in found["cases"].items():
        kinds = [kind for kind in KINDS if kind in part]
        lines += ["", f"## {case}: {part['bits_per_node']} bits a node", ""]
        lines += [line(["bits", "nodes", *kinds]), rule(2 + len(kinds))]
        for size in SIZES:
            limit = size * part["bits_per_node"]
            cells = [at_most(part, kind, limit) for kind in kinds]
            lines.append(line([f"{limit:.0f}", size, *cells]))
        top = [f"{part[k]['faithfulness'][-1]:.3f} ({part[k]['sizes'][-1]})" for k in kinds]
        lines.append("| all candidates | | " + " | ".join(top) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Every case, or those named; a killed study goes on where it stopped, kind by kind."""
    parser = arguments(__doc__, OUT, chooses="cases")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--quick", action="store_true", help="four prompts; writes nothing")
    given = parser.parse_args()
    about = {"command": "python benchmarks/attention_value.py"}
    results = Results(given.out, page, under="cases", about=about, kept=not given.quick)
    for case in chosen(CASES, given.cases):
        known = {} if given.again else results.rows.get(case, {})
        results.rows[case] = known
        study(case, 4 if given.quick else given.prompts, known, results.write)


if __name__ == "__main__":
    main()
