"""How faithful circuits of every size are: `python benchmarks/frontier.py`.

For each bundled pair, dictionary and way of counting

    features            a feature at one position is a node; attention is live, no head is counted
    heads               a head at one position is a node too; heads that are not kept are ablated
    anywhere            a feature is one node at all positions; attention is live
    heads anywhere      features and heads are one node each at all positions
    without heads       as `features`, but every head is ablated: what the MLPs do alone

1. Candidates: what fires on the labels split, clean or corrupt; all heads where they count.
2. Joint elimination ranks them on the labels split, all together and, in a nested dictionary, its
   dense features (with the heads) alone; of more than 4,096 candidates only the dense ones, or the
   4,096 with the steepest slopes. At every size the better ranking's circuit is exchanged, too.
3. Of these circuits the one with the best worst of F and φ on the *selection* split is taken, size
   by size; and the smallest size at which that reaches 0.97.
4. The *test* split is read once: F and φ of the circuits taken, beside random ones with as many
   nodes of each kind, layer and position.

Strict regime (errors and everything else outside the circuit ablated), resample and mean. `live` is
how many nodes run in a circuit, uncounted heads among them; `bits` is log2 of how many circuits of
that size the candidates have. `null`: the same search for permuted answers; `right` is the share of
*those* answers that its circuits give. Results: benchmarks/results/frontier.json and .md, rewritten
after every row; what is there is not run again unless `--again`.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.assets import MODELS
from core.circuit import Attention
from core.graph import NodeKind
from core.interventions import Evaluator
from core.models import load_model, suited_threads
from core.pipeline.nulls import permuted
from core.pipeline.prepare import Prepared, prepare
from core.pipeline.probes import ABLATIONS, Probe
from core.search import WIDE, ExchangeSettings, eliminate_jointly, exchange
from core.search.joint import mask_of
from core.tasks import Split, load_task
from core.transcoders import TranscoderSet, open_transcoders
from core.validation import faithfulness
from core.validation.metrics import behaviour
from core.zoo.catalogue import MEMBERS

SIZES = (*range(10, 50, 5), 49, 53, 57, 61, 65, 75, 85, 100, 125, 150, 200, 250, 300, 347)
BESIDE = (30, 57, 100, 200, 347)
"""Sizes at which random circuits are drawn, besides the smallest that is good enough."""
DRAWS = 100
WANTED = 0.97
PROMPTS = 256
OUT = Path(__file__).parent / "results" / "frontier.json"


class Counting(NamedTuple):
    """What a node is."""

    heads: str
    """`live`, `counted` or `ablated`."""
    everywhere: bool = False


COUNTINGS = {
    "features": Counting("live"),
    "heads": Counting("counted"),
    "anywhere": Counting("live", everywhere=True),
    "heads anywhere": Counting("counted", everywhere=True),
    "without heads": Counting("ablated"),
}


def main() -> None:
    """Runs what is missing, and writes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", help="such as gpt2-modadd/nested; all if none")
    parser.add_argument(
        "--own", nargs="*", default=[], metavar="KIND=DIR", help="more dictionaries"
    )
    parser.add_argument("--countings", nargs="*", default=list(COUNTINGS))
    parser.add_argument("--again", action="store_true", help="runs what is there again")
    parser.add_argument("--quick", action="store_true", help="64 prompts, 10 draws, no exchange")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    found = json.loads(given.out.read_text()) if given.out.is_file() else {}
    own = dict(pair.split("=", 1) for pair in given.own)
    found["command"] = "python benchmarks/frontier.py [--rows MODEL/DICTIONARY ...]"
    rows = found.setdefault("rows", {})
    for name in _wanted(given.rows, given.countings):
        if given.again or name not in rows:
            rows[name] = study(*name.split("/"), own=own, quick=given.quick)
            given.out.write_text(json.dumps(found, indent=1) + "\n")
            given.out.with_suffix(".md").write_text(table(rows))
            print(name, rows[name]["smallest"], f"{rows[name]['seconds']} s", flush=True)


def _wanted(rows: list[str] | None, countings: list[str]) -> list[str]:
    """model/dictionary/counting of every row asked for; the null last."""
    here = [name for name in MEMBERS if (MODELS / name).is_dir()]
    pairs = rows or [f"{model}/{kind}" for model in here for kind in ("nested", "topk")]
    names = [f"{pair}/{counting}" for pair in pairs for counting in countings]
    return names + [f"{pair}/null" for pair in pairs if pair == "gpt2-modadd/nested"]


def study(
    model_name: str, kind: str, counting: str, *, own: Mapping[str, str], quick: bool = False
) -> dict[str, Any]:
    """The frontier of one model, dictionary (bundled, or a folder of one's own) and counting."""
    start, model = time.process_time(), load_model(model_name)
    task = load_task(MEMBERS[model_name].task, tokenizer=model.tokenizer)
    dictionary = open_transcoders(model, own.get(kind, kind))
    assert dictionary is not None  # bundled, or a folder
    with tempfile.TemporaryDirectory() as folder, suited_threads(model):
        if counting == "null":
            task = permuted(task, Path(folder) / "permuted.jsonl", 0)
        way = COUNTINGS["heads" if counting == "null" else counting]
        row = Frontier(prepare(model, task), dictionary.transcoders, way, quick).row()
    return {**row, "seconds": round(time.process_time() - start, 1)}


class Frontier:
    """One search, and what it found at every size."""

    def __init__(
        self, prepared: Prepared, coders: TranscoderSet, way: Counting, quick: bool
    ) -> None:
        self.prepared, self.coders, self.way, self.quick = prepared, coders, way, quick
        self.attention = Attention.LIVE if way.heads == "live" else Attention.CIRCUIT
        labels = prepared.evaluator(coders, Split.LABELS, 64 if quick else PROMPTS)
        self.nodes = candidates(labels, way)
        self.labels = Probe.on(labels, self.nodes, self.attention)
        self.sizes = [size for size in SIZES if size < len(self.nodes)]

    def row(self) -> dict[str, Any]:
        """Everything of one row of the table."""
        selection, found = self._probe(Split.SELECTION), {}
        rankings = self._rankings()
        for name, order in rankings.items():
            self._better(selection, found, {s: order[:s] for s in self.sizes}, name)
        if not self.quick:
            self._better(selection, found, self._exchanged(rankings, found), "exchanged")
        test = self._probe(Split.TEST)
        chosen = {size: found[size][1] for size in self.sizes}
        frontier = self._measured(test, chosen)
        for size, point in zip(self.sizes, frontier, strict=True):
            point |= {"selection_worst": round(found[size][0], 4), "by": found[size][2]}
        good = [size for size in self.sizes if found[size][0] >= WANTED]
        smallest = next((p for p in frontier if good and p["size"] == good[0]), None)
        return {
            "candidates": len(self.nodes),
            "all_live": self._measured(test, {len(self.nodes): torch.arange(len(self.nodes))})[0],
            "smallest": smallest,
            "firing": self._firing(chosen[good[0] if good else self.sizes[-1]]),
            "random": self._random(test, chosen, {*BESIDE, *good[:1]}),
            "frontier": frontier,
        }

    def _probe(self, split: Split) -> Probe:
        limit = 64 if self.quick else None
        evaluator = self.prepared.evaluator(self.coders, split, limit)
        return Probe.on(evaluator, self.nodes, self.attention)

    def _rankings(self) -> dict[str, Int[Tensor, " candidate"]]:
        every = torch.arange(len(self.nodes))
        dense = dense_or_head(self.nodes, self.coders.prefixes)
        parts = {"dense": every[dense]} if any(self.coders.prefixes) else {}
        if not parts or len(every) <= WIDE:
            parts["all"] = self._steepest(every)
        orders = {
            name: eliminate_jointly(len(every), self.labels.respond, candidates=part).order
            for name, part in parts.items()
        }
        return {
            name: torch.cat([order, every[~torch.isin(every, order)]])
            for name, order in orders.items()
        }

    def _steepest(self, every: Tensor) -> Tensor:
        """The candidates that joint elimination can hold, by squared slope with all live."""
        if len(every) <= WIDE:
            return every
        slope = self.labels.respond(torch.ones(len(every))).slope
        return slope.square().sum(0).topk(WIDE).indices.sort().values

    def _exchanged(
        self, rankings: dict[str, Tensor], found: dict[int, tuple[float, Tensor, str]]
    ) -> dict[int, Tensor]:
        options = ExchangeSettings(rounds=3)
        ask, measure, n = self.labels.respond, self.labels.measure, len(self.nodes)
        return {
            size: exchange(
                n, found[size][1], rankings[found[size][2]], ask, measure, options
            ).chosen
            for size in self.sizes
        }

    def _better(
        self,
        selection: Probe,
        found: dict[int, tuple[float, Tensor, str]],
        circuits: dict[int, Tensor],
        name: str,
    ) -> None:
        """Takes, at each size, the circuit that does better on the selection split."""
        f, phi = selection.scores(_masks(circuits, len(self.nodes)))
        worst = torch.minimum(f, phi).amin(0).tolist()
        for (size, chosen), value in zip(circuits.items(), worst, strict=True):
            if size not in found or value > found[size][0]:
                found[size] = (value, chosen, name)

    def _measured(self, test: Probe, circuits: dict[int, Tensor]) -> list[dict[str, Any]]:
        f, phi, right = scores(test, _masks(circuits, len(self.nodes)))
        is_head = self.nodes[:, 0] == int(NodeKind.HEAD)
        heads = self.prepared.model.n_layers * self.prepared.model.n_heads
        heads *= 1 if self.way.everywhere else self.prepared.length
        uncounted = heads if self.way.heads == "live" else 0
        return [
            {
                "size": size,
                "heads": int(is_head[chosen].sum()),
                "live": size + uncounted,
                "bits": round(log2_choose(len(self.nodes), size)),
                **{f"f_{a.value}": _figure(f[j, i]) for j, a in enumerate(ABLATIONS)},
                **{f"phi_{a.value}": _figure(phi[j, i]) for j, a in enumerate(ABLATIONS)},
                **{f"right_{a.value}": _figure(right[j, i]) for j, a in enumerate(ABLATIONS)},
            }
            for i, (size, chosen) in enumerate(circuits.items())
        ]

    def _random(
        self, test: Probe, circuits: dict[int, Tensor], sizes: set[int]
    ) -> list[dict[str, Any]]:
        """The best random circuit with as many nodes of each kind, layer and position."""
        found = []
        for size in sorted(sizes & set(circuits)):
            draws = matched_draws(self.nodes, circuits[size], 10 if self.quick else DRAWS)
            f, phi, _ = scores(test, draws)
            rows = [("f", f), ("phi", phi)]
            found.append(
                {"size": size, "n": len(draws)}
                | {
                    f"{name}_{a.value}_max": _figure(values[j].max())
                    for name, values in rows
                    for j, a in enumerate(ABLATIONS)
                }
            )
        return found

    def _firing(self, chosen: Tensor) -> dict[str, float]:
        """How often the kept features fire, on clean prompts of the selection split."""
        rates = firing_rates(self.prepared, self.coders)
        kind, layer, position, index = self.nodes[chosen].T
        kept = kind == int(NodeKind.FEATURE)
        everywhere = rates.mean(1)[layer[kept], index[kept]]
        there = rates[layer[kept], position[kept].clamp(min=0), index[kept]]
        rate = torch.where(position[kept] < 0, everywhere, there)
        low, middle, high = torch.quantile(rate, torch.tensor([0.1, 0.5, 0.9])).tolist()
        return {"p10": round(low, 3), "median": round(middle, 3), "p90": round(high, 3)}


class Measured(NamedTuple):
    """NaN where there is no span, or no right answer, to take a share of."""

    f: Float[Tensor, "ablation circuit"]
    phi: Float[Tensor, "ablation circuit"]
    right: Float[Tensor, "ablation circuit"]
    """Share of the prompts answered right."""


def scores(probe: Probe, masks: Float[Tensor, "circuit node"]) -> Measured:
    """F, φ and accuracy under both ablations, strict regime."""
    gates, found = probe.places.gates(masks), []
    for ablation in ABLATIONS:
        empty, model = probe.end_points[ablation]
        outcome = probe.evaluator.outcome(gates, ablation)
        f = faithfulness(outcome.logit_diff, empty.logit_diff[0], model.logit_diff[0])
        found.append((f, behaviour(outcome, model), outcome.correct.float().mean(1)))
    return Measured(*map(torch.stack, zip(*found, strict=True)))


def candidates(evaluator: Evaluator, way: Counting) -> Int[Tensor, "node 4"]:
    """Rows (kind, layer, position, index) that a search may choose from; -1: all positions."""
    active, bounds = evaluator.active(), evaluator.bounds
    rows = active.any(1).nonzero() if way.everywhere else active.nonzero()
    if way.everywhere:
        rows = torch.stack([rows[:, 0], torch.full_like(rows[:, 0], -1), rows[:, 1]], 1)
    parts = [torch.cat([torch.full((len(rows), 1), int(NodeKind.FEATURE)), rows], 1)]
    if way.heads == "counted":
        at = torch.tensor([-1]) if way.everywhere else torch.arange(bounds.n_positions)
        kind = torch.tensor([int(NodeKind.HEAD)])
        layers, heads = torch.arange(bounds.n_layers), torch.arange(bounds.n_heads)
        parts.append(torch.cartesian_prod(kind, layers, at, heads))
    return torch.cat(parts)


def dense_or_head(nodes: Int[Tensor, "node 4"], prefixes: tuple[int, ...]) -> Bool[Tensor, " node"]:
    """Dense features of a nested dictionary, and heads."""
    is_head = nodes[:, 0] == int(NodeKind.HEAD)
    return is_head | (nodes[:, 3] < torch.tensor(prefixes)[nodes[:, 1]])


def matched_draws(
    nodes: Int[Tensor, "node 4"], chosen: Int[Tensor, " chosen"], draws: int
) -> Float[Tensor, "draw node"]:
    """Masks of random circuits with as many nodes of each kind, layer and position."""
    generator = torch.Generator().manual_seed(0)
    _, place = torch.unique(nodes[:, :3], dim=0, return_inverse=True)
    wanted = torch.bincount(place[chosen], minlength=int(place.max()) + 1)
    masks = torch.zeros(draws, len(nodes))
    for site in wanted.nonzero().squeeze(1).tolist():
        here = (place == site).nonzero().squeeze(1)
        order = torch.rand(draws, len(here), generator=generator).argsort(1)[:, : wanted[site]]
        masks.scatter_(1, here[order], 1.0)
    return masks


def firing_rates(prepared: Prepared, coders: TranscoderSet) -> Float[Tensor, "layer pos feature"]:
    """Share of the selection split's clean prompts at which each feature fires."""
    total = torch.zeros(coders.n_layers, prepared.length, coders.n_features)
    count = 0
    for batch in prepared.batches[Split.SELECTION]:
        fires = coders.encode(prepared.model.trace(batch.clean).mlp_in) != 0
        total[:, prepared.length - batch.clean.shape[1] :] += fires.float().sum(1)
        count += len(batch.clean)
    return total / count


def _masks(circuits: dict[int, Tensor], n: int) -> Float[Tensor, "circuit node"]:
    return torch.stack([mask_of(n, chosen) for chosen in circuits.values()])


def log2_choose(n: int, k: int) -> float:
    """Bits that say which k of n."""
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2)


def _figure(value: Tensor) -> float | None:
    return round(float(value), 4) if bool(torch.isfinite(value)) else None


def table(rows: dict[str, Any]) -> str:
    """The results for a reader: a line a row, F under both ablations at some sizes."""
    shown = (30, 40, 57, 85, 100, 200, 347)
    head = ["model/dictionary/counting", "smallest", "live", "bits", "random F", "fires"]
    lines = [
        "# Size and faithfulness",
        "",
        "`python benchmarks/frontier.py`. Strict regime, test split; F as resample / mean. "
        f"Smallest: nodes at which F and φ reach {WANTED} under both on the selection split, then "
        "in brackets the worst of the four on the test split; live and bits: of that circuit; "
        f"random F: best of {DRAWS} site-matched circuits of that size, the larger of both "
        "ablations; fires: median firing rate of the kept features. Where no circuit is good "
        "enough these are of the largest. – : not measurable.",
        "",
        "| " + " | ".join([*head, *(f"F at {size}" for size in shown)]) + " |",
        "|" + "---|" * (len(head) + len(shown)),
    ]
    return "\n".join([*lines, *(_line(name, row, shown) for name, row in rows.items())]) + "\n"


def _line(name: str, row: dict[str, Any], shown: tuple[int, ...]) -> str:
    points = {point["size"]: point for point in row["frontier"]}
    at = row["smallest"] or row["frontier"][-1]
    four = [at[f"{m}_{a.value}"] for m in ("f", "phi") for a in ABLATIONS]
    worst = "–" if None in four else f"{min(four):.3f}"
    beside = next((r for r in row["random"] if r["size"] == at["size"]), None)
    best = [r for r in (beside or {}).items() if r[0].startswith("f_") and r[1] is not None]
    cells = [
        f"{at['size'] if row['smallest'] else '> ' + str(at['size'])} ({worst})",
        str(at["live"]),
        str(at["bits"]),
        f"{max(value for _, value in best):.2f}" if best else "–",
        f"{row['firing']['median']:.2f}",
    ]
    for size in shown:
        point = points.get(size)
        pair = [point[f"f_{a.value}"] for a in ABLATIONS] if point else []
        cells.append(" / ".join("–" if v is None else f"{v:.3f}" for v in pair))
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
