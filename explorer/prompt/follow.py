"""The circuit that the Prompt page follows: the one that is open, or that a first visit opens.

1. What is not chosen on the page is the circuit's: model, transcoders, prompts, names.
2. What was traced beside another circuit goes when that is left; a link or a text that came with
   the new circuit stays.
3. Where the circuit cannot be followed the page says why, in one line.
"""

from dataclasses import replace

import streamlit as st

from explorer import memory, menu
from explorer.look import notices
from explorer.session import resources, state
from explorer.session.first import choose
from explorer.session.resources import Beside
from explorer.session.view import Traced

_LAST = "traced-beside"
_PARTS = {"model": "model", "transcoders": "dictionary", "task": "task file"}


def followed() -> Beside | None:
    """The circuit; None where there is none, or the open one is not in the library."""
    infos = resources.library()
    name = state.current().circuit or choose(infos)
    info = next((info for info in infos if info.name == name and not info.error), None)
    return None if info is None else resources.beside(info)


def leave_other() -> None:
    """Forget what was traced beside a circuit that is no longer open."""
    view = state.current()
    circuit, traced = memory.local(_LAST, (view.circuit, view.traced))
    if circuit != view.circuit and traced == view.traced:
        state.update(traced=Traced())
    memory.remember(_LAST, (view.circuit, state.current().traced))


def completed(wanted: Traced) -> Traced:
    """What was asked for, with the circuit's model and transcoders where none were chosen.

    A prompt whose words the circuit's model lacks takes the first model that has them, bundled or
    of an own circuit; where none has them all, one that lacks the fewest.
    """
    if wanted.model:
        return wanted
    circuit = followed()
    first = (circuit.model if circuit else "") or next(iter(models()), "")
    if not first:
        return wanted
    model = resources.model_for(wanted.text, first, models())
    own = circuit.transcoders if circuit and model == circuit.model else ""
    return replace(wanted, model=model, transcoders=wanted.transcoders or own)


def models() -> tuple[str, ...]:
    """The models that are offered: bundled ones, then those of own circuits."""
    return (*resources.model_names(), *resources.own_models())


def is_beside(wanted: Traced, circuit: Beside | None) -> bool:
    """Whether a prompt is traced with the circuit's model."""
    return circuit is not None and bool(circuit.model) and wanted.model == circuit.model


def offered(wanted: Traced) -> tuple[str, ...]:
    """Prompts to start from: the circuit's own, or of another circuit of an own model; else of
    bundled tasks that the model can read."""
    circuit = followed()
    here = circuit.name if circuit and is_beside(wanted, circuit) else ""
    for name in filter(None, (here, resources.own_models().get(wanted.model))):
        if own := resources.circuit_examples(name, wanted.model):
            return own
    return resources.prompt_examples(wanted.model)


def told(wanted: Traced, *, traced: bool) -> None:
    """Which circuit the page follows, and what of it cannot be used here.

    Args:
        wanted: What is traced.
        traced: Whether there is a graph whose features could be named.
    """
    asked, circuit = state.current().circuit, followed()
    if not asked:
        return  # nobody opened one
    if circuit is None:
        _line(f"There is no circuit called {notices.text(asked[:80])} here to take names from.")
        return
    href = notices.text(menu.address("circuit", circuit=circuit.name))
    link = f'<a href="{href}" target="_self">{notices.text(circuit.title)}</a>'
    _line(" ".join(filter(None, (f"Beside the circuit {link}.", *_lacks(wanted, circuit, traced)))))


def _lacks(wanted: Traced, circuit: Beside, traced: bool) -> list[str]:
    """What of the circuit cannot be used, as sentences."""
    gone = [_PARTS[part] for part in circuit.lacking]
    said = [f"Its {' and '.join(gone)} {'is' if len(gone) == 1 else 'are'} not on this computer."]
    said = said if gone else []
    if not is_beside(wanted, circuit):
        said.append(f"This prompt is read by {notices.text(short(wanted.model))} instead.")
    elif traced and (why := resources.unnamed(wanted, circuit.name)):
        said.append(f"It does not name these features: {notices.text(why)}.")
    return said


def short(ref: str) -> str:
    """A model's name, or the end of its path."""
    return ref.rstrip("/").split("/")[-1]


def _line(html: str) -> None:
    st.html(f'<p class="hs-note hs-beside">{html}</p>')
