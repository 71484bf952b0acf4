"""The Prompt page beside a circuit of one's own: its model, dictionary, prompts and names."""

from dataclasses import replace

import pytest

from core.tasks import Split, load_task
from explorer import memory
from explorer.prompt import follow
from explorer.session import resources, state
from explorer.session.view import Traced, View
from explorer.traces.naming import Namer, names_by
from tests.pages.conftest import html, press


@pytest.fixture
def own(written):
    """The folder with model, transcoders and task of one's own."""
    return written.parent / "own"


def _first(own) -> str:
    """The first test prompt of the own task."""
    return load_task(own / "task.jsonl").of(Split.TEST)[0].clean


def test_prompts_of_its_own_task_are_offered_and_traced_with_its_parts(store, open_page, own):
    text = _first(own)
    app = open_page("prompt", circuit="tiny")
    assert text in [button.label for button in app.button]
    assert app.selectbox(key=f"traced-model-{own / 'model'}").value == str(own / "model")
    press(app, text)
    assert not app.exception
    assert "This prompt was not traced" not in html(app)
    assert {"circuit", "text"} == set(app.query_params)  # nobody chose a model: the circuit's
    coders = app.selectbox(key=f"traced-transcoders-{own / 'coders'}")
    assert coders.value == str(own / "coders")
    assert "" not in coders.options  # it would be the circuit's dictionary again


def test_the_page_says_which_circuit_it_follows_and_links_to_it(store, open_page, own):
    shown = html(open_page("prompt", circuit="tiny", text=_first(own)))
    assert "Beside the circuit" in shown
    assert "./circuit?circuit=tiny" in shown
    assert "tiny &lt;b&gt;sums" in shown
    assert "not on this computer" not in shown
    assert "does not name these features" not in shown


def test_a_prompt_of_another_length_gets_no_names_of_the_circuit_and_a_reason(store, open_page):
    shown = html(open_page("prompt", circuit="tiny", text="<bos> w1 w2"))
    assert "It does not name these features: its prompts have 5 tokens and this one 3" in shown


def test_a_prompt_in_words_of_another_model_says_so(store, open_page):
    shown = html(open_page("prompt", circuit="tiny", text="<bos> 17 + 40 ="))
    assert "This prompt is read by gpt2-modadd instead." in shown


def test_a_circuit_whose_parts_are_gone_says_which(store, open_page, monkeypatch, own):
    whole = resources.beside
    monkeypatch.setattr(
        resources, "beside", lambda info: replace_parts(whole(info), "transcoders", "task")
    )
    monkeypatch.setattr(resources, "circuit_examples", lambda *_: ())
    app = open_page("prompt", circuit="tiny")
    assert not app.exception
    assert "Its dictionary and task file are not on this computer." in html(app)
    assert app.selectbox(key="traced-transcoders").value == ""


def replace_parts(found: resources.Beside, *gone: str) -> resources.Beside:
    """A circuit with parts that are not here."""
    return found._replace(**dict.fromkeys(gone, ""), lacking=gone)


def test_a_link_to_a_circuit_that_is_not_here_says_so(store, open_page):
    shown = html(open_page("prompt", circuit="no<b>where"))
    assert "There is no circuit called no&lt;b&gt;where here" in shown


@pytest.mark.parametrize("same", [True, False])
def test_what_was_traced_beside_another_circuit_goes_with_it(monkeypatch, same):
    """But not a text that came with the new circuit."""
    kept, old = {}, Traced(text="<bos> 4 + 35 =", model="gpt2-modadd", target="39")
    view = [View(circuit="bundled", traced=old)]
    monkeypatch.setattr(state, "current", lambda: view[0])
    monkeypatch.setattr(state, "update", lambda **new: view.insert(0, replace(view[0], **new)))
    monkeypatch.setattr(memory, "local", lambda name, default=None: kept.get(name, default))
    monkeypatch.setattr(memory, "remember", kept.__setitem__)
    follow.leave_other()
    assert view[0].traced == old
    fresh = old if same else Traced(text="<bos> w1")
    view.insert(0, View(circuit="tiny", traced=fresh))
    follow.leave_other()
    assert view[0] == View(circuit="tiny", traced=Traced() if same else fresh)


def test_names_of_a_circuit_move_with_the_length_of_a_prompt(store):
    """Positions are aligned from the right; a length that no prompt of it has gets no names."""
    circuit = resources.bundle("tiny")
    node = next(n for n in circuit.circuit.features if n.position == 4)
    named = replace(circuit, labels={str(node): "follows a"})
    namer = Namer(named, frozenset({3, 5}))
    assert [namer.shift(n) for n in (2, 3, 4, 5, 6)] == [None, 2, None, 0, None]
    found = resources.traced(Traced(model=_model(circuit), text="<bos> w1 w2"))
    assert names_by(found, [namer]) == {str(node._replace(position=2)): "follows a"}
    assert names_by(found, [Namer(named, frozenset())]) == {}


def _model(circuit) -> str:
    return str(circuit.path / circuit.provenance["model"]["ref"])


def test_the_open_circuit_names_before_others(store):
    circuit = resources.bundle("tiny")
    node = next(n for n in circuit.circuit.features if n.position == 4)
    one, other = (replace(circuit, labels={str(node): word}) for word in ("one", "other"))
    found = resources.traced(Traced(model=_model(circuit), text="<bos> w1 w2 w3 w4"))
    assert names_by(found, [Namer(one, ()), Namer(other, ())])[str(node)] == "one"
