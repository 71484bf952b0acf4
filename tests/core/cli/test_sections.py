"""What `hagd run` says of the further sections of a validation: one line each."""

from core.cli.output import emit
from core.cli.run import report_text, section_lines


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


def test_a_bundle_of_before_or_a_skipped_section_takes_none() -> None:
    assert section_lines({}) == []
    assert section_lines({"predictions": {"skipped": "why"}, "shi": None}) == []
