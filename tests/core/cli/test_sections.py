"""What `hagd run` says of the further sections of a validation: one line each."""

from core.cli.findings import report_text, section_lines
from core.cli.output import emit
from core.predictions import close, register


def test_predictions_and_hypothesis_tests_take_one_line_each(capsys) -> None:
    report = {
        "predictions": {"sentence": "Of 16 supernodes [B] the task graph predicted …"},
        "shi": {"sentence": "Shi et al.: equivalence failed (p 0.0100)."},
        "verdict": "holds", "out": "x",
    }  # fmt: skip
    emit(report, False, lambda: report_text(report))
    lines = capsys.readouterr().out.splitlines()
    assert "- Of 16 supernodes [B] the task graph predicted …" in lines
    assert "- Shi et al.: equivalence failed (p 0.0100)." in lines


def test_a_record_of_predictions_is_told_to_be_unchanged_or_changed() -> None:
    section = close(register({"expected": {"graph": [1.0]}}), {"mean": [0.9]}) | {"scores": {}}
    (kept,) = section_lines({"predictions": section})
    assert "before the test" in kept
    (changed,) = section_lines({"predictions": section | {"expected": {"graph": [0.9]}}})
    assert "were changed" in changed


def test_a_bundle_of_before_or_a_skipped_section_takes_none() -> None:
    assert section_lines({}) == []
    assert section_lines({"predictions": {"skipped": "why"}, "shi": None}) == []
