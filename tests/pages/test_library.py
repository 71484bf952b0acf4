"""The library: what is stored, with its controls; what is empty, damaged, running or refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st

from core.assets import CIRCUITS
from core.bundle import BundleInfo, list_bundles
from core.errors import SettingsError
from explorer import engine
from explorer.jobs.files import Job, Step
from explorer.library import form, gallery, page, starting
from explorer.library.shelf import shelf
from explorer.library.stages import STAGES, stages_of
from explorer.look import notices
from explorer.session import resources
from explorer.session.resources import circuits
from explorer.session.resources.circuits import in_order
from tests.explorer import work
from tests.pages.conftest import component, html, press


def test_every_circuit_stands_with_its_controls(store, open_page):
    app = open_page("library")
    assert not app.exception
    assert "3 stored, 0 bundled" in html(app)
    rows = {row["name"]: row for row in component(app, "table")["rows"]}
    tiny = rows["tiny"]
    assert (tiny["f"], tiny["pm"], tiny["phi"], tiny["phiEmpty"], tiny["p"]) == (
        "0.97",
        "±0.01",
        "0.97",
        "0.05",
        "< 0.01",
    )
    assert tiny["verdict"] == "Holds"
    assert tiny["curve"]["ring"] == tiny["curve"]["line"][-1]
    assert len(tiny["curve"]["low"]) == len(tiny["curve"]["high"]) == 3
    assert tiny["href"] == "./circuit?circuit=tiny"
    assert tiny["called"] == "tiny"


def test_a_null_is_a_row_and_never_a_card(store, open_page):
    app = open_page("library")
    rows = {row["name"]: row for row in component(app, "table")["rows"]}
    assert rows["null"]["verdict"] == "Rejected, as expected"
    assert rows["null"]["task"].startswith("Null: ")
    assert [card["name"] for card in component(app, "featured")["cards"]] == ["tiny"]


def test_a_damaged_bundle_is_listed_with_its_message(store, open_page):
    rows = component(open_page("library"), "table")["rows"]
    assert rows[-1]["name"] == "damaged"
    assert rows[-1]["verdict"] == "Cannot be opened"
    assert "provenance.json" in rows[-1]["error"]


def test_the_card_draws_the_coarse_network_as_shapes(store, open_page):
    card = component(open_page("library"), "featured")["cards"][0]
    tags = {shape[0] for shape in card["drawing"]}
    assert tags <= {"path", "rect", "text"}
    letters = [shape[2] for shape in card["drawing"] if shape[0] == "text"]
    assert {"A", "B", "answer"} <= set(letters)


def test_an_own_card_leads_with_its_task_and_names_its_positions(store, open_page):
    """By their words as its report does: a number would read as a token."""
    card = component(open_page("library"), "featured")["cards"][0]
    assert card["name"] == "tiny"
    assert card["title"] == card["task"]
    assert card["subtitle"] == f"{card['called']} · model"
    letters = [shape[2] for shape in card["drawing"] if shape[0] == "text"]
    assert not [letter for letter in letters if letter.isdigit()]
    assert {"<bos>", "pos 1", "pos 2", "pos 3", "pos 4"} & set(letters)


def test_a_card_drawn_once_has_its_picture_before_the_engine(store, open_page, monkeypatch):
    drawn = component(open_page("library"), "featured")["cards"][0]["drawing"]
    monkeypatch.setattr(engine, "ready", lambda: False)
    monkeypatch.setattr(engine, "start", lambda: None)
    assert component(open_page("library"), "featured")["cards"][0]["drawing"] == drawn


def test_before_the_engine_has_started_the_table_is_there(store, open_page, monkeypatch):
    for kept in (store / "drawings" / "small").glob("*.json"):
        kept.unlink()
    monkeypatch.setattr(engine, "ready", lambda: False)
    monkeypatch.setattr(engine, "start", lambda: None)
    app = open_page("library")
    assert not app.exception
    rows = {row["name"]: row for row in component(app, "table")["rows"]}
    assert rows["tiny"]["verdict"] == "Holds"
    assert "provenance.json is damaged" in rows["damaged"]["error"]
    assert component(app, "featured")["cards"][0]["drawing"] == []


@pytest.mark.parametrize(
    ("half", "shown"), [(None, ""), (0.0, "±<0.01"), (0.004, "±<0.01"), (0.012, "±0.01")]
)
def test_a_narrow_interval_is_not_none(half, shown):
    assert gallery.pm_text(half) == shown


def test_an_empty_store_says_what_to_do(empty_store, open_page):
    app = open_page("library")
    assert not app.exception
    assert "No circuits yet" in html(app)
    assert "Start a run on the right" in html(app)


def test_a_search_that_fits_nothing_can_be_taken_back(store, open_page):
    app = open_page("library", q="zzz")
    assert "No stored circuit fits" in html(app)
    press(app, "Show all")
    assert len(component(app, "table")["rows"]) == 3


def test_a_filter_of_a_link_is_applied_and_an_unknown_one_is_named(store, open_page):
    app = open_page("library", verdict="rejected")
    assert [row["name"] for row in component(app, "table")["rows"]] == ["null"]
    app = open_page("library", verdict="marvellous")
    assert not app.exception


def test_a_search_goes_into_the_link(store, open_page):
    app = open_page("library")
    app.text_input(key="shelf-search").set_value("tiny").run()
    assert dict(app.query_params) in ({"q": "tiny"}, {"q": ["tiny"]})


def test_a_long_shelf_of_cards_is_drawn_when_it_is_asked_for(store, open_page, monkeypatch):
    monkeypatch.setattr(page, "MOST_CARDS", 1)
    app = open_page("library", layout="cards")
    assert [card["name"] for card in component(app, "cards")["cards"]] == ["tiny"]
    press(app, "Show 1 more")
    assert len(component(app, "cards")["cards"]) == 2


def test_rows_stand_under_their_task_unless_an_order_is_asked_for(store, open_page):
    table = component(open_page("library"), "table")
    assert [(g["title"], g["rows"]) for g in table["groups"]] == [
        ("own", 1), ("Nulls", 1), ("Cannot be opened", 1)
    ]  # fmt: skip
    assert [row["name"] for row in table["rows"]] == ["tiny", "null", "damaged"]
    assert component(open_page("library", sort="newest"), "table")["groups"] == []


def test_filters_go_into_the_link_and_come_from_it(store, open_page):
    app = open_page("library", dictionary="own", verdict="holds")
    assert [row["name"] for row in component(app, "table")["rows"]] == ["tiny"]
    app.selectbox(key="shelf-verdict").set_value("").run()
    app.selectbox(key="shelf-task").set_value("Nulls").run()
    assert app.query_params["task"] in ("Nulls", ["Nulls"])
    assert [row["name"] for row in component(app, "table")["rows"]] == ["null"]


def test_cards_show_every_sound_circuit(store, open_page):
    app = open_page("library", layout="cards")
    assert {card["name"] for card in component(app, "cards")["cards"]} == {"tiny", "null"}
    assert [row["name"] for row in component(app, "table")["rows"]] == ["damaged"]


def test_a_run_is_a_job_and_its_end_is_shown(store, open_page, monkeypatch):
    monkeypatch.setattr(starting, "ENTRY", "tests.explorer.work:count")
    job = resources.jobs().start_here("run", "Sums · tiny", {"to": 3}, work.count)
    for _ in range(200):
        if not resources.jobs().find(job).active:
            break
    app = open_page("library")
    assert "Sums · tiny" in html(app)
    assert not app.exception


def test_a_running_job_shows_its_stages_and_can_be_cancelled(store, open_page):
    desk = resources.jobs()
    job = desk.start_here("run", "Long", {}, work.wait, planned=("Wait", "write"))
    while not desk.find(job).steps:
        pass
    app = open_page("library")
    assert "Running" in html(app)
    assert "Report" in html(app)
    press(app, "Cancel")
    while desk.find(job).active:
        pass
    app.run()
    assert "was cancelled" in html(app)
    desk.forget(job)


def test_a_refused_run_says_why(store, open_page):
    desk = resources.jobs()
    job = desk.start_here("run", "Gate · tiny", {}, work.refuse)
    while desk.find(job).active:
        pass
    app = open_page("library")
    assert "The gate is 0.95." in html(app)
    press(app, "Dismiss")
    assert "The gate is 0.95." not in html(app)


def test_a_refusal_goes_when_the_next_run_starts(store, open_page, monkeypatch):
    monkeypatch.setattr(starting, "ENTRY", "tests.explorer.work:count")
    desk = resources.jobs()
    job = desk.start_here("run", "Gate · tiny", {}, work.refuse)
    while desk.find(job).active:
        pass
    app = press(open_page("library"), "Start run")
    assert "The gate is 0.95." not in html(app)
    assert job not in [known.id for known in desk.list()]
    for known in desk.list():
        desk.cancel(known.id)


def test_the_form_names_a_model_of_ones_own_and_asks_for_its_task(store, open_page, monkeypatch):
    own = {"model": "/models/my-gpt2", "task": "", "transcoders": ""}
    for module in (starting, form):
        monkeypatch.setattr(module, "chosen", lambda: own)
    app = open_page("library")
    boxes = {box.label: box for box in app.selectbox}
    assert boxes["Model"].options == ["my-gpt2"]
    assert boxes["Task"].value is None
    assert "Own model…" in [button.label for button in app.button]


def test_the_form_offers_the_models_made_for_its_task_and_others_with_a_word(store, open_page):
    app = open_page("library")
    app.selectbox(key="run-task").set_value("coreference").run()
    box = next(box for box in app.selectbox if box.label == "Model")
    assert any(name.startswith("gpt2-coref · 3 layers of 64") for name in box.options)
    assert all("-coref" in name for name in box.options)
    app.checkbox(key="run-others").set_value(True).run()
    box = next(box for box in app.selectbox if box.label == "Model")
    assert "gpt2-modadd · made for Modular addition" in box.options
    assert "was made for" not in html(app)
    box.set_value("gpt2-modadd").run()
    assert "gpt2-modadd was made for Modular addition" in html(app)


def test_options_reach_the_run(store, open_page, monkeypatch):
    monkeypatch.setattr(starting, "ENTRY", "tests.explorer.work:wait")
    app = open_page("library")
    app.selectbox(key="run-guide").set_value("gnn")
    app.text_input(key="run-name").set_value("my sums")
    app.selectbox(key="run-attention").set_value("circuit").run()
    press(app, "Start run")
    (job,) = [job for job in resources.jobs().list() if job.active]
    names = ("guide", "attention", "max_size", "seed", "name")
    chosen = {name: job.settings[name] for name in names}
    resources.jobs().cancel(job.id)
    assert chosen == {
        "guide": "gnn", "attention": "circuit", "max_size": 347, "seed": 0, "name": "my sums"
    }  # fmt: skip
    assert job.title == f"my sums · {job.settings['model']} · heads counted"


def test_a_hub_id_is_left_to_the_run_to_look_for():
    starting.check({"model": "openai-community/gpt2", "task": "t", "transcoders": None})


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"model": ""}, "No model was chosen"),
        ({"model": "/no/such/folder"}, "The model was not found"),
        ({"task": "/no/such/file.jsonl"}, "a file on this computer"),
        ({"transcoders": "./nowhere"}, "transcoders was not found"),
    ],
)
def test_what_can_be_seen_to_be_wrong_is_refused_at_once(changed, match):
    settings = {"model": "a", "task": "b", "transcoders": None} | changed
    with pytest.raises(SettingsError, match=match):
        starting.check(settings)


def test_stages_to_come_are_listed_after_those_that_ran(store):
    desk = resources.jobs()
    job = desk.start_here("run", "x", {"to": 2}, work.count, planned=("Count", "Rest", "write"))
    while desk.find(job).active:
        pass
    stages = stages_of(desk.find(job))
    assert [(s.name, s.state) for s in stages] == [
        ("Count", "done"),
        ("Rest", "done"),
        ("Report", "waiting"),
    ]
    desk.forget(job)


def test_a_stage_that_was_in_the_store_is_not_left_waiting():
    step = Step(name="validate", done=1, total=4, note="", seconds=2.0)
    first = replace(step, name="prepare", done=1, total=1)
    job = Job(
        id="x", kind="run", title="x", settings={}, created=0.0, state="running",
        steps=(first, step), planned=tuple(STAGES), result={}, error="", crash="",
        finished=None,
    )  # fmt: skip
    shown = stages_of(job)
    assert [s.name for s in shown] == list(STAGES.values())
    assert [s.state for s in shown] == ["done"] * 6 + ["running", "waiting"]
    assert [s.note for s in shown[1:6]] == ["reused"] * 5


def test_what_could_not_be_computed_is_a_dash():
    found = {
        "faithfulness": None, "faithfulness_ci": [None, None], "phi": 1.0, "phi_empty": 1.6,
        "random": {"p_value": 1.0}, "curve": [{"size": 0, "faithfulness": None}],
    }  # fmt: skip
    head = BundleInfo(
        path=Path("n"), name="n", task="t", model="m", verdict="rejected", validation=found
    )
    row = shelf([head], {})[0]
    for data in (gallery.row_data(row, ""), gallery.card_data(row, "", [], (1, 1))):
        assert (data["f"], data["pm"], data["phi"], data["phiEmpty"]) == ("–", "", "–", "–")
        assert data["curve"]["line"] == []


def test_bundled_nulls_show_what_their_files_say():
    heads = [head for head in list_bundles(CIRCUITS) if head.path.name.startswith("null-")]
    assert heads
    for row, head in zip(shelf(heads, {}), heads, strict=True):
        known = head.validation["faithfulness"] is not None
        assert (gallery.row_data(row, "")["f"] != "–") is known


def test_a_null_that_fails_is_as_calm_as_a_refused_one_and_keeps_its_word():
    infos = [info for info in list_bundles(CIRCUITS) if info.name == "null-shuffled-gpt2"]
    (row,) = shelf(infos, {})
    shown = gallery.row_data(row, "")
    assert row.verdict == "does_not_hold"
    assert (shown["verdict"], shown["tone"]) == ("Does not hold, as expected", "idle")
    assert shown["task"] == "Null: shuffled features"
    assert len(shown["title"]) > len(shown["task"])


def test_another_seed_is_shown_and_an_own_task_is_called_by_its_folder(tmp_path):
    def head(seed: int) -> BundleInfo:
        return BundleInfo(
            path=tmp_path / "store" / "results" / f"x{seed}",
            name=f"x{seed}",
            model="../../../m",
            task="../../../blue-sky/task.jsonl",
            verdict="holds",
            provenance={"settings": {"seed": seed}},
        )

    first, second = shelf([head(0), head(3)], {})
    assert (first.tag, second.tag) == ("", "seed 3")
    assert first.section == second.section == "blue sky"


@pytest.mark.parametrize(
    ("title", "section"),
    [
        ("Who <b>was</b> given it", "Who <b>was</b> given it"),
        ("Sorting", "Sorting (blue-sky)"),  # a bundled task's section is not joined
        ("Nulls", "Nulls (blue-sky)"),
        ("", "blue sky"),
    ],
)
def test_an_own_task_is_called_what_it_calls_itself(tmp_path, title, section):
    task = tmp_path / "blue-sky" / "task.jsonl"
    task.parent.mkdir()
    task.write_text(json.dumps({"title": title, "clean": "a"}) + "\n", "utf-8")
    info = BundleInfo(
        path=tmp_path / "store" / "results" / "x",
        name="x",
        model="m",
        task="../../../blue-sky/task.jsonl",
        verdict="holds",
    )
    (row,) = shelf([info], {"sorting": "Sorting"})
    assert row.section == section


def test_own_circuits_come_first_and_bundled_ones_in_a_fixed_order():
    bundled = list_bundles(CIRCUITS)
    own = [replace(info, path=Path(info.name)) for info in bundled[:2]]
    names = [info.name for info in in_order([*bundled, *own])]
    assert names[:2] == [info.name for info in own]
    assert names == [info.name for info in in_order([*reversed(bundled), *own])]
    assert next(info.verdict for info in bundled if info.name == names[2]) == "holds"
    assert all(name.startswith("null-") for name in names[-4:])


def test_a_copy_of_a_bundled_circuit_leaves_it_its_name(store, monkeypatch, tmp_path):
    shutil.copytree(store / "results" / "tiny", tmp_path / "came" / "tiny")
    monkeypatch.setattr(circuits, "CIRCUITS", tmp_path / "came")
    st.cache_resource.clear()
    found = {info.name: resources.is_bundled(info) for info in resources.library()}
    assert (found["tiny"], found["tiny~2"]) == (True, False)
    tags = {row.name: row.tag for row in shelf(resources.library(), {})}
    assert (tags["tiny"], tags["tiny~2"]) == ("bundled", "imported 2")


def test_a_long_refusal_is_folded_between_what_was_wrong_and_what_to_do():
    text = "\n".join(["Bad.", *(f"line {i} <b>" for i in range(40)), "Correct them."])
    shown = notices.folded_html(text)
    open_part = shown.partition("<details")[0] + shown.partition("</details>")[2]
    assert open_part.count("<p>") == notices.HEAD + 1
    assert "Bad." in open_part
    assert "Correct them." in open_part
    assert shown.count("<p>") == 42
    assert "<summary>Details, 39 more lines" in shown
    assert "<b>" not in shown
    assert "details" not in notices.folded_html("one\ntwo")
    lengthy = notices.folded_html("Bad.\nline 1\nline 2\n" + "Each line must. " * 30)
    assert lengthy.partition("<details")[0].count("<p>") == notices.HEAD
    assert lengthy.endswith("</details>")


def test_a_narrow_table_cuts_task_and_model_before_the_verdict():
    narrow = (gallery.HERE / "gallery.css").read_text("utf-8").partition("@container")[2]
    assert "td.task, td.model { max-width: 0; }" in narrow
    assert ".verdicts" not in narrow


def test_the_library_is_read_again_when_a_circuit_appears(store, tmp_path):
    assert len(resources.library()) == 3
    new = store / "results" / "another"
    new.mkdir()
    (new / "circuit.json").write_text("{")
    try:
        assert len(resources.library()) == 4
    finally:
        (new / "circuit.json").unlink()
        new.rmdir()
        st.cache_resource.clear()
