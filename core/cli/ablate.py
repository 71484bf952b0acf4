"""`hagd ablate`: one intervention on one prompt, logits before and after.

1. The prompt runs once as it is.
2. Each node is set to its reference (scale 0: ablated), or to its live value times --scale.
   References: zero; the same node on --corrupt, a prompt of the same length; or its mean over the
   prompts of --task, at the position aligned at the right.
3. It runs again with these changes, everything downstream live, and the logits are compared.
"""

from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Group, RenderableType

from core.cli.options import Coders, Json, Model, Prompt, StoreDir
from core.cli.output import emit, shown, table
from core.errors import SettingsError


class How(StrEnum):
    """Where an ablated value goes."""

    ZERO = "zero"
    MEAN = "mean"
    RESAMPLE = "resample"


Nodes = Annotated[
    list[str],
    typer.Option(
        "--node",
        metavar="L:P:F",
        help="A feature L:P:F, head L0H2 or L0H2@4, or error e:L:P. Repeat it for several.",
    ),
]
HowOption = Annotated[How, typer.Option("--how", help="Where an ablated value goes.")]
Scale = Annotated[
    float, typer.Option("--scale", metavar="X", help="0 ablates; else the live value times X.")
]
Corrupt = Annotated[
    str | None,
    typer.Option("--corrupt", metavar="TEXT", help="For --how resample: the other prompt."),
]
MeanTask = Annotated[
    str | None, typer.Option("--task", "-t", metavar="T", help="For --how mean: whose prompts.")
]
Top = Annotated[
    int, typer.Option("--top", metavar="N", min=0, help="Tokens shown; 0 for all of them.")
]


class _Run(NamedTuple):
    """What an intervention needs."""

    model: Any
    coders: Any
    ids: Any
    """Token ids [1 pos]."""
    reference: Any
    """State that ablated nodes go to."""


def command(
    model: Model,
    prompt: Prompt,
    node: Nodes,
    transcoders: Coders = None,
    how: HowOption = How.ZERO,
    scale: Scale = 0.0,
    corrupt: Corrupt = None,
    task: MeanTask = None,
    top: Top = 10,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Ablate or scale nodes on one prompt; show the logits before and after."""
    from core.cli.inputs import transcoders_for
    from core.models import load_model
    from core.transcoders import check_belongs

    _check(how, corrupt, task)
    loaded = load_model(model)
    coders, where = transcoders_for(loaded, transcoders, store)
    ids = loaded.encode(prompt)[None]
    notes = [*coders.notes, *check_belongs(coders, loaded, [ids])]
    run = _Run(loaded, coders, ids, _reference(loaded, coders, ids, how, corrupt, task))
    report = {
        "model": loaded.name,
        "transcoders": where,
        "prompt": prompt,
        "tokens": [loaded.token_text(int(i)) for i in ids[0]],
        "how": how.value,
        "scale": scale,
        **_compare(run, node, scale, top),
        "notes": notes,
    }
    emit(report, as_json, lambda: _text(report))


def _check(how: How, corrupt: str | None, task: str | None) -> None:
    if how is How.RESAMPLE and corrupt is None:
        raise SettingsError(
            "--how resample takes values from another prompt, and none was given. Name one of the "
            'same length with --corrupt "TEXT", or use --how zero.'
        )
    if how is How.MEAN and task is None:
        raise SettingsError(
            "--how mean takes values from a task's prompts, and no task was given. Name it with "
            "--task, or use --how zero."
        )


def _reference(
    model: Any, coders: Any, ids: Any, how: How, corrupt: str | None, task: str | None
) -> Any:
    from core.interventions import corrupt_state, mean_state, zero_state
    from core.pipeline.prepare import aligned_length
    from core.tasks import Split, encode_pairs, load_task

    here = corrupt_state(model, coders, ids)
    if how is How.RESAMPLE:
        other = model.encode(corrupt or "")[None]
        if other.shape != ids.shape:
            raise SettingsError(
                f"The corrupt prompt has {other.shape[1]} tokens, the prompt {ids.shape[1]}; they "
                "must have the same number, so that each position has its twin. Reword one."
            )
        return corrupt_state(model, coders, other)
    if how is How.ZERO:
        return zero_state(here)
    found = load_task(task or "", tokenizer=model.tokenizer)
    length = aligned_length(model, found)
    if ids.shape[1] > length:
        raise SettingsError(
            f"The prompt has {ids.shape[1]} tokens, the longest of task {found.name} {length}: no "
            "mean is known for its first positions. Give a prompt of the task, or another task."
        )
    batches = encode_pairs(found.of(Split.FEATURES), model.tokenizer, length)
    return mean_state(model, coders, batches, length).cut(length - ids.shape[1])


def _compare(run: _Run, nodes: list[str], scale: float, top: int) -> dict[str, Any]:
    import torch

    from core.lab.contents import Change
    from core.lab.edits import Ground, edits_of

    plan = _plan(run, [Change(node=node, scale=scale) for node in nodes])
    edits = edits_of(plan, run.coders, Ground(reference=run.reference, error=None))
    with torch.no_grad():
        before, after = run.model.logits(run.ids)[0], run.model.run(run.ids, edits)[0]
    was, now = before.log_softmax(0), after.log_softmax(0)
    return {
        "nodes": _node_rows(run, nodes, scale),
        "kl": float((was.exp() * (was - now)).sum()),
        "top_before": run.model.token_text(int(before.argmax())),
        "top_after": run.model.token_text(int(after.argmax())),
        "logits": _token_rows(run.model, before, after, top),
    }


def _plan(run: _Run, changes: list[Any]) -> Any:
    from core.circuit import Circuit
    from core.lab.plan import changed_plan, default_plan

    nobody = Circuit(nodes=(), model_key="", transcoder_key="", task_key="", seed=0)
    bounds = _bounds(run)
    return changed_plan(default_plan(nobody, bounds, "model"), changes, bounds)


def _bounds(run: _Run) -> Any:
    from core.circuit import Bounds

    return Bounds(
        n_layers=run.model.n_layers,
        n_positions=run.ids.shape[1],
        n_features=run.coders.n_features,
        n_heads=run.model.n_heads,
        n_vocab=run.model.d_vocab,
    )


def _node_rows(run: _Run, nodes: list[str], scale: float) -> list[dict[str, Any]]:
    """Each feature's value before, and what it was set to."""
    from core.circuit import FeatureNode, parse_node
    from core.interventions import corrupt_state

    state = corrupt_state(run.model, run.coders, run.ids)
    rows = []
    for text in nodes:
        node = parse_node(text)
        row: dict[str, Any] = {"node": str(node), "before": None, "after": None}
        if isinstance(node, FeatureNode):
            place = (node.layer, 0, node.position, node.feature)
            live = float(state.activation[place])
            row["before"] = live
            row["after"] = live * scale if scale else float(run.reference.activation[place])
        rows.append(row)
    return rows


def _token_rows(model: Any, before: Any, after: Any, top: int) -> list[dict[str, Any]]:
    """The likeliest tokens of either run, by probability before."""
    p, q = before.softmax(0), after.softmax(0)
    count = min(top, len(p)) or len(p)
    chosen = {*p.topk(count).indices.tolist(), *q.topk(count).indices.tolist()}
    return [
        {
            "token": model.token_text(i),
            "id": i,
            "before": float(before[i]),
            "after": float(after[i]),
            "p_before": float(p[i]),
            "p_after": float(q[i]),
        }
        for i in sorted(chosen, key=lambda i: -float(p[i]))
    ]


def _text(report: dict[str, Any]) -> RenderableType:
    columns = ("token", "logit before", "after", "P before", "after")
    names = ("token", "before", "after", "p_before", "p_after")
    tokens = table(columns, ([row[name] for name in names] for row in report["logits"]))
    nodes = table(
        ("node", "value before", "after"),
        ([row["node"], row["before"], row["after"]] for row in report["nodes"]),
    )
    lines = [f"Top token: {report['top_before']!r} → {report['top_after']!r}"]
    idle = [row["node"] for row in report["nodes"] if row["before"] == row["after"] == 0.0]
    if idle:
        lines.append(f"Not active on this prompt, so nothing was changed: {', '.join(idle)}")
    lines += [f"Transcoders: {report['transcoders']}", *report["notes"]]
    return Group(nodes, "", tokens, "", *map(shown, lines))
