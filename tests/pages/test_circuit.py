"""The Circuit page: what a link opens, what a click changes, and what it says when it cannot."""

import re
import shutil
from dataclasses import replace
from html import escape

import pytest

from core.bundle import open_bundle, write_bundle
from core.interventions import Ablation
from core.lab import LabSettings
from explorer.circuit import page as circuit
from explorer.circuit.claim import trail_of
from explorer.inspector.parts import number, signed
from explorer.network.component import CanvasView, Change
from explorer.session import resources, state
from tests.pages.conftest import _use, component, html, press

CANVAS = "circuit-canvas"


def test_an_empty_store_offers_the_library(empty_store, open_page):
    app = open_page("circuit")
    assert not app.exception
    assert "No circuit yet" in html(app)


def test_the_best_circuit_opens_by_itself(store, open_page):
    app = open_page("circuit")
    assert not app.exception
    sent = component(app, CANVAS)
    kinds = {node["kind"] for node in sent["graph"]["nodes"]}
    assert {"supernode", "token", "logit"} <= kinds
    assert "Holds" in html(app)
    assert "0.97" in html(app)


def test_the_best_opens_though_another_that_holds_stands_before_it(
    tmp_path, written, monkeypatch, open_page
):
    copy = tmp_path / "store"
    shutil.copytree(written, copy)
    bundle = open_bundle(copy / "results" / "tiny")
    kept = {k: v for k, v in bundle.provenance.items() if k not in ("files", "schema")}
    found = {**bundle.validation, "faithfulness": 0.91}
    worse = replace(bundle, name="worse", validation=found, provenance=kept)
    write_bundle(worse, copy / "results" / "worse")
    _use(copy, monkeypatch, tmp_path)
    assert resources.library()[0].name == "worse"
    shown = html(open_page("circuit"))
    assert "circuit=tiny" in shown
    assert "circuit=worse" not in shown


def test_a_link_opens_the_same_level_selection_and_changes(store, open_page):
    app = open_page("circuit", circuit="tiny", open="A", select="A1", set="B,A2*0.5")
    assert not app.exception
    sent = component(app, CANVAS)
    assert sent["view"]["opened"] == ["A"]
    assert sent["view"]["selection"] == ["A1"]
    assert sent["view"]["changes"] == [{"node": "B", "scale": 0.0}, {"node": "A2", "scale": 0.5}]
    assert {frame["id"] for frame in sent["graph"]["frames"]} == {"A"}
    assert sent["bar"]["changed"] is not None


def test_unknown_ids_in_a_link_are_dropped(store, open_page):
    app = open_page("circuit", circuit="tiny", open="Z9", select="9:9:9", set="A")
    assert not app.exception
    view = component(app, CANVAS)["view"]
    assert view["opened"] == view["selection"] == []
    assert [change["node"] for change in view["changes"]] == ["A"]


def test_the_bar_has_the_labs_figures(store, open_page):
    app = open_page("circuit", circuit="tiny", set="A", prompt="3")
    bar = component(app, CANVAS)["bar"]
    lab = resources.lab("tiny")
    assert bar["answer"] == lab.prompts[3].answer.strip()
    nothing = lab.predict(3, ())
    assert bar["full"] == pytest.approx(nothing.full.p_answer, abs=1e-5)
    assert bar["circuit"] == pytest.approx(nothing.circuit.p_answer, abs=1e-5)


def test_the_overview_says_what_each_supernode_costs_as_its_own_panel_does(store, open_page):
    shown = html(open_page("circuit", circuit="tiny"))
    assert "F lost, all prompts" in shown
    for name in ("A", "B"):
        lost = number(resources.supernode_report("tiny", name).lost)
        entry = shown.partition(f">{name}</span>")[2].partition("</b>")[0]
        assert entry.endswith(f">{lost}")


def test_names_from_data_are_never_markup(store, open_page):
    app = open_page("circuit", circuit="tiny", select="A")
    shown = html(app)
    assert "<i>half</i>" not in shown
    assert "first &lt;i&gt;half&lt;/i&gt;" in shown


def test_a_supernode_tells_what_its_name_rests_on(store, open_page):
    shown = html(open_page("circuit", circuit="tiny", select="B"))
    about = resources.supernode_report("tiny", "B").about
    assert f'<h3 title="{escape(about)}">' in shown


def test_a_supernode_named_by_its_place_does_not_say_it_twice(store, open_page, monkeypatch):
    assert 'hx-clip">supernode</div>' not in html(open_page("circuit", circuit="tiny", select="B"))
    place = resources.supernode_report("tiny", "B").label
    monkeypatch.setattr("explorer.inspector.supernode.places", lambda scene, members: place)
    assert 'hx-clip">supernode</div>' in html(open_page("circuit", circuit="tiny", select="B"))


def test_ablating_in_the_inspector_changes_the_set(store, open_page):
    app = open_page("circuit", circuit="tiny", select="A")
    app = press(app, "Ablate `X`")
    assert not app.exception
    assert component(app, CANVAS)["view"]["changes"] == [{"node": "A", "scale": 0.0}]
    assert component(app, CANVAS)["view"]["rev"] == 1
    app = press(app, "Put back `X`")
    assert component(app, CANVAS)["view"]["changes"] == []


def test_the_inspectors_buttons_act_on_all_that_is_selected(store, open_page):
    app = open_page("circuit", circuit="tiny", select="A1,B")
    assert "2 selected" in html(app)
    assert "below: B, selected last" in html(app)
    app = press(app, "Ablate 2 `X`")
    both = [{"node": "A1", "scale": 0.0}, {"node": "B", "scale": 0.0}]
    assert component(app, CANVAS)["view"]["changes"] == both
    app = press(app, "× 0.5")
    assert [c["scale"] for c in component(app, CANVAS)["view"]["changes"]] == [0.5, 0.5]
    app = press(app, "× 0.5")
    assert component(app, CANVAS)["view"]["changes"] == []


def test_what_cannot_be_ablated_is_not_counted_among_what_the_buttons_change(store, open_page):
    token = next(n["id"] for n in _sent(open_page, "B")["graph"]["nodes"] if n["kind"] == "token")
    app = open_page("circuit", circuit="tiny", select=f"B,{token}")
    assert "2 selected" in html(app)
    app = press(app, "Ablate 1 `X`")
    assert component(app, CANVAS)["view"]["changes"] == [{"node": "B", "scale": 0.0}]


def _sent(open_page, selection):
    return component(open_page("circuit", circuit="tiny", select=selection), CANVAS)


def test_a_tooltip_says_once_what_was_lost(store, open_page):
    """Ablated and put back: the share of F lost is said once however often the page runs again."""
    app = open_page("circuit", circuit="tiny", set="B").run()
    del app.query_params["set"]
    for _ in range(3):
        app = app.run()
    assert component(app, CANVAS)["view"]["changes"] == []
    said = component(app, CANVAS)["effects"]["B"]
    assert said.count("of F lost") == 1
    assert said.startswith("P(")


def test_a_persons_label_is_kept(tmp_path, written, monkeypatch, open_page):
    copy = tmp_path / "store"
    shutil.copytree(written, copy)
    _use(copy, monkeypatch, tmp_path)
    app = open_page("circuit", circuit="tiny", select="B")
    next(field for field in app.text_input if field.label == "Label").set_value("my <half>")
    app = press(app, "Keep this label")
    assert not app.exception
    assert resources.bundle("tiny").labels["B"] == "my <half>"
    assert "my &lt;half&gt;" in html(app)


def test_a_breadcrumb_goes_up(store, open_page):
    app = open_page("circuit", circuit="tiny", open="A,A1")
    assert {frame["id"] for frame in component(app, CANVAS)["graph"]["frames"]} == {"A", "A1"}
    app = press(app, "Up `U`")
    assert component(app, CANVAS)["view"]["opened"] == ["A"]


@pytest.mark.parametrize("node", ["A", "L0H1@4", "e:0:4", "tok:2", "0:4:1"])
def test_every_kind_of_node_can_be_inspected(store, open_page, node):
    app = open_page("circuit", circuit="tiny", select=node)
    assert not app.exception
    assert "This part of the page failed" not in html(app)


def facts_of(app):
    """Numbers under the title, by their label."""
    found = re.findall(r'<div title="[^"]*"><b class="[^"]*">([^<]*)</b>([^<]*)</div>', html(app))
    return {label: value for value, label in found}


def test_a_features_direct_effect_is_what_the_network_says_of_it(store, open_page):
    app = open_page("circuit", circuit="tiny", open="A,A1", select="0:4:1")
    made = resources.scene("tiny", 0)
    nodes = {node["id"]: node for node in component(app, CANVAS)["graph"]["nodes"]}
    direct = float(made.direct[made.place("0:4:1")])
    assert facts_of(app)["direct effect"] == signed(direct)
    if "0:4:1" in nodes:
        assert nodes["0:4:1"]["effect"] == pytest.approx(direct, abs=1e-3)


@pytest.mark.parametrize("node", ["0:4:1", "L0H1@4"])
@pytest.mark.parametrize("how", ["mean", "zero"])
def test_what_ablating_does_follows_the_pages_settings(store, open_page, node, how):
    settings = {"how": how, "inside": "model"}
    shown = facts_of(open_page("circuit", circuit="tiny", select=node, **settings))
    found = resources.lab("tiny").single_effects(
        0, [node], LabSettings(how=Ablation(how), inside="model")
    )
    assert shown["ΔP if ablated"] == signed(found[node])


def test_a_failing_inspector_leaves_the_rest_of_the_page(store, open_page, monkeypatch):
    def fail(_):
        raise RuntimeError("torch.cat(): expected a non-empty list of Tensors")

    monkeypatch.setattr(circuit, "inspect", fail)
    app = open_page("circuit", circuit="tiny", select="A")
    assert not app.exception
    assert "This part of the page failed" in html(app)
    assert component(app, CANVAS)["view"]["selection"] == ["A"]


def test_a_feature_shows_contexts_density_and_a_closing_sum(store, open_page):
    feature = str(resources.bundle("tiny").circuit.nodes[0])
    app = open_page("circuit", circuit="tiny", select=feature)
    shown = html(app)
    for part in ("Where it fires", "Density", "Promotes, suppresses", "closes"):
        assert part in shown
    assert feature in shown


def test_an_unknown_circuit_is_refused_in_words(store, open_page):
    with pytest.raises(Exception, match="There is no circuit called"):
        resources.bundle("nothing")


def test_filters_narrow_the_network(store, open_page):
    full = component(open_page("circuit", circuit="tiny", min="0"), CANVAS)["graph"]
    few = component(open_page("circuit", circuit="tiny", min="0", sign="minus"), CANVAS)["graph"]
    assert 0 < len(few["edges"]) < len(full["edges"])
    assert all(edge["effect"] < 0 for edge in few["edges"])


def test_what_the_browser_says_becomes_the_view(monkeypatch):
    kept = {}
    monkeypatch.setattr(state, "update", lambda **fields: kept.update(fields))
    circuit.keep_view(CanvasView(changes=(Change("C3", 0.0),), selection=("C3",), opened=("C",)))
    assert kept == {
        "changes": (state.Changed("C3", 0.0),),
        "selection": ("C3",),
        "path": ("C",),
    }


def test_the_trail_runs_from_the_outermost_to_the_last_opened(store):
    bundle = resources.bundle("tiny")
    assert trail_of(bundle, ("A", "A1")) == ("A", "A1")
    assert trail_of(bundle, ("A", "B")) == ("B",)
    assert trail_of(bundle, ("nothing",)) == ()


def test_an_unknown_circuit_leads_to_the_library(store, open_page):
    app = open_page("circuit", circuit="<b>nope</b>")
    assert not app.exception
    assert "There is no circuit called &lt;b&gt;nope&lt;/b&gt; here" in html(app)
    assert [button.label for button in app.button] == ["Open the library"]


def test_a_smallest_effect_that_the_page_chose_says_so_and_a_fixed_one_can_be_let_go(
    store, open_page
):
    app = open_page("circuit", circuit="tiny")
    assert "<em>auto</em>" in html(app)
    fixed = open_page("circuit", circuit="tiny", min="0.5")
    assert "<em>auto</em>" not in html(fixed)
    fixed.button(key="circuit-least-auto").click().run()
    assert "min" not in fixed.query_params


def test_counts_say_what_stands_beside_the_circuit(store, open_page):
    app = open_page("circuit", circuit="tiny")
    own = len(resources.bundle("tiny").circuit.nodes)
    assert f'title="{own:,} nodes of the circuit, and in this prompt' in html(app)
    assert "beside the circuit" in html(app)
