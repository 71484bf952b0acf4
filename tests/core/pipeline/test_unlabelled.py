"""Tasks whose prompts declare no variable that could be probed: whole runs, validated again."""

import csv
import json

import pytest

from core.bundle import open_bundle
from core.pipeline.judging.further import SECTIONS
from core.pipeline.judging.revalidate import revalidate
from core.pipeline.run import RunRequest, run_task
from core.pipeline.settings import RunSettings
from core.store import open_store
from core.validation import ValidationSettings
from tests.core.pipeline.test_run import COUNT, TRAINING, WORDS, pair, train
from tests.tiny import tiny_tokenizer

SETTINGS = RunSettings(graph_prompts=4, probe_prompts=16, refine_steps=2, max_size=10)
PAIRS = [pair(a, b) for a in range(COUNT) for b in range(COUNT)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a trained model."""
    folder = tmp_path_factory.mktemp("unlabelled")
    train().save_pretrained(folder / "model")
    tiny_tokenizer(WORDS).save_pretrained(folder / "model")
    return folder


def none(path):
    """No line has variables."""
    _lines(path, [{k: v for k, v in row.items() if k != "variables"} for row in PAIRS])


def constant(path):
    """The one variable has the same value everywhere."""
    _lines(path, [row | {"variables": {"kind": "plain"}} for row in PAIRS])


def some(path):
    """Only every other line has variables."""
    rows = enumerate(PAIRS)
    _lines(path, [row | {"variables": row["variables"] if i % 2 else {}} for i, row in rows])


def _lines(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)))


def eap_ig(path):
    """EAP-IG's CSV, which has no place for variables."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("clean", "corrupted", "correct_idx", "incorrect_idx"))
        for row in PAIRS:
            ids = (WORDS.index(row[name]) for name in ("answer", "wrong"))
            rows.writerow((row["clean"], row["corrupt"], *ids))


@pytest.mark.parametrize(
    ("write", "suffix"), [(none, "jsonl"), (constant, "jsonl"), (some, "jsonl"), (eap_ig, "csv")]
)
def test_a_task_without_variables_runs_to_its_end(place, write, suffix, request):
    task = place / f"{write.__name__}.{suffix}"
    write(task)
    asked = RunRequest(model=str(place / "model"), task=str(task), out=place / write.__name__)
    with open_store(place / "store") as store:
        made = run_task(asked, SETTINGS, store=store, training=TRAINING)
    found = made.validation["dark_matter"]
    assert all(layer["probes"] == [] for layer in found["layers"])
    assert "nothing to probe" in found["probes_skipped"]
    assert "skipped" in made.validation["fourier"]
    assert not any("failed" in made.validation[name] for name in SECTIONS)
    assert not open_bundle(place / write.__name__).missing
    if write is not none:  # one of them is measured again in full
        request.getfixturevalue("no_sections")
    again = revalidate(place / write.__name__, str(task), ValidationSettings())
    assert again["faithfulness"] == pytest.approx(made.validation["faithfulness"], abs=1e-4)
