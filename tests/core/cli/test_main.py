"""The command line as a whole: help, exit codes, what goes to which stream."""

import subprocess
import sys
import time

import pytest
import typer

from core.cli import main
from core.cli.output import shown
from core.errors import StoreError
from core.figures import json_safe
from tests.core.cli.conftest import Hagd


@pytest.mark.parametrize("command", main.COMMANDS, ids=lambda command: command.name)
def test_help_of_each_command_has_an_example_of_itself(hagd: Hagd, command: main.Command) -> None:
    ran = hagd(command.name, "--help")
    assert ran.code == 0
    assert command.example.startswith(f"hagd {command.name}")
    assert command.example in " ".join(ran.out.split())
    assert "--json" in ran.out


def test_help_lists_every_command(hagd: Hagd) -> None:
    ran = hagd("--help")
    assert ran.code == 0
    assert all(command.name in ran.out for command in main.COMMANDS)
    assert hagd().out == ran.out


def test_version(hagd: Hagd) -> None:
    assert hagd("--version").out.startswith("hagd 0.")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nosuch"], "No such command 'nosuch'. See: hagd --help"),
        (["models", "--nope"], "No such option: --nope. See: hagd models --help"),
        (["explore", "--port", "x"], "Invalid value for '--port'"),
        (["explore", "--port", "0"], "Invalid value for '--port'"),
        (["models", "extra"], "unexpected extra argument"),
    ],
)
def test_mistake_on_the_command_line_ends_with_2(
    hagd: Hagd, words: list[str], message: str
) -> None:
    assert message in hagd(*words).refused()


def raising(error: BaseException) -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.callback()
    def root() -> None:
        pass

    @app.command()
    def fail() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (StoreError("The store [bold] is wrong: do this."), 2, "The store [bold] is wrong"),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (ZeroDivisionError("a\nb"), 1, "unforeseen: ZeroDivisionError: a. Run with HAGD_DEBUG=1"),
    ],
)
def test_each_kind_of_error_has_its_code_and_one_line(
    hagd: Hagd, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, message: str
) -> None:
    monkeypatch.setattr(main, "build", lambda: raising(error))
    ran = hagd("fail")
    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1


def test_debug_shows_the_traceback(hagd: Hagd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "build", lambda: raising(ZeroDivisionError("here")))
    monkeypatch.setenv("HAGD_DEBUG", "1")
    with pytest.raises(ZeroDivisionError, match="here"):
        hagd("fail")


def test_module_answers_help_quickly_and_without_the_engine() -> None:
    code = (
        "import sys; sys.argv = ['hagd', '--help']\n"
        "from core.cli.main import call\n"
        "assert call(['--help']) == 0\n"
        "heavy = {'torch', 'transformers', 'scipy', 'numpy', 'streamlit'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 5  # 0.2 s alone; other tests may load the machine


def test_json_has_no_nan() -> None:
    assert json_safe({"a": [float("nan"), 1.5, {"b": float("inf")}]}) == {
        "a": [None, 1.5, {"b": None}]
    }


def test_cells_show_tokens_as_they_are() -> None:
    assert (shown("[bold]"), shown(None), shown(0.123456)) == ("[bold]", "–", "0.1235")
