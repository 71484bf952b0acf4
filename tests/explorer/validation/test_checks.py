"""Sections against circularity are shown where they are, and nothing is shown where not."""

from explorer.validation import checks
from tests.explorer.validation.sections import sections


def test_each_section_has_its_sentence_and_its_figures():
    found = {key: body for key, _, body in checks.panels(sections())}
    assert list(found) == ["predictions", "circularity", "shi"]
    assert "Of 4 supernodes &lt;3&gt; went" in found["predictions"]
    for part in ("scale 0.5, graph", "0.75", "0.50", "0.01", "0.0200"):
        assert part in found["predictions"]
    gap = "gap under resample 0.020 (0.000 to 0.040)"
    for part in ("searched on", "0.91", "0.92", "steering", "0.88", "0.10", gap):
        assert part in found["circularity"]
    tests = found["shi"]
    assert tests.count("hx-warn") == tests.count("hx-ok") == tests.count("hx-idle") == 1
    assert "0 of 12 removable" in tests
    assert "p 0.0030" in tests


def test_what_is_absent_or_of_another_shape_is_left_out():
    assert checks.panels({}) == []
    assert checks.panels({"predictions": [], "shi": {}}) == []
    odd = {"circularity": {"splits": 3, "families": {"x": 1}, "sentence": "Still said."}}
    assert [body for *_, body in checks.panels(odd)] == ['<p class="hv-said">Still said.</p>']
