"""`hagd tasks`: the bundled tasks."""

from typing import Any

from core.cli.options import Json
from core.cli.output import emit, table


def command(as_json: Json = False) -> None:
    """List the bundled tasks."""
    from core.tasks import Split, bundled_tasks, load_task

    found: list[dict[str, Any]] = []
    for task in map(load_task, bundled_tasks()):
        pair = task.of(Split.TEST)[0]
        found.append(
            {
                "name": task.name,
                "title": task.title,
                "prompts": {split.value: len(task.of(split)) for split in Split},
                "gate": task.gate,
                "example": {"clean": pair.clean, "answer": pair.answer, "wrong": pair.wrong},
                "variables": sorted(pair.variables),
                "description": task.description,
            }
        )
    emit(found, as_json, lambda: table(("task", "title", "test prompts", "example"), _rows(found)))


def _rows(found: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    return [
        (
            row["name"],
            row["title"],
            row["prompts"]["test"],
            f"{row['example']['clean']} → {row['example']['answer']}",
        )
        for row in found
    ]
