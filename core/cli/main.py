"""`hagd`: the table of commands, and what becomes of an error.

A refusal (`CoreError`) or a mistake on the command line ends with 2 and one message on standard
error; Ctrl-C with 130; anything unforeseen with 1 and one line (HAGD_DEBUG=1: its traceback).
Commands import the engine when they run: `hagd --help` answers at once.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

import typer

from core.cli import (
    ablate,
    doctor,
    explore,
    export,
    graph,
    import_,
    models,
    rebuild,
    remove,
    results,
    run,
    tasks,
    train,
    transfer,
    validate,
)
from core.cli.output import stderr
from core.errors import CoreError

BAD_INPUT = 2
INTERRUPTED = 130
PYDANTIC = "Value error, "
"""What a choice that is none is told with; it says nothing to who typed it."""


class Command(NamedTuple):
    """One row of the table of commands."""

    name: str
    """As typed after `hagd`."""
    run: Callable[..., int | None]
    """Does it; an exit code, or None for success."""
    example: str
    """One line that works, shown by --help."""


COMMANDS = (
    Command("explore", explore.command, "hagd explore --port 8502"),
    Command(
        "run",
        run.command,
        "hagd run --model gpt2-modadd --task modular-addition --out my-circuit",
    ),
    Command("validate", validate.command, "hagd validate my-circuit"),
    Command(
        "graph",
        graph.command,
        'hagd graph --model gpt2-modadd --prompt "<bos> 17 + 40 =" --out graph.json',
    ),
    Command(
        "ablate",
        ablate.command,
        'hagd ablate --model gpt2-modadd --prompt "<bos> 17 + 40 =" --node 0:4:12',
    ),
    Command(
        "train",
        train.command,
        "hagd train --model gpt2-modadd --task modular-addition --kind nested --out transcoders",
    ),
    Command(
        "transfer",
        transfer.command,
        "hagd transfer modular-addition-gpt2 modular-addition-llama",
    ),
    Command("models", models.command, "hagd models"),
    Command("tasks", tasks.command, "hagd tasks --json"),
    Command("results", results.command, "hagd results --store ~/circuits"),
    Command("export", export.command, "hagd export my-circuit --format html"),
    Command("import", import_.command, "hagd import my-circuit"),
    Command("remove", remove.command, "hagd remove my-circuit"),
    Command("rebuild", rebuild.command, "hagd rebuild --list"),
    Command("doctor", doctor.command, "hagd doctor"),
)


def _version(asked: bool) -> bool:
    if asked:
        from importlib.metadata import version

        typer.echo(f"hagd {version('hagd-explorer')}")
        raise typer.Exit
    return asked


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Find, browse, ablate and show the circuits inside transformer language models."""


def build() -> typer.Typer:
    """The command line, made from the table."""
    app = typer.Typer(
        name="hagd",
        add_completion=False,
        no_args_is_help=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for command in COMMANDS:
        app.command(command.name, epilog=f"Example: {command.example}")(command.run)
    return app


def call(arguments: Sequence[str]) -> int:
    """Runs one command line; returns the exit code."""
    try:
        code = build()(args=list(arguments) or ["--help"], prog_name="hagd", standalone_mode=False)
        if code == INTERRUPTED:  # typer turns Ctrl-C into this
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except typer.TyperException as error:
        said = error.format_message().rstrip(".").replace(PYDANTIC, "")
        return _refuse(f"{said}. See: {_asked(arguments)} --help", BAD_INPUT)
    except CoreError as error:
        return _refuse(str(error), BAD_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        return _refuse("Interrupted.", INTERRUPTED)
    except BrokenPipeError:  # the reader went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("HAGD_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        return _refuse(f"Something unforeseen: {what}. Run with HAGD_DEBUG=1 for details.", 1)


def _asked(arguments: Sequence[str]) -> str:
    names = {command.name for command in COMMANDS}
    return next((f"hagd {word}" for word in arguments[:1] if word in names), "hagd")


def _refuse(message: str, code: int) -> int:
    stderr().print(message)
    return code


def main() -> None:
    """Entry point of the `hagd` script."""
    # Idle threads that spin make small models several times slower; read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    sys.exit(call(sys.argv[1:]))
