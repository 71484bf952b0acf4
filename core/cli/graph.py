"""`hagd graph`: one prompt's attribution graph, as a file that Neuronpedia and circuit-tracer read.

1. Build it (--repeat times, each timed), unpruned.
2. Score it: replacement and completeness need every edge.
3. Prune it and write `graph.json`; --full also writes every node and edge as `graph.safetensors`.
4. --split-heads also says there which attention head each edge runs through last: `split.direct`
   [edge] and `split.heads` [edge, layer, head] sum to the edge; NaN where it starts at a constant.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from core.cli.options import Coders, Json, Model, Prompt, StoreDir
from core.cli.output import emit, shown, table
from core.errors import FormatError, SettingsError
from core.names import slug

FULL_NAME = "graph.safetensors"

Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the graph goes.")]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="TOK",
        help="Explain this token; else the likeliest ones.",
        show_default=False,
    ),
]
Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="TOK",
        help="Explain how much --target is preferred to this token.",
        show_default=False,
    ),
]
MaxFeatures = Annotated[
    int | None,
    typer.Option(
        "--max-features",
        metavar="N",
        help="Most features kept, by influence; else every active one.",
        show_default=False,
    ),
]
Full = Annotated[
    bool, typer.Option("--full", help="Also write every edge, to graph.safetensors beside FILE.")
]
SplitHeads = Annotated[
    bool,
    typer.Option(
        "--split-heads",
        help="With --full: also each edge's parts by the last attention head it runs through.",
    ),
]
Repeat = Annotated[int, typer.Option("--repeat", metavar="N", min=1, help="Build it N times.")]
NodeShare = Annotated[
    float,
    typer.Option("--node-threshold", metavar="X", min=0, max=1, help="Influence nodes keep."),
]
EdgeShare = Annotated[
    float,
    typer.Option("--edge-threshold", metavar="X", min=0, max=1, help="Influence edges keep."),
]


def command(
    model: Model,
    prompt: Prompt,
    out: Out,
    transcoders: Coders = None,
    target: Target = None,
    against: Against = None,
    max_features: MaxFeatures = None,
    node_threshold: NodeShare = 0.8,
    edge_threshold: EdgeShare = 0.98,
    full: Full = False,
    split_heads: SplitHeads = False,
    repeat: Repeat = 1,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Build the attribution graph of one prompt."""
    from core.attribution import AttributionSettings, explain_prompt
    from core.cli.inputs import new_file, transcoders_for
    from core.graph import prune
    from core.interop import ExportSettings, to_neuronpedia
    from core.models import load_model

    _check(full, split_heads)
    settings = AttributionSettings(max_feature_nodes=max_features)
    new_file(out)
    loaded = load_model(model)
    coders, where = transcoders_for(loaded, transcoders, store)
    found = explain_prompt(
        loaded, coders, prompt, target=target, against=against, settings=settings, repeat=repeat
    )
    pruned = prune(found.graph, node_threshold, edge_threshold)
    options = ExportSettings(
        slug=slug(out.stem),
        scan=coders.scan or loaded.name,
        direction=f"{target} − {against}" if against else "direction",
        generation={**asdict(settings), "model": loaded.key, "transcoders": coders.key},
        pruning={"node_threshold": node_threshold, "edge_threshold": edge_threshold},
    )
    data = to_neuronpedia(pruned, loaded, found.ids, options)
    extra = _split(loaded, coders, found) if split_heads else {}
    files = _write(found.graph, data, out, full, extra)
    report = {
        **found.as_json(),
        "transcoders": where,
        "shown": {"nodes": pruned.graph.n_nodes, "edges": pruned.graph.n_edges},
        "out": files[0],
        "files": files,
    }
    emit(report, as_json, lambda: _text(report))


def _check(full: bool, split_heads: bool) -> None:
    if split_heads and not full:
        raise SettingsError(
            "--split-heads was given without --full: the parts stand beside every edge in "
            f"{FULL_NAME}. Give --full too."
        )


def _split(model: Any, coders: Any, found: Any) -> dict[str, Any]:
    """Every edge by the last head that carries it, as tensors beside the graph's own."""
    from core.attribution import split_every_edge

    every = split_every_edge(model, coders, found.ids, found.graph, found.targets)
    return {"split.direct": every.direct, "split.heads": every.heads}


def _write(
    graph: Any, data: dict[str, Any], out: Path, full: bool, extra: dict[str, Any]
) -> list[str]:
    """Writes the files, each whole or not at all; returns their names."""
    from core.graph import save_graph
    from core.store import write_whole

    try:
        write_whole(out, json.dumps(data, ensure_ascii=False).encode())
        if not full:
            return [str(out)]
        every = out.with_name(FULL_NAME)
        draft = out.with_name(f".writing-{FULL_NAME}")
        save_graph(graph, draft, extra)
        draft.replace(every)
        return [str(out), str(every)]
    except OSError as error:
        raise FormatError(
            f"{out} can not be written: {error.strerror}. A folder that you can write to is "
            "required. Name another file with --out."
        ) from error


def _text(report: dict[str, Any]) -> RenderableType:
    kept = report["shown"]
    rows = [(name, report[name], kept[name]) for name in ("nodes", "edges")]
    scores = ("replacement_score", "completeness_score", "completeness_score_without_leaves")
    lines = [f"{name.replace('_', ' ')}: {report[name]:.3f}" for name in scores]
    seconds = ", ".join(f"{value:.2f}" for value in report["seconds"])
    lines.append(f"built in {seconds} s; at most {report['max_rss_gb']:.2f} GB of memory")
    notes = [shown(note) for note in [f"Transcoders: {report['transcoders']}", *report["notes"]]]
    return Group(table(("", "all", "in the file"), rows), *lines, *notes, *report["files"])
