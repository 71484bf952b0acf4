"""Are the trees of the bundled circuits any good? Two tables.

    python benchmarks/hierarchy_quality.py [NAME ...]

*Search trees*, cut from whole task graphs: `tree_report`, that is every measure of modularity
beside random trees, rewired graphs and Leiden. The graphs are built again (seconds; coreference
with the nested dictionary half a minute).

*Browsing trees*, over the circuits' own nodes: the share of uncertainty about a node's layer,
position and decoded variable that its supernode removes, 1 - H(x | supernode) / H(x), beside the
mean of 50 dealings of the nodes to supernodes of the same sizes. *Edges*: cut from edges between
features alone; *browsing*: as they come, with context and sites (`core.pipeline.result`). Layer and
position are what sites are made of; the variable is not, so it is the fair judge.
"""

import re
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table
from study import arguments, chosen

from core.assets import CIRCUITS
from core.bundle import Bundle, open_bundle
from core.circuit import FeatureNode
from core.hierarchy import Hierarchy, HierarchySettings, TreeReport, build_hierarchy, tree_report
from core.models import load_model
from core.pipeline.finding.graphs import task_graph
from core.pipeline.finding.search import cut, node_graph, tree_settings
from core.pipeline.judging.finished import circuit_tree
from core.pipeline.prepare import prepare
from core.pipeline.progress import ignore
from core.pipeline.settings import RunSettings
from core.tasks import load_task
from core.transcoders import open_transcoders
from core.zoo.circuits import RECIPES

DEALT = 50
"""Random groupings of the second table."""


def search_tree(name: str) -> TreeReport:
    """The first table's figures of one recipe."""
    recipe, settings = RECIPES[name], RunSettings()
    model = load_model(recipe.model)
    dictionary = open_transcoders(model, recipe.transcoders)
    assert dictionary is not None  # bundled
    prepared = prepare(model, load_task(recipe.task, tokenizer=model.tokenizer))
    pooled = task_graph(prepared, dictionary.transcoders, settings.graph_prompts, ignore)
    tree = cut(node_graph(pooled.graph()), settings)
    return tree_report(tree, tree_settings(settings))


def entropy(values: Sequence[Hashable]) -> float:
    """In bits."""
    share = np.array(list(Counter(values).values())) / len(values)
    return float(-(share * np.log2(share)).sum())


def told(values: Sequence[Hashable], labels: np.ndarray) -> float:
    """Share of the entropy of `values` that knowing the label removes."""
    parts = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
    left = sum(len(p) / len(labels) * entropy([values[i] for i in p]) for p in parts)
    return 1 - left / max(entropy(values), 1e-12)


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


def main() -> None:
    """Prints both tables."""
    given = arguments(__doc__, chooses="names").parse_args()
    real = [name for name, recipe in RECIPES.items() if recipe.null == "none"]
    search = Table("circuit", "level", "clusters", "measure", "tree", "random", "z", "rewired", "z")
    browse = Table("circuit", "tree", "level", "largest", "layer", "position", "variable")
    for name in chosen([name for name in real if (CIRCUITS / name).is_dir()], given.names):
        _search_rows(search, name, search_tree(name))
        bundle = open_bundle(CIRCUITS / name)
        mine = circuit_tree(features_of(bundle), bundle.graph, RunSettings())
        values = attributes(bundle, RECIPES[name].task)
        for kind, tree in (("edges", by_edges(mine)), ("browsing", mine)):
            for level in (1, 2):
                _browse_row(browse, [name, kind, str(level)], tree.labels(level), values)
    for table in (search, browse):
        Console(width=140).print(table)


def _search_rows(table: Table, name: str, report: TreeReport) -> None:
    for row in report.levels:
        for measure, found in row.measures.items():
            null = report.rewired[measure] if row.level == 1 else None
            table.add_row(
                name,
                str(row.level),
                str(row.clusters),
                measure,
                f"{found.value:.3f}",
                f"{found.mean:.3f} ± {found.sd:.4f}",
                "" if found.z is None else f"{found.z:.0f}",
                "" if null is None else f"{null.mean:.3f} ± {null.sd:.4f}",
                "" if null is None or null.z is None else f"{null.z:.0f}",
            )
    if best := report.leiden:
        figures = f"Newman {best.newman:.3f}, affinity {best.affinity_newman:.3f}"
        table.add_row(name, "1", str(best.clusters), "Leiden", f"{figures}, {best.block_bits:.2f}")


def _browse_row(
    table: Table, cells: list[str], labels: np.ndarray, values: dict[str, Sequence[Hashable]]
) -> None:
    rng = np.random.default_rng(0)
    cells = [*cells, f"{np.bincount(labels).max()} of {len(labels)}"]
    for column in values.values():
        chance = np.mean([told(column, rng.permutation(labels)) for _ in range(DEALT)])
        cells.append(f"{told(column, labels):.2f} ({chance:.2f})")
    table.add_row(*cells)


if __name__ == "__main__":
    main()
