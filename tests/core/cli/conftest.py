"""Runs command lines in this process, on a store of their own."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.cli.main import call as hagd_call


@dataclass(frozen=True)
class Ran:
    """What one command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON value and nothing else."""
        return json.loads(self.out)

    def refused(self) -> str:
        """The one message of a refusal: exit 2, nothing on standard output, no traceback."""
        assert (self.code, self.out) == (2, "")
        assert len(self.err.strip().splitlines()) == 1, self.err
        assert "Traceback" not in self.err
        return self.err


Hagd = Callable[..., Ran]


@pytest.fixture
def hagd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Hagd:
    """Runs `hagd WORDS…`."""
    monkeypatch.setenv("HAGD_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("HAGD_DEBUG", raising=False)

    def call(*words: object) -> Ran:
        code = hagd_call([str(word) for word in words])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture
def assets_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundled files are not looked at: that takes seconds, and one test does it in earnest."""
    monkeypatch.setattr("core.cli.assets_check.check_assets", list)
