"""The answer bar under the network: what the prompt's answer is with and without the changes."""

from typing import TYPE_CHECKING, Any

from core.bundle import Bundle
from core.errors import CoreError
from explorer import memory
from explorer.inspector.seen import known_lost
from explorer.network.component import Bar
from explorer.session import changes, resources
from explorer.session.view import View

if TYPE_CHECKING:
    from core.lab import Lab, Prediction


def answer_bar(name: str, bundle: Bundle, view: View, lab: "Lab") -> Bar:
    """The figures of the prompt shown: model, circuit, and with the changes."""
    shown = lab.prompts[view.prompt]
    wanted = changes.expand(bundle, view.changes)
    found = lab.predict(view.prompt, wanted, changes.settings_of(view))
    others = sorted(found.rows[1:], key=lambda row: -row.changed)[:2] if wanted else []
    return Bar(
        answer=shown.answer.strip() or shown.answer,
        full=found.full.p_answer,
        circuit=found.circuit.p_answer,
        changed=found.changed.p_answer if wanted else None,
        chance=_chance(lab),
        top=_own_answer(found),
        then=tuple((row.text.strip() or row.text, row.changed) for row in others),
        **_band(name, bundle, view),
    )


def _own_answer(found: "Prediction") -> tuple[str, float] | None:
    """What the full model says first, where that is not the answer asked for."""
    first = max(found.rows, key=lambda row: row.full)
    said = first.text.strip() or first.text
    return None if first is found.rows[0] else (said, first.full)


def _chance(lab: "Lab") -> float:
    return 1 / max(1, len({pair.answer for pair in lab.task.pairs}))


def _band(name: str, bundle: Bundle, view: View) -> dict[str, Any]:
    """What random ablations of the same size leave of this prompt's answer."""
    nodes = changes.ablated(bundle, view.changes)
    if not nodes:
        return {}
    settings = changes.settings_of(view)
    try:
        low, high = resources.random_band(name, view.prompt, nodes, settings)
    except CoreError:  # nothing to draw from, as when all of the circuit is ablated
        return {}
    many = f"{len(nodes)} random node{'s' * (len(nodes) != 1)} ablated"
    if any(change.scale != 0 for change in changes.expand(bundle, view.changes)):
        many += ", none scaled"
    return {"band": (low, high), "band_label": f"{many} {low:.2f}–{high:.2f}"}


def effects(name: str, view: View, bar: Bar | None) -> dict[str, str]:
    """What ablating each alone did, for the tooltips; kept for this session."""
    place = f"effects.{view.circuit}.{view.prompt}.{view.how}.{view.errors}.{view.inside}"
    here: dict[str, str] = dict(memory.local(place, {}))
    alone = view.changes[0] if len(view.changes) == 1 else None
    if bar is not None and bar.changed is not None and alone and alone.scale == 0:
        here[alone.node] = f"P({bar.answer}) {bar.circuit:.2f} → {bar.changed:.2f}"
        memory.remember(place, here)
    known = dict(here)
    for node, lost in known_lost(name).items():
        share = f"{lost:.2f} of F lost, all prompts"
        known[node] = f"{known[node]} · {share}" if node in known else share
    return known
