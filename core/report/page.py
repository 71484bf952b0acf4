"""The page: one file, told from the top down.

1. Title, verdict, the claim in words and five figures, each with its control.
2. The network of the circuit; a click on a supernode opens it (`report.js`), the hash of the
   address remembers where one is.
3. F by size beside random circuits; every score under every regime; the strongest features; all
   nodes; where it comes from and the command that makes it again.

Every text is escaped. The page refers to nothing outside itself and says so to the browser: its
content security policy allows the one script and the one style in it, by their hash, and no more.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from core.circuit import Circuit, node_ids
from core.figures import two
from core.graph import AttributionGraph
from core.hierarchy import Hierarchy
from core.report.cards import Card, cards_html
from core.report.curve import curve
from core.report.markup import table
from core.report.network import network_data, script_json
from core.report.origin import origin
from core.report.scores import claim, figures, scores, verdict

HERE = Path(__file__).resolve().parent


def report_html(
    *,
    title: str,
    circuit: Circuit,
    graph: AttributionGraph,
    validation: Mapping[str, Any],
    provenance: Mapping[str, Any],
    labels: Mapping[str, str],
    hierarchy: Hierarchy | None = None,
    roles: Sequence[str] = (),
    cards: Sequence[Card] = (),
) -> str:
    """The whole page.

    Args:
        title: What a person calls the result.
        circuit: Its nodes, strongest first.
        graph: The task's graph of these nodes; drawn, and asked for their effects.
        validation: validation.json.
        provenance: provenance.json.
        labels: Names of nodes and supernodes by id.
        hierarchy: Tree over the circuit's nodes; without it no network is drawn.
        roles: Names of the aligned positions; numbers stand for those that have none.
        cards: What single features do, strongest first.
    """
    network, script = "", ""
    if hierarchy is not None:
        data = network_data(circuit, graph, hierarchy, labels, roles, cards)
        network, script = _network(script_json(data)), _read("report.js")
    body = "".join(
        (
            _head(title, circuit, validation, provenance),
            network,
            _section("curve", "Faithfulness by size", curve(validation, len(circuit.nodes))),
            _section("scores", "All scores <span>each beside its controls</span>",
                     scores(validation)),
            cards_html(cards),
            _nodes(circuit, graph, labels),
            origin(provenance),
        )
    )  # fmt: skip
    return _whole(title, body, script)


def _whole(title: str, body: str, script: str) -> str:
    style = _read("report.css")
    rules = f"default-src 'none'; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    if script:
        rules += f"; script-src {_hash(script)}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{rules}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main>{body}</main>{f'<script>{script}</script>' if script else ''}</body></html>\n"
    )


def _read(name: str) -> str:
    return (HERE / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _section(name: str, title: str, inside: str) -> str:
    return f'<section id="{name}"><h2>{title}</h2>{inside}</section>' if inside else ""


def _head(title: str, circuit: Circuit, found: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    edges = found.get("n_edges")
    about = [f"{len(circuit.nodes):,} nodes"]
    about += [f"{edges:,} edges"] if isinstance(edges, int) else []
    about += [f"ablation {found.get('ablation', '–')}", f"seed {circuit.seed}"]
    if record.get("created"):
        about.append(str(record["created"])[:10])
    return (
        f"<header><div><h1>{escape(title)}</h1>"
        f'<p class="note">{escape(" · ".join(about))}</p></div>{verdict(found)}</header>'
        f'<section id="claim">{claim(found, len(circuit.nodes))}{figures(found)}</section>'
    )


def _network(data: str) -> str:
    return (
        '<section id="network"><h2>Network <span>mean effects over prompts; click a box to open it'
        "</span></h2>"
        '<nav id="crumbs" aria-label="Where in the circuit"></nav>'
        '<div id="work"><div id="picture"><svg id="net" role="group" aria-label="Network"></svg>'
        '<p class="legend"><i class="plus"></i>supports <i class="minus"></i>opposes '
        '<label><input type="checkbox" id="context"> errors, biases, positions</label>'
        '<span id="counted"></span></p></div><aside id="about" aria-live="polite"></aside></div>'
        f'<script type="application/json" id="data">{data}</script>'
        "<noscript><p>The network needs scripts; all figures below stand without.</p></noscript>"
        "</section>"
    )


def _nodes(circuit: Circuit, graph: AttributionGraph, labels: Mapping[str, str]) -> str:
    """Every node, folded; strongest first."""
    activation, effect = _node_figures(graph)
    rows = [
        (
            str(rank),
            f"<code>{node}</code>",
            escape(labels.get(str(node), "")),
            two(activation.get(str(node))),
            two(effect.get(str(node))),
        )
        for rank, node in enumerate(circuit.nodes, start=1)
    ]
    heads = ("rank", "node", "label", "mean activation", "Σ |effect| out")
    shown = table(heads, rows, numbers_from=3)
    return (
        f'<section id="nodes"><details><summary>All {len(rows):,} nodes</summary>{shown}'
        "</details></section>"
    )


def _node_figures(graph: AttributionGraph) -> tuple[dict[str, float], dict[str, float]]:
    """Activation and summed outgoing |direct effect| of each node, by its id."""
    out = graph.activation.new_zeros(len(graph.kind))
    out.index_add_(0, graph.edge_index[0], graph.direct_effect.abs())
    ids = node_ids(graph)
    return (
        dict(zip(ids, graph.activation.tolist(), strict=True)),
        dict(zip(ids, out.tolist(), strict=True)),
    )
