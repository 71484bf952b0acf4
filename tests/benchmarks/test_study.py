"""The scaffold: one spelling of a pair, rows kept as they come, files whole or not at all."""

import json

import pytest
from study import Pair, Results, arguments, bundled_pairs, chosen, pair_named


def lines(found):
    return "".join(f"{name} {row}\n" for name, row in found["rows"].items())


def results(folder, **options):
    return Results(folder / "made" / "rows.json", lines, under="rows", **options)


def test_a_pair_is_spelled_model_and_kind():
    pair = pair_named("gpt2-parity/topk")
    assert pair == Pair("gpt2-parity", "parity", "topk")
    assert (pair.name, pair.lesson) == ("gpt2-parity/topk", "gpt2-parity.topk")


@pytest.mark.parametrize("name", ["gpt2-parity", "gpt2-parity.topk", "gpt3-parity/topk"])
def test_what_names_no_pair_is_refused(name):
    with pytest.raises(SystemExit, match=f"'{name}' is no pair: got .* Required: MODEL/KIND"):
        pair_named(name)


def test_bundled_pairs_have_their_own_names():
    names = [pair.name for pair in bundled_pairs()]
    assert "gpt2-modadd/nested" in names
    assert [pair_named(name) for name in names] == bundled_pairs() == sorted(bundled_pairs())


def test_names_are_chosen_by_patterns():
    names = ["b/nested", "a/nested", "a/topk"]
    assert chosen(names, None) == names
    assert chosen(names, ["a/*"]) == ["a/nested", "a/topk"]
    assert chosen(names, ["*/topk", "b/nested"]) == ["b/nested", "a/topk"]
    with pytest.raises(SystemExit, match=r"'c/\*' fits nothing. There is: b/nested, a/nested"):
        chosen(names, ["a/*", "c/*"])


def test_a_killed_study_goes_on_where_it_stopped(tmp_path):
    first = results(tmp_path, about={"command": "this"})
    for name in first.missing(["a", "b"]):
        first.put(name, 1)
        break
    second = results(tmp_path)
    assert second.found == {"command": "this", "rows": {"a": 1}}
    assert list(second.missing(["a", "b"])) == ["b"]
    assert list(second.missing(["a", "b"], again=True)) == ["a", "b"]
    second.put("b", "ü")
    assert second.out.with_suffix(".md").read_text("utf-8") == "a 1\nb ü\n"
    assert json.loads(second.out.read_text("utf-8")) == second.found
    assert {path.name for path in second.out.parent.iterdir()} == {"rows.json", "rows.md"}


def test_a_row_that_has_no_page_leaves_the_page_before_it(tmp_path):
    broken = results(tmp_path)
    broken.put("a", 1)
    broken.page = lambda found: str(1 / 0)
    with pytest.raises(ZeroDivisionError):
        broken.put("b", 2)
    assert broken.out.with_suffix(".md").read_text("utf-8") == "a 1\n"
    assert results(tmp_path).rows == {"a": 1, "b": 2}


def test_a_quick_look_neither_reads_nor_writes(tmp_path):
    results(tmp_path).put("a", 1)
    quick = results(tmp_path, kept=False)
    quick.put("b", 2)
    assert quick.rows == {"b": 2}
    assert results(tmp_path).rows == {"a": 1}


def test_help_is_the_docstring_as_it_is_written():
    parser = arguments("What.\n\n    a line of its own, 95 %\n", chooses="--pairs")
    assert "    a line of its own, 95 %\n" in parser.format_help()
    assert parser.parse_args(["--pairs", "a", "b"]).pairs == ["a", "b"]


def test_a_row_is_measured_again_when_what_it_is_of_has_changed(tmp_path):
    kept = results(tmp_path)
    kept.rows.update(same={"stamp": "1"}, other={"stamp": "1"}, gone={"stamp": "1"})
    stamps = {"same": "1", "other": "2", "new": "1"}
    assert list(kept.outdated(stamps, stamps)) == ["other", "new"]
    assert set(kept.rows) == {"same", "other"}
    assert list(kept.outdated(stamps, ["same"])) == []
    assert list(kept.outdated(stamps, ["same"], again=True)) == ["same"]
