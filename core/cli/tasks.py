"""`hagd tasks`: the bundled tasks; with a name or a task file, that task and its splits."""

from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from core.cli.options import Json
from core.cli.output import emit, shown, table

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[T]",
        help="A bundled name or a task.jsonl: tells of its splits, and of prompts they share.",
        show_default=False,
    ),
]


def command(task: Name = None, as_json: Json = False) -> None:
    """List the bundled tasks, or tell of one task."""
    from core.tasks import bundled_tasks, load_task

    if task is not None:
        one = _about(load_task(task))
        emit(one, as_json, lambda: _text(one))
        return
    found = [_about(load_task(name)) for name in bundled_tasks()]
    emit(found, as_json, lambda: table(("task", "title", "test prompts", "example"), _rows(found)))


def _about(task: Any) -> dict[str, Any]:
    from core.tasks import Split, overlap

    pair, shared = task.of(Split.TEST)[0], overlap(task)
    return {
        "name": task.name,
        "title": task.title,
        "prompts": {split.value: len(task.of(split)) for split in Split},
        "shared_prompts": shared.as_json(),
        "shared_prompts_note": shared.sentence(),
        "gate": task.gate,
        "example": {"clean": pair.clean, "answer": pair.answer, "wrong": pair.wrong},
        "variables": sorted(pair.variables),
        "description": task.description,
    }


def _rows(found: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    return [
        (row["name"], row["title"], row["prompts"]["test"], _example(row["example"]))
        for row in found
    ]


def _text(one: dict[str, Any]) -> RenderableType:
    rows = [
        (name, count, one["shared_prompts"].get(name, 0))
        for name, count in one["prompts"].items()
        if count
    ]
    columns = ("split", "pairs", "with a prompt of another split")
    lines = [f"{one['title']} ({one['name']}): {_example(one['example'])}"]
    lines += [one["description"]] if one["description"] else []
    lines += ["", f"A model must answer {one['gate']:.2f} of unseen prompts right."]
    note = one["shared_prompts_note"] or "No test prompt, clean or corrupt, is in another split."
    return Group(*map(shown, lines), "", table(columns, rows), "", shown(note))


def _example(example: dict[str, str]) -> str:
    return f"{example['clean']} → {example['answer']}"
