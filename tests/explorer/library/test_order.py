"""Search, filters, order and sections of the library's rows, by hand."""

from dataclasses import replace
from pathlib import Path

from core.assets import CIRCUITS
from core.bundle import BundleInfo, list_bundles
from explorer.library.gallery import row_data
from explorer.library.order import featured_of, pick, sections
from explorer.library.shelf import Row, shelf
from explorer.session.view import Shelf


def _row(name, verdict="holds", f=0.9, **changes) -> Row:
    fields = {
        "title": name, "task": "t", "model": "m", "nodes": 10, "half_width": 0.01, "phi": 0.9,
        "phi_empty": 0.0, "p_value": 0.01, "curve": {}, "created": "", "family": "GPT-2",
        "dictionary": "nested", "null": verdict == "rejected", "shown": ("Holds", "ok"),
    }  # fmt: skip
    return Row(name=name, verdict=verdict, faithfulness=f, **(fields | changes))


def _names(rows) -> list[str]:
    return [row.name for row in rows]


def test_rows_are_sorted_and_nulls_stay_below():
    rows = (_row("null", "rejected", f=1.0), _row("b", f=0.5, nodes=3), _row("a", f=0.9))
    assert _names(pick(rows, Shelf(sort="faithfulness"))) == ["a", "b", "null"]
    assert _names(pick(rows, Shelf(sort="nodes"))) == ["b", "a", "null"]
    assert _names(pick(rows, Shelf(search="NULL t"))) == ["null"]


def test_the_newest_come_first_when_asked_for():
    rows = (_row("old", created="2026-01-01"), _row("new", created="2026-02-01", f=0.1))
    assert _names(pick(rows, Shelf(sort="newest"))) == ["new", "old"]


def test_a_verdict_counts_before_f_and_f_before_size():
    part = _row("part", "holds_in_part", f=0.99)
    rows = (part, _row("large", nodes=90), _row("small", nodes=9), _row("best", f=0.95))
    assert _names(pick(rows, Shelf())) == ["best", "small", "large", "part"]


def test_every_filter_must_agree():
    rows = (_row("a"), _row("b", family="Llama"), _row("c", dictionary="topk"), _row("d", task="u"))
    assert _names(pick(rows, Shelf(family="Llama"))) == ["b"]
    assert _names(pick(rows, Shelf(dictionary="topk"))) == ["c"]
    assert _names(pick(rows, Shelf(task="u"))) == ["d"]
    assert _names(pick(rows, Shelf(task="t", family="GPT-2", dictionary="nested"))) == ["a"]
    assert _names(pick(rows, Shelf(search="llama T"))) == ["b"]


def test_sections_are_tasks_the_best_first_then_nulls_then_what_is_damaged():
    rows = [_row("bad", "", error="x"), _row("null", "rejected"), _row("part", "holds_in_part")]
    rows += [_row(f"u{i}", task="u", f=0.9 + i / 100) for i in range(5)]
    found = sections(pick(rows, Shelf()), Shelf())
    assert [part.title for part in found] == ["u", "t", "Nulls", "Cannot be opened"]
    assert _names(found[0].rows) == ["u4", "u3", "u2", "u1", "u0"]
    assert [part.folded for part in found] == [True, False, False, False]
    assert found[0].note == "5 of 5 hold · F 0.90–0.94"
    assert found[1].note == "1 circuit · F 0.90"


def test_own_circuits_come_first_unless_an_order_is_asked_for():
    rows = [_row("best"), _row("mine", f=0.5, called="mine"), _row("other", task="u", f=0.99)]
    rows += [_row("own null", "rejected", called="own null")]
    assert [part.title for part in sections(pick(rows, Shelf()), Shelf())] == ["t", "u", "Nulls"]
    assert _names(pick(rows, Shelf())) == ["mine", "other", "best", "own null"]
    assert _names(pick(rows, Shelf(sort="faithfulness")))[:3] == ["other", "best", "mine"]


def test_an_own_circuit_is_called_by_the_name_it_was_given():
    def called(title: str) -> str:
        info = BundleInfo(path=Path("n"), name="My-llama", title=title, model="/m/model")
        return shelf([info], {})[0].called

    assert called("My llama · model") == "My llama"
    assert called("own · model") == "My-llama"
    assert not any(row.called for row in shelf(list_bundles(CIRCUITS), {}))


def test_what_is_searched_for_is_never_folded_away():
    rows = [_row(f"u{i}", task="u") for i in range(5)]
    for wanted in (Shelf(search="u"), Shelf(task="u"), Shelf(dictionary="nested")):
        assert [part.folded for part in sections(pick(rows, wanted), wanted)] == [False]
    assert sections(rows, Shelf(sort="nodes")) == ()


def test_cards_for_a_first_visit_hold_and_differ():
    rows = (
        _row("again", f=0.8),
        _row("best", f=0.99),
        _row("other family", f=0.7, family="Llama"),
        _row("part", "holds_in_part", task="u"),
        _row("null", "rejected", task="v"),
        _row("bad", error="x"),
    )
    assert _names(featured_of(rows)) == ["best", "part", "other family"]


def test_circuits_on_other_dictionaries_and_with_heads_say_so():
    def tag(ref, **settings) -> str:
        made = {"transcoders": {"ref": ref}, "settings": settings}
        return shelf([BundleInfo(path=Path("n"), name="n", provenance=made)], {})[0].tag

    assert tag("assets/transcoders/m/nested") == ""
    assert tag("assets/transcoders/m/topk") == "topk"
    assert tag("neurons", attention="circuit") == "neurons · heads"
    assert tag("/my/own", attention="live") == ""
    shown = row_data(replace(_row("plain"), tag="topk"), "")
    assert (shown["task"], shown["tag"]) == ("t", "topk")


def test_an_own_circuit_is_of_the_family_that_its_models_config_names(tmp_path):
    """The record names the model as seen from the circuit's folder, not from where we run."""
    (tmp_path / "own" / "model").mkdir(parents=True)
    (tmp_path / "own" / "model" / "config.json").write_text('{"model_type": "llama"}')
    ref = "../../own/model"
    info = BundleInfo(
        path=tmp_path / "results" / "mine",
        name="mine",
        model=ref,
        provenance={"model": {"ref": ref}},
    )
    assert [row.family for row in shelf([info], {})] == ["Llama"]
