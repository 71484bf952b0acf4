"""Sections against circularity are shown where they are, and nothing is shown where not."""

import pytest

from core.predictions import close, register
from explorer.validation import checks
from explorer.validation.predicted import predictions
from tests.explorer.validation.sections import sections


def _panels() -> dict[str, str]:
    return {key: body for key, _, body in checks.panels(sections())}


def test_a_prediction_stands_with_its_baselines_and_a_miss_is_marked():
    found = _panels()["predictions"]
    assert "What 4 supernodes do" in found
    assert "1 of 2 predictions" in found
    assert "Of 4 supernodes &lt;3&gt; went" in found
    assert found.count("hx-ok") == found.count("hx-warn") == 1
    for part in ("× 0.5, graph", "0.75", "0.88", "0.50", "0.01", "0.25", "0.0200"):
        assert part in found
    missed = found.partition("× 1.5, gradient")[2]
    for part in ("0.62", "−0.50", "0.03", "−3.00", "0.6000"):
        assert part in missed


@pytest.mark.parametrize(("r2", "shown"), [(-4686.16, "&lt; −10"), (-9.5, "−9.50"), (0.5, "0.50")])
def test_an_r2_far_below_nothing_is_no_figure(r2, shown):
    one = {"sign": 0.75, "spearman": 0.5, "r2": r2, "random": {"p_spearman": 0.2}}
    found = predictions({"supernodes": ["A"], "scores": {"scale_0.5": {"always": 1, "graph": one}}})
    assert f">{shown}</td>" in found


def test_a_record_says_that_it_is_as_registered_or_that_it_was_changed():
    scored = sections()["predictions"]
    known = {"supernodes": scored["supernodes"], "expected": {"scale_0.5": {"graph": [-1.0]}}}
    section = scored | close(register(known), {"scale_0.5": {"mean": [-1.0]}})
    found = predictions(section)
    assert f"before the test (hash {section['registered_hash'][:12]}), unchanged" in found
    assert "hv-lacking" not in found
    changed = predictions(section | {"expected": {"scale_0.5": {"graph": [-0.9]}}})
    assert '<p class="hv-lacking">The predictions or what was measured' in changed


def test_the_gap_between_splits_is_told_with_its_interval():
    found = _panels()["circularity"]
    gap = "0.020 under resample ablation (95 % 0.000 to 0.040), no advantage seen"
    for part in ("searched on", "0.91", "0.92", "steering", "0.88", "0.10", gap):
        assert part in found
    owed = {"gap": {"mean": {"labels_minus_test": 0.02, "interval": [0.01, 0.04]}}}
    assert "part of F is owed to them" in checks.circularity(owed, {})
    lost = {"gap": {"mean": {"labels_minus_test": None, "interval": [None, None]}}}
    assert "F on unseen ones is not measurable." in checks.circularity(lost, {})


def test_what_was_not_measured_has_no_row():
    families = {"families": {"mean": {"faithfulness": None}, "steering": {"faithfulness": -0.38}}}
    told = checks.circularity(families, {})
    assert "mean" not in told
    assert "−0.38" in told


def test_a_family_in_which_the_circuit_does_not_hold_has_no_tick():
    weak = {"families": {"zero": {"faithfulness": 0.55, "random_max": 0.2}}}
    assert "hx-ok" not in checks.circularity(weak, {})


def _on_fewer() -> tuple[dict, dict]:
    """A section on 128 prompts of each split, and the validation's own figures on 401."""
    one = {"split": "test", "error_regime": "ablated", "n_prompts": 401, "faithfulness": 0.986}
    zero = one | {"ablation": "zero", "faithfulness": 0.42}
    zero["random"] = {"faithfulness_max": 0.24, "n_prompts": 128}
    found = one | {"ablation": "resample", "other_regimes": [zero]}
    found["random"] = {"faithfulness_max": 0.58, "n_prompts": 401}
    section = {
        "prompts": {"labels": 128, "selection": 128, "test": 128},
        "splits": {"labels": {"resample": 0.95}, "test": {"resample": 0.931}},
        "families": {
            "resample": {"faithfulness": 0.931},
            "zero": {"faithfulness": 0.47},
            "steering": {"faithfulness": 0.88, "random_max": 0.1},
        },
    }
    return section, found


def test_a_second_f_of_the_circuit_says_on_how_many_prompts_it_stands():
    told = checks.circularity(*_on_fewer())
    splits, families = told.split("</table>")[:2]
    assert '<td class="">unseen</td><td class="n">128</td><td class="n">0.93</td>' in splits
    assert "The verdict's F, 0.99, is on all 401 unseen prompts." in families


def test_a_family_that_the_verdict_was_read_from_has_its_f_alone():
    section, found = _on_fewer()
    families = checks.circularity(section, found).split("</table>")[1]
    assert '<td class="n">401</td><td class="n">0.99</td><td class="n">0.58</td>' in families
    assert '<td class="n">401</td><td class="n">0.42</td><td class="n">0.24 ' in families
    assert "on 128 prompts</span>" in families  # the random ones of that regime
    assert '<td class="n">128</td><td class="n">0.88</td><td class="n">0.10</td>' in families
    assert "0.93" not in families
    assert "0.47" not in families


def test_the_same_prompts_need_no_word():
    section, found = _on_fewer()
    assert "The verdict's F" not in checks.circularity(section, found | {"n_prompts": 128})


def test_a_family_without_random_circuits_of_its_own_takes_those_of_its_regime():
    block = {"split": "test", "error_regime": "ablated", "random": {"faithfulness_max": 0.31}}
    found = block | {"ablation": "resample", "other_regimes": [block | {"ablation": "mean"}, 3]}
    families = {"families": {name: {"faithfulness": 0.9} for name in ("mean", "zero")}}
    told = checks.circularity(families, found)
    assert told.count("0.31") == 1
    assert told.count('<td class="n">–</td></tr>') == 1
    assert told.count("hx-ok") == 1
    no_better = {"families": {"steering": {"faithfulness": 1.0, "random_max": 1.0}}}
    assert "hx-warn" in checks.circularity(no_better, {})


def test_each_hypothesis_has_its_word():
    found = _panels()["shi"]
    assert "2 of 4 tests" in found
    for tone, many in (("warn", 1), ("ok", 2), ("idle", 1)):
        assert found.count(f"hx-{tone}") == many
    for part in (
        "failed, p 0.0030",
        "passed, 0 of 12 tried can go",
        "not testable",
        "above 100 % of random",
    ):
        assert part in found
    assert "p &lt; 0.0001" in found


def test_frequencies_stand_beside_those_of_shuffled_numbers():
    found = _panels()["fourier"]
    for part in ("&lt;sum&gt; modulo 59", "1, 3", "38 %", "6.4 %", "none"):
        assert part in found
    assert checks.fourier({"skipped": "No variable counts."}) == ""


def test_what_is_absent_or_of_another_shape_is_left_out():
    assert checks.panels({}) == []
    assert checks.panels({"predictions": [], "shi": {}}) == []
    odd = {"circularity": {"splits": 3, "families": {"x": 1}, "sentence": "Still said."}}
    assert [body for *_, body in checks.panels(odd)] == ['<p class="hv-said">Still said.</p>']


@pytest.mark.parametrize("key", ["predictions", "circularity", "shi", "fourier"])
def test_a_section_that_failed_says_so_and_why(key: str):
    ((name, _title, body),) = checks.panels(
        {key: {"failed": "IndexError: no <row> (shi.py, line 3)"}}
    )
    assert name == key
    assert "could not be measured: IndexError: no &lt;row&gt; (shi.py, line 3)" in body
