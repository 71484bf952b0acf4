"""The bundled circuits: each made as its recipe says, by a program that measures what this does."""

import json

import pytest

from core.assets import CIRCUITS
from core.bundle import files
from core.pipeline.judging.further import SECTIONS
from core.store import plain
from core.zoo.circuits import RECIPES

BUNDLED = sorted(folder.name for folder in CIRCUITS.iterdir() if folder.is_dir())


def read(name: str, file: str) -> dict:
    return json.loads((CIRCUITS / name / file).read_text(encoding="utf-8"))


def test_every_bundled_circuit_has_a_recipe() -> None:
    assert set(BUNDLED) <= set(RECIPES)


@pytest.mark.parametrize("name", BUNDLED)
def test_it_was_made_with_the_settings_of_its_recipe(name: str) -> None:
    """Every setting, and none that runs no longer have; of the search and of what is tested."""
    recipe, record = RECIPES[name], read(name, files.PROVENANCE)
    assert record["settings"] == plain(recipe.settings)
    assert read(name, files.CIRCUIT)["settings"] == record["settings"]
    assert record["command"] == f"python -m core.zoo circuit {name}"
    if recipe.null != "untrained":  # whose model and dictionary are its own
        assert record["model"]["ref"] == recipe.model
        assert record["transcoders"]["ref"].endswith(
            f"{recipe.model}/{recipe.transcoders or 'nested'}"
        )
    if recipe.null in ("none", "untrained", "shuffled-features"):
        assert record["task"]["ref"] == recipe.task


@pytest.mark.parametrize("name", BUNDLED)
def test_everything_that_a_run_measures_was_measured(name: str) -> None:
    found = read(name, files.VALIDATION)
    assert [section for section in SECTIONS if not found.get(section)] == []


def test_circuits_that_count_the_same_nodes_have_the_same_figures() -> None:
    """A field that one of them lacks was not measured yet when it was made."""
    by_kind: dict[str, dict[str, set[str]]] = {}
    for name in BUNDLED:
        kind = RECIPES[name].attention.value
        by_kind.setdefault(kind, {})[name] = set(read(name, files.VALIDATION))
    lacking = {
        name: sorted(set().union(*fields.values()) - own)
        for fields in by_kind.values()
        for name, own in fields.items()
    }
    assert {name: fields for name, fields in lacking.items() if fields} == {}
