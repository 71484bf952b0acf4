"""Are the trees of the bundled circuits any good? Two tables.

    python benchmarks/hierarchy_quality.py [NAME ...] [--again]

1. *Search trees*, cut from whole task graphs, as each run measured its own and stored it
   (`provenance.json`, `tree`): at the first level Newman's Q of the affinity that the tree is cut
   from, beside random trees of the same sizes, rewired graphs (same degrees) and Leiden's best
   partition; Newman's Q of the edges; and block bits, what a supernode tells of where its edges go.
   The null run of an untrained model stands among them: what its tree scores, structure in the
   weights need not be there for.
2. *Browsing trees*, over the circuits' own features: the share of uncertainty about a feature's
   layer, position and decoded variable that its supernode removes, 1 - H(x | supernode) / H(x),
   beside the mean of 50 dealings of the features to supernodes of the same sizes. *edges*: cut from
   edges between features alone; *browsing*: as they come, with context and sites
   (`core.pipeline.judging.finished`). Layer and position are what sites are made of; the variable
   is not, so it is the fair judge.

A row is measured again when its circuit has become another one. Results:
benchmarks/results/hierarchy_quality.json and .md.
"""

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from bundled import Stored, bundled_circuits
from study import Results, arguments, chosen, line, results_file, rule

from core.assets import CIRCUITS
from core.bundle import Bundle, open_bundle
from core.circuit import FeatureNode
from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy
from core.pipeline.judging.finished import circuit_tree
from core.pipeline.settings import RunSettings
from core.tasks import load_task

OUT = results_file("hierarchy_quality")
DEALT = 50
"""Random groupings of the second table."""
SHOWN = ("affinity_newman", "newman", "block_bits")
LEVELS = (1, 2)
"""Of browsing trees."""
TOLD = ("layer", "position", "variable")


def main() -> None:
    given = arguments(__doc__, OUT, chooses="names").parse_args()
    about = {"command": "python benchmarks/hierarchy_quality.py"}
    results = Results(given.out, page, under="circuits", about=about)
    there = {one.name: one for one in bundled_circuits()}
    stamps = {name: one.stamp for name, one in there.items()}
    for name in results.outdated(stamps, chosen(there, given.names), again=given.again):
        results.put(name, measured(there[name]))
        print(name, flush=True)
    results.write()


def measured(one: Stored) -> dict[str, Any]:
    """A circuit's row."""
    row = {"stamp": one.stamp, "null": one.null, "search": first_level(one.provenance["tree"])}
    return row if one.null != "none" else row | {"browsing": browsing(one)}


def first_level(tree: Mapping[str, Any]) -> dict[str, Any]:
    """What a run measured of its search tree's first level."""
    level, rewired, leiden = tree["levels"][0], tree["rewired"], tree["leiden"] or {}
    figures = {
        name: {
            "tree": level["measures"][name]["value"],
            "random": level["measures"][name]["mean"],
            "rewired": (rewired or {}).get(name, {}).get("mean"),
            "leiden": leiden.get(name),
        }
        for name in SHOWN
    }
    return {"supernodes": tree["supernodes"], "clusters": level["clusters"], **figures}


def browsing(one: Stored) -> dict[str, Any]:
    """What the supernodes of either tree tell of their members, with the same by chance."""
    bundle = open_bundle(CIRCUITS / one.name)
    mine = circuit_tree(features_of(bundle), bundle.graph, RunSettings())
    values = attributes(bundle, one.task)
    trees = {"edges": by_edges(mine), "browsing": mine}
    return {
        kind: {str(level): share_told(tree.labels(level), values) for level in LEVELS}
        for kind, tree in trees.items()
    }


def share_told(
    labels: np.ndarray, values: Mapping[str, Sequence[Hashable]]
) -> dict[str, tuple[float, float] | None]:
    """By attribute: share told, and its mean over random dealings; None where all are alike."""
    rng = np.random.default_rng(0)
    found: dict[str, tuple[float, float] | None] = dict.fromkeys(values)
    for name, column in values.items():
        if len(set(column)) == 1:
            continue
        chance = np.mean([told(column, rng.permutation(labels)) for _ in range(DEALT)])
        found[name] = (round(told(column, labels), 4), round(float(chance), 4))
    return found


def told(values: Sequence[Hashable], labels: np.ndarray) -> float:
    """Share of the entropy of `values` that knowing the label removes."""
    parts = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
    left = sum(len(p) / len(labels) * entropy([values[i] for i in p]) for p in parts)
    return 1 - left / entropy(values)


def entropy(values: Sequence[Hashable]) -> float:
    """In bits."""
    share = np.array(list(Counter(values).values())) / len(values)
    return float(-(share * np.log2(share)).sum())


def features_of(bundle: Bundle) -> tuple[FeatureNode, ...]:
    """The circuit's features, in order."""
    return tuple(node for node in bundle.circuit.nodes if isinstance(node, FeatureNode))


def attributes(bundle: Bundle, task: str) -> dict[str, Sequence[Hashable]]:
    """Layer, position and variables of every feature: those declared ones that its label names."""
    nodes, declared = features_of(bundle), set(load_task(task).pairs[0].variables)
    words = [re.findall(r"\w+", bundle.labels.get(str(node), "")) for node in nodes]
    return {
        "layer": [node.layer for node in nodes],
        "position": [node.position for node in nodes],
        "variable": [frozenset(declared.intersection(found)) for found in words],
    }


def by_edges(tree: Hierarchy) -> Hierarchy:
    """The tree cut from the edges between the circuit's features alone."""
    settings = HierarchySettings(leaf_size=6)
    return build_hierarchy(tree.n_leaves, tree.edge_index, tree.weight, settings)


def page(found: Mapping[str, Any]) -> str:
    """Both tables, with the medians that the README quotes."""
    rows = found["circuits"]
    real = {name: row for name, row in rows.items() if row["null"] == "none"}
    search = [_search_line(name, row["search"]) for name, row in rows.items()]
    browse = [
        _browse_line(name, kind, level, row["browsing"][kind][level])
        for name, row in real.items()
        for kind in ("edges", "browsing")
        for level in map(str, LEVELS)
    ]
    heads = ("affinity Q", "random", "rewired", "Leiden", "Q of edges", "rewired", "bits", "random")
    first = ("circuit", "supernodes", "clusters", *heads)
    second = ("circuit", "tree", "level", *TOLD)
    return "\n".join(
        [
            "# Trees of the bundled circuits",
            "",
            f"`{found['command']}`",
            "",
            "Search trees, first level; a name that begins with *null* is a run that must not "
            "validate.",
            "",
            line(first),
            rule(len(first)),
            *search,
            "",
            _median_line(real),
            "",
            line(second),
            rule(len(second)),
            *browse,
            "",
        ]
    )


def _search_line(name: str, row: Mapping[str, Any]) -> str:
    affinity, edges, bits = (row[figure] for figure in SHOWN)
    shown = [
        *(affinity[beside] for beside in ("tree", "random", "rewired", "leiden")),
        *(edges[beside] for beside in ("tree", "rewired")),
        *(bits[beside] for beside in ("tree", "random")),
    ]
    cells = ["–" if value is None else f"{value:.2f}" for value in shown]
    return line([name, str(row["supernodes"]), str(row["clusters"]), *cells])


def _browse_line(name: str, kind: str, level: str, row: Mapping[str, Any]) -> str:
    told = [row[column] for column in TOLD]
    return line(
        [name, kind, level, *("–" if t is None else f"{t[0]:.2f} ({t[1]:.2f})" for t in told)]
    )


def _median_line(real: Mapping[str, Any]) -> str:
    """Over circuits, of the share of the variable told at the first level."""
    named = [row for row in real.values() if row["browsing"]["edges"]["1"]["variable"]]
    told_by = {
        kind: np.median([row["browsing"][kind]["1"]["variable"] for row in named], axis=0)
        for kind in ("edges", "browsing")
    }
    said = "; ".join(f"*{kind}* {own:.2f} ({luck:.2f})" for kind, (own, luck) in told_by.items())
    return (
        "Browsing trees: share told of a feature's layer, position and variable (by chance). "
        f"Median of the variable over the {len(named)} circuits whose features name more than one, "
        f"first level: {said}."
    )


if __name__ == "__main__":
    main()
