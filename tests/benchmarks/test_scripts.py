"""Every script can be asked for help, and every committed page is what its script makes."""

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest
from study import RESULTS

BENCHMARKS = RESULTS.parent
ELSEWHERE = {"graph_speed_peer"}
"""Run in another program's environment."""
MODULES = sorted(path.stem for path in BENCHMARKS.glob("*.py") if path.stem not in ELSEWHERE)
RUN = 'if __name__ == "__main__":'
SCRIPTS = [name for name in MODULES if RUN in (BENCHMARKS / f"{name}.py").read_text("utf-8")]
PAGES = sorted(path.stem for path in RESULTS.glob("*.md"))


@pytest.mark.parametrize("name", MODULES)
def test_module_says_what_it_does(name):
    doc = import_module(name).__doc__
    assert doc
    assert doc.splitlines()[0].endswith((".", ":", "?"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_has_help(name, monkeypatch, capsys):
    module = import_module(name)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 0
    assert module.__doc__.split()[0] in capsys.readouterr().out


@pytest.mark.parametrize("name", PAGES)
def test_page_is_made_of_its_results(name):
    """So no table is edited by hand, and no script has changed what it says without being run."""
    found = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    assert import_module(name).page(found) == (RESULTS / f"{name}.md").read_text("utf-8")


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_readme_tells_the_command_of_every_result(path: Path):
    text = (BENCHMARKS / "README.md").read_text("utf-8")
    script = next(name for name in SCRIPTS if path.stem.startswith(name))
    assert f"{script}.py" in text
