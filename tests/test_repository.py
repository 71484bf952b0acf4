"""Rules that hold for the repository as a whole: what may import what, what may be named, sizes."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core", "explorer", "pages")
TEXT = {".py", ".md", ".toml", ".txt", ".json", ".yaml", ".yml", ".css", ".js", ".html", ".sh", ""}
LARGEST_ASSETS = 120e6


def committed() -> list[Path]:
    """Files that git tracks; every file below the root where git does not know it."""
    if not shutil.which("git"):
        return walked()
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = done.stdout.split("\0") if done.returncode == 0 else []
    paths = [ROOT / name for name in names if name]
    return [path for path in paths if path.is_file()] or walked()


def walked() -> list[Path]:
    """Every file below the root, but for what is made from the others."""
    found = []
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [name for name in inner if not MADE.fullmatch(name)]
        found += [Path(folder, name) for name in names if name != ".git"]  # a worktree's is a file
    return found


MADE = re.compile(
    r"\.git|\.venv|\.store|build|__pycache__|\.\w+_cache|.*\.egg-info|.*\.checkpoint|"
    r"work-in-progress|screenshots|test-results"
)
"""Folders that git ignores."""


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_without_git_every_committed_file_is_looked_at() -> None:
    tracked, every = committed(), walked()
    assert set(tracked) <= set(every)
    assert set(sources()) <= set(every)


def test_imports_keep_their_direction() -> None:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_folder_of_modules_is_a_package() -> None:
    # without one, setuptools and import-linter both pass the folder over in silence
    folders = {path.parent for path in sources()}
    lacking = [
        str(f.relative_to(ROOT)) for f in sorted(folders) if not (f / "__init__.py").is_file()
    ]
    assert not lacking


def test_nothing_names_a_machine_a_registry_or_a_neighbour_folder() -> None:
    # in pieces, so that this file does not name them either
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "registry" + ".npm"]
    places = ["/work" + "/", "/root" + "/", ".." + "/shared", "/opt" + "/wheels"]
    wrong = re.compile("|".join(map(re.escape, hosts + places)))
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in committed()
        if path.suffix in TEXT and path.stat().st_size < 5e6
        for match in wrong.finditer(path.read_text("utf-8", errors="replace"))
    ]
    assert not found


def test_constraints_pin_every_dependency_exactly() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {normal(re.split(r"[\[<>=!~ ]", line)[0]) for line in wanted}
    lines = (ROOT / "constraints.txt").read_text("utf-8").split()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in lines)
    assert names <= {normal(line.split("==")[0]) for line in lines}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_module_keeps_the_house_rules(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree) or not tree.body, "it has no docstring"
    assert path.name not in {"utils.py", "helpers.py", "types.py", "misc.py"}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="__future__"):
                pytest.fail("annotations must stay objects for the shape checks")
            case ast.Import(names=names) if {n.name.split(".")[0] for n in names} & UNSAFE:
                pytest.fail("pickles can run code")
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in UNSAFE:
                pytest.fail("pickles can run code")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load")):
                pytest.fail("torch.load reads pickles")
            case ast.keyword(arg="trust_remote_code", value=ast.Constant(value=True)):
                pytest.fail("remote code is never run")
            case _:
                pass


UNSAFE = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


def test_assets_stay_small() -> None:
    total = sum(path.stat().st_size for path in committed() if "assets" in path.parts)
    assert total < LARGEST_ASSETS
