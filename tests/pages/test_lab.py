"""The Lab: one line says what is changed, every figure answers it; nothing is lost."""

from dataclasses import replace

import pytest
import torch

from core.circuit import Attention, HeadNode
from core.errors import NodeError
from core.lab import Comparison, RandomTest, TaskEffect
from explorer.lab import results
from explorer.lab.changed_set import addable
from explorer.session import changes, comparisons, resources, testlog
from explorer.session.view import Changed, View
from tests.pages.conftest import chart, component, html, press


def test_an_empty_store_offers_the_library(empty_store, open_page):
    app = open_page("lab")
    assert not app.exception
    assert "No circuit to test yet" in html(app)


def test_without_a_change_model_and_circuit_are_shown(store, open_page):
    app = open_page("lab", circuit="tiny")
    assert not app.exception
    assert "nothing yet: click a node" in html(app)
    assert "Nothing ablated yet" in html(app)
    names = {trace.get("name") for trace in chart(app, "task-strip")["data"]}
    assert {"full model", "circuit"} <= names
    assert "changed" not in names


def effect() -> TaskEffect:
    """Of three prompts: the model right on all, the circuit on two, with the changes on one."""
    right = torch.tensor([[True, True, True], [True, True, False], [True, False, False]])
    chance = torch.tensor([[0.9, 0.8, 0.7], [0.6, 0.5, 0.4], [0.3, 0.2, 0.1]])
    return TaskEffect(
        full=chance[0], circuit=chance[1], changed=chance[2], correct=right, accuracy_full=1.0,
        accuracy_circuit=0.95, accuracy_changed=0.86, faithfulness_full=1.0,
        faithfulness_circuit=0.85, faithfulness=0.73, chance=0.1,
    )  # fmt: skip


def test_what_is_changed_inside_the_model_is_held_against_the_model():
    changed = View(changes=(Changed("A3"),), inside="model")
    assert "F 1.00 → " in results._scores(changed, effect())
    assert "right 100% → " in results._scores(changed, effect())
    inside = replace(changed, inside="circuit")
    assert "F 0.85 → " in results._scores(inside, effect())
    assert "right 95% → " in results._scores(inside, effect())
    assert "full model F " in results._scores(replace(changed, changes=()), effect())


def test_the_random_row_alone_has_fewer_prompts_and_says_how_many():
    changed = View(changes=(Changed("A1"),))
    random = replace(finished(), prompts=torch.tensor([0, 2]))
    rows = results.strip(changed, effect(), random)
    assert [row.series for row in rows] == ["full", "circuit", "random", "ablated"]
    assert [len(row.values) for row in rows] == [3, 3, 2, 3]
    assert (rows[2].label, rows[2].prompts) == ("random, 2 of them", [0, 2])
    alone = results.strip(changed, effect(), None)
    assert [(row.prompts, len(row.values)) for row in alone] == [(None, 3)] * 3


def test_a_link_with_changes_shows_what_they_do(store, open_page):
    app = open_page("lab", circuit="tiny", set="A,L0H1@4*0.5", how="mean", prompt="2")
    assert not app.exception
    bars = chart(app, "prompt-bars")["data"]
    assert [bar["name"] for bar in bars] == ["full", "circuit", "changed"]
    names = {trace.get("name") for trace in chart(app, "task-strip")["data"]}
    assert "changed" in names
    labels = [button.label for button in app.button]
    assert any("**A**" in label and label.endswith("✕") for label in labels)
    assert any("× 0.5" in label for label in labels)


def test_the_page_shows_what_the_lab_answers(store, open_page):
    app = open_page("lab", circuit="tiny", set="A")
    lab, bundle = resources.lab("tiny"), resources.bundle("tiny")
    view = View(changes=(Changed("A"),))
    found = lab.predict(0, changes.expand(bundle, view.changes), changes.settings_of(view))
    assert f'data-changed="{found.changed.p_answer:.6g}"' in html(app)
    assert f'data-full="{found.full.p_answer:.6g}"' in html(app)


def test_a_chip_takes_its_change_back_and_undo_brings_it_again(store, open_page):
    app = open_page("lab", circuit="tiny", set="A")
    chip = next(button.label for button in app.button if "**A**" in button.label)
    press(app, chip)
    assert "set" not in app.query_params
    press(app, "Undo `Z`")
    assert app.query_params["set"] in ("A", ["A"])


def test_clear_all_and_add(store, open_page):
    app = open_page("lab", circuit="tiny", set="A,B")
    press(app, "Clear all")
    assert "nothing yet: click a node" in html(app)
    app.multiselect(key="add-ids").set_value(["A1", "L0H2"]).run()
    press(app, "Add")
    assert app.query_params["set"] in ("A1,L0H2", ["A1,L0H2"])


def test_a_node_that_does_not_exist_is_refused_when_typed(store, open_page):
    app = open_page("lab", circuit="tiny")
    app.multiselect(key="add-ids").set_value(["Q7"]).run()
    press(app, "Add")
    assert "Not in this circuit: Q7" in html(app)
    assert "set" not in app.query_params


def test_unknown_ids_of_a_link_are_dropped(store, open_page):
    app = open_page("lab", circuit="tiny", set="A,Q7,0:4:999999")
    assert not app.exception
    assert [b.label for b in app.button if "**A**" in b.label]
    assert not [b.label for b in app.button if "Q7" in b.label]


def test_a_prompt_beyond_the_last_falls_back_to_the_first(store, open_page):
    app = open_page("lab", circuit="tiny", prompt="9999")
    assert not app.exception
    assert app.selectbox(key="lab-prompt").value == 0


def test_a_circuit_that_is_not_there_is_a_message(store, open_page):
    app = open_page("lab", circuit="nowhere")
    assert not app.exception
    assert "There is no circuit called" in html(app)


def test_a_damaged_circuit_is_a_message(store, open_page):
    app = open_page("lab", circuit="damaged")
    assert not app.exception
    assert "provenance.json is damaged" in html(app)


def test_each_test_is_logged_once_and_can_be_reopened(store, open_page):
    before = len(resources.tests().of(resources.bundle("tiny")))
    app = open_page("lab", circuit="tiny", set="B1", how="zero")
    app.run()
    tests = resources.tests().of(resources.bundle("tiny"))
    assert len(tests) == before + 1
    line = component(app, "testlog")["tests"][0]
    assert line["title"] == "B1 ablated"
    assert line["open"] is True


def test_the_log_survives_a_restart(store, open_page):
    open_page("lab", circuit="tiny", set="B2", how="zero")
    again = testlog.TestLog(store=resources.store()).of(resources.bundle("tiny"))
    assert any(test.changes == (Changed("B2"),) and test.how == "zero" for test in again)
    table = testlog.to_csv(again).splitlines()
    assert table[0].startswith("time,changes,nodes,how")
    assert len(table) == len(again) + 1


def finished():
    """A comparison of A1 whose figures can be computed (those of a random model cannot)."""
    need, suffice = (
        Comparison(
            value=value, random=torch.tensor(random), p_value=p, claim=claim, matched=matched
        )
        for value, random, p, claim, matched in (
            (0.58, [0.05, 0.12], 0.004, "shown", 1.0),
            (0.06, [0.05, 0.08], 0.66, "not shown", 0.05),
        )
    )
    return RandomTest(
        size=3, draws=8, n_prompts=2, necessity=need, sufficiency=suffice,
        overlap=0.0, prompts=torch.arange(2), random_p_answer=torch.zeros(2),
        verdict="Necessary, not sufficient.", sentence="Necessary, not sufficient. It is.",
    )  # fmt: skip


@pytest.fixture
def compared(store, open_page, monkeypatch):
    """A Lab page on which A1 has been compared with random selections."""
    monkeypatch.setattr("explorer.lab.running.DRAWS", 8)
    view = View(changes=(Changed("A1"),))
    resources.tests().compare(resources.bundle("tiny"), view, finished())
    return open_page("lab", circuit="tiny", set="A1")


def test_a_comparison_with_random_selections_is_kept(store, open_page, monkeypatch):
    monkeypatch.setattr("explorer.lab.running.DRAWS", 9)
    app = open_page("lab", circuit="tiny", set="A2")
    press(app, "Compare with 9 random selections")
    while any(job.active for job in resources.jobs().list()):
        pass
    app = open_page("lab", circuit="tiny", set="A2")
    assert not app.exception
    assert "Necessity" in html(app)
    bundle = resources.bundle("tiny")
    key = testlog.random_key(bundle, View(changes=(Changed("A2"),)), 9)
    found = comparisons.stored(resources.store(), key)
    assert (found.draws, len(found.necessity.random)) == (9, 9)
    again = testlog.TestLog(store=resources.store()).of(bundle)
    assert key in [test.compared.key for test in again if test.compared]


def test_the_log_shows_each_score_beside_its_control(compared):
    tests = component(compared, "testlog")["tests"]
    (line,) = [test["compared"] for test in tests if test["title"] == "A1 ablated"]
    assert line["verdict"] == "Necessary, not sufficient"
    assert line["rows"] == [
        ["necessity", "0.58", "0.12", "p < 0.01"],
        ["sufficiency", "0.06", "0.08", "p = 0.66"],
    ]
    assert "<b>Necessity 0.58</b>" in html(compared)
    assert "random at most 0.12" in html(compared)


def test_the_heading_says_how_many_draws_were_matched(compared):
    assert "8 draws, 100% and 5% matched</span>" in html(compared)


def test_the_dots_stay_when_random_selections_come_on_fewer_prompts(compared):
    many = len(resources.lab("tiny").prompts)
    drawn = chart(compared, "task-strip")["data"]
    dots = {trace["name"]: len(trace["customdata"]) for trace in drawn if trace.get("name")}
    assert dots.pop("random, 2 of them") == 2
    assert set(dots.values()) == {many}
    assert f"a dot for each of {many} unseen prompts" in html(compared)


def test_the_comparison_says_in_which_setting_it_was_taken(compared):
    assert "ablated nodes and everything outside it go to the corrupt prompt" in html(compared)
    assert "attention is recomputed live" in html(compared)


def test_a_result_of_other_settings_stays_and_says_so(compared):
    compared.segmented_control(key="lab-how").set_value("zero").run()
    assert not compared.exception
    assert "Below is this set with other settings" in html(compared)
    assert "to resample, errors ablated, inside circuit" in html(compared)
    assert "Necessity" in html(compared)
    press(compared, "Open that test")
    assert "how" not in compared.query_params
    assert "Below is this set" not in html(compared)
    press(compared, "Clear all")
    assert "Below is another test: <b>A1 ablated</b>" in html(compared)
    assert "Compare what is set" not in [button.label for button in compared.button]


def undo_button(app):
    return next(button for button in app.button if button.key == "lab-undo")


def test_undo_is_on_only_where_there_is_something_to_take_back(store, open_page):
    app = open_page("lab", circuit="tiny")
    assert undo_button(app).disabled
    (offer,) = [button.label for button in app.button if button.key == "ablate-strongest"]
    press(app, offer)
    assert offer == f"Ablate {app.query_params['set'][0]}, the strongest supernode"
    assert not undo_button(app).disabled
    app.query_params.clear()
    app.query_params["circuit"] = ["null"]
    app.run()
    assert undo_button(app).disabled  # that step was another circuit's


def test_scaled_nodes_are_not_called_ablated(store, open_page):
    app = open_page("lab", circuit="tiny", set="A*0.5")
    names = {trace.get("name") for trace in chart(app, "task-strip")["data"]}
    assert "scaled" in names
    assert not names & {"ablated", "changed"}
    (open_now,) = [test for test in component(app, "testlog")["tests"] if test["open"]]
    assert open_now["title"] == "A scaled × 0.5"
    assert "Scaled nodes are not compared" in html(app)
    many = len(changes.members(resources.bundle("tiny"), "A"))
    one = changes.members(resources.bundle("tiny"), "B")[0]
    app = open_page("lab", circuit="tiny", set=f"A,{one}*0.5")
    assert f">{many} ablated · 1 scaled</span>" in html(app)


def test_a_chip_keeps_name_and_count_apart(store, open_page):
    app = open_page("lab", circuit="tiny", set="A")
    many = len(changes.members(resources.bundle("tiny"), "A"))
    (chip,) = [button for button in app.button if button.key == "drop-A"]
    assert chip.label == f"**A** first \\<i\\>half\\</i\\> *{many} nodes* ✕"


def test_a_supernode_is_its_leaves_and_the_inner_choice_wins(store):
    bundle = resources.bundle("tiny")
    a, a1 = (set(changes.members(bundle, name)) for name in ("A", "A1"))
    found = changes.expand(bundle, (Changed("A1", 1.0), Changed("A")))
    assert {c.node for c in found} == a - a1
    one = sorted(a1)[0]
    found = changes.expand(bundle, (Changed(one, 0.5), Changed("A")))
    assert {c.node: c.scale for c in found}[one] == 0.5
    assert len(found) == len(a)


def test_a_head_on_top_of_its_supernode_counts_once(store):
    bundle = resources.bundle("tiny")
    nodes = (*bundle.circuit.nodes[:-2], HeadNode(0, 1, 4), HeadNode(0, 1, 3))
    circuit = replace(bundle.circuit, nodes=nodes, attention=Attention.CIRCUIT)
    heads = replace(bundle, circuit=circuit)
    holder = heads.hierarchy.name[int(heads.hierarchy.terminal_of()[len(nodes) - 1])]
    found = changes.expand(heads, (Changed("L0H1"), Changed(holder)))
    assert [c.node for c in found if c.node.startswith("L0H1")] == ["L0H1"]
    apart = changes.expand(heads, (Changed("L0H1@4", 0.5), Changed("L0H1")))
    assert [(c.node, c.scale) for c in apart] == [("L0H1", 0.0), ("L0H1@4", 0.5)]


def test_what_can_be_added_is_found_by_name(store):
    bundle = resources.bundle("tiny")
    names = addable(bundle, 2)
    assert names["A"] == bundle.labels["A"]
    assert {"A1", "L0H0", "L1H1", str(bundle.circuit.nodes[0])} <= set(names)


def test_words_for_a_changed_set():
    set_ = (Changed("A"), Changed("L0H1"), Changed("0:4:2", 0.5), Changed("A1", 1.0))
    words = changes.sentence(set_)
    assert words == "A, L0H1 ablated, 0:4:2 scaled × 0.5, A1 restored"
    assert changes.sentence(()) == "nothing changed"


def test_typed_ids_need_at_least_one():
    assert changes.parse("A1, L0H2  A1", 0.5) == (Changed("A1", 0.5), Changed("L0H2", 0.5))
    with pytest.raises(NodeError, match="No node was given"):
        changes.parse(" , ", 0)


def test_putting_several_is_what_the_keys_do(store):
    """As `canvas/store.js`: what a supernode says is not said again, and can be undone inside."""
    bundle = resources.bundle("tiny")
    whole = changes.put(bundle, (), ("A1", "B"), 0.0)
    assert whole == (Changed("A1"), Changed("B"))
    assert changes.put(bundle, whole, ("A1", "B"), 0.0) == ()
    assert changes.put(bundle, whole[:1], ("A1", "B"), 0.0) == whole
    outer = (Changed("A"),)
    assert changes.put(bundle, outer, ("A1",), 0.0) == (*outer, Changed("A1", 1.0))
    assert changes.put(bundle, outer, ("A1", "B"), 0.0) == (*outer, Changed("B"))
    leaf = str(bundle.circuit.nodes[bundle.hierarchy.members(bundle.hierarchy.find("A1"))[0]])
    assert changes.held(bundle, outer, leaf) == 0.0
    assert changes.held(bundle, (*outer, Changed("A1", 1.0)), leaf) == 1.0
    assert changes.held(bundle, outer, "L0H1") == 1.0


def test_toggling_twice_changes_nothing():
    once = changes.toggled((), "A")
    assert changes.toggled(once, "A") == ()
    assert changes.toggled(once, "A", 0.5) == (Changed("A", 0.5),)
