"""The page: nothing from outside, nothing unescaped, ticks apart, figures with their controls."""

import hashlib
import json
import re
from base64 import b64encode

import pytest

from core.report import Card, Context, report_html
from core.report.curve import BETWEEN, Scale, curve
from core.report.network import network_data, script_json
from core.report.origin import command
from core.report.scores import claim, figures, scores
from core.verdicts import points_of
from tests.core.test_bundle import bundle
from tests.explorer.validation.sections import short_of

EVIL = "</script><img src=x onerror=alert(1)>"


def page(**changes) -> str:
    made = bundle(**changes)
    context = Context(name="top", tokens=(EVIL, "b"), tint=(1.0, 0.0), value=2.0, answer=EVIL)
    card = Card(
        node="0:2:5",
        label=EVIL,
        role="=",
        rate=0.5,
        contexts=(context,),
        promoted=((EVIL, 1.0),),
        suppressed=(),
    )
    return report_html(
        title=made.title,
        circuit=made.circuit,
        graph=made.graph,
        validation=made.validation,
        provenance=made.provenance,
        labels=made.labels,
        hierarchy=made.hierarchy,
        roles=(EVIL,),
        cards=(card,),
    )


def test_no_text_becomes_markup():
    text = page(title=EVIL, labels={"0:2:5": EVIL, "A": EVIL})
    assert "<img" not in text
    assert text.count("</script>") == 2  # the data's and the script's own


def test_the_policy_allows_the_script_and_the_style_of_the_page_and_no_more():
    text = page()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    for tag in ("style", "script"):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        assert inside is not None
        digest = b64encode(hashlib.sha256(inside[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]
    assert policy[1].startswith("default-src 'none'")
    assert " style=" not in text
    assert not re.search(r"<[a-z][^>]*\son\w+=", text)


def test_data_names_every_node_and_edge_of_the_circuit():
    made = bundle()
    data = network_data(made.circuit, made.graph, made.hierarchy, made.labels, ("a",), ())
    assert data["ids"] == ["tok:1", "0:2:5", "1:2:7", "0:1:3", "out:9"]
    graph = made.graph
    edges = zip(*graph.edge_index.tolist(), graph.direct_effect.tolist(), strict=True)
    unit = data["edges"]["unit"]
    assert unpacked(data["edges"]) == [
        (s, t, pytest.approx(w, abs=unit)) for s, t, w in sorted(edges)
    ]
    assert [data["ids"][n] for n in data["order"]] == ["0:2:5", "0:1:3", "1:2:7"]
    assert json.loads(script_json({"x": EVIL})) == {"x": EVIL}
    assert "<" not in script_json({"x": EVIL})


def unpacked(packed: dict) -> list[tuple[int, int, float]]:
    """Source, target and effect of each edge, the slow way."""
    found, rest = [], list(zip(packed["step"], packed["effect"], strict=True))
    for source, count in enumerate(packed["count"]):
        target = 0
        for _ in range(count):
            step, effect = rest.pop(0)
            target += step
            found.append((source, target, effect * packed["unit"]))
    assert not rest
    return found


def test_ticks_never_touch():
    sizes = [0, 1, 2, 3, 5, 10, 15, 20, 25, 30, 40, 49, 57, 75, 100, 120, 512, 3401]
    scale = Scale(points_of([{"size": s, "faithfulness": 0.5} for s in sizes]))
    places = [scale.x(size) for size in scale.ticks()]
    gaps = [b - a for a, b in zip(places, places[1:], strict=False)]
    assert min(gaps) >= BETWEEN
    assert scale.ticks()[-1] == 3401


def test_the_band_follows_the_sizes_it_was_measured_at():
    rows = [{"size": s, "faithfulness": 0.5} for s in (1, 10, 100)]
    assert "band" not in curve({"curve": rows}, 10)
    banded = [row | {"random_low": 0.0, "random_high": row["size"] / 200} for row in rows]
    drawn = curve({"curve": banded}, 10)
    band = re.search(r'class="band" d="M([^"]*)Z"', drawn)
    assert band is not None
    upper = [float(point.split()[1]) for point in band[1].split("L")[:3]]
    assert upper[0] > upper[1] > upper[2]  # higher up where larger


@pytest.mark.parametrize("found", [{}, {"faithfulness": None, "random": None, "reasons": []}])
def test_what_was_not_measured_is_a_dash_not_a_claim(found):
    assert claim(found, 3) == ""
    assert "<b>–</b>" in scores(found)


def test_the_claim_stands_beside_its_control():
    words = claim(bundle().validation | {"n_prompts": 401, "necessity": 0.992}, 3)
    assert "3 nodes restore 97 % of the behaviour on 401 unseen prompts" in words
    assert "they take 99.2 % of it away" in words
    assert "best of 100 random circuits of the same shape restores 20 %" in words


def test_figures_have_a_true_minus_and_p_is_no_finer_than_its_draws():
    found = bundle().validation | {"reasons": ["F is -0.07, of 10-20 nodes"]}
    assert "F is −0.07, of 10-20 nodes" in claim(found, 3)
    for part in (figures, scores):
        told = part(found | {"random": {"n": 100, "p_value": 0.0099}})
        assert "&lt; 0.01" in told
        assert "0.0099" not in told


def test_a_reservation_stands_between_the_claim_and_the_reasons():
    text = page(validation=short_of(mean=["floor"]))
    line = "In part: with nothing kept, accuracy is already 0.56 under mean ablation."
    places = [text.index(part) for part in ('class="lead"', f'class="short">{line}', 'reasons">')]
    assert places == sorted(places)
    assert 'class="short"' not in page(validation=short_of("holds"))


def test_the_network_is_headed_once():
    text = page()
    assert text.count("<h2>Network") == 1
    assert "<h2>Circuit" not in text  # the trail below begins with that word


def test_the_command_makes_it_again():
    record = {
        "model": {"ref": "my models/m"},
        "task": {"ref": "sums"},
        "transcoders": {"ref": "assets/transcoders/m/topk"},
        "settings": {"size": 40, "draws": 100, "null": "none"},
        "seed": 2,
    }
    assert command(record) == (
        "hagd run --model 'my models/m' --task sums --transcoders topk --size 40 --seed 2 "
        "--out again"
    )
