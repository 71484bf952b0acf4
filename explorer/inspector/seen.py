"""What the inspector is drawn from, and what it asks of the engine for a node or supernode."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from core.bundle import Bundle
from core.errors import CoreError
from explorer import memory
from explorer.network.scene import Scene
from explorer.session import changes, resources, state
from explorer.session.state import View

if TYPE_CHECKING:
    from core.inspector import WhyReport
    from core.lab import Lab, LabSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inspected:
    """What the panel is drawn from."""

    bundle: Bundle
    scene: Scene
    view: View
    lab: "Lab | CoreError | None"
    """The Lab, why it cannot be had, or None while it loads."""
    name: str
    """Name of the circuit in the library."""

    @property
    def ready(self) -> "Lab | None":
        """The Lab where it is there."""
        return None if isinstance(self.lab, CoreError) else self.lab

    def label(self, node: str) -> str:
        """What a person calls it."""
        return self.bundle.labels.get(node, "")


def alone(seen: Inspected, node: str) -> float | None:
    """Change of P(answer) on this prompt when this one alone is ablated, as the view ablates."""
    if seen.ready is None:
        return None
    settings = changes.settings_of(seen.view)
    return _ablated_alone(seen.ready, seen.bundle, seen.view.prompt, node, settings)


@lru_cache(maxsize=2048)
def _ablated_alone(
    lab: "Lab", bundle: Bundle, prompt: int, node: str, settings: "LabSettings"
) -> float:
    found = lab.predict(prompt, changes.expand(bundle, (state.Changed(node),)), settings)
    before = found.circuit if settings.inside == "circuit" else found.full
    return found.changed.p_answer - before.p_answer


def each_alone(seen: Inspected, nodes: Sequence[str]) -> Mapping[str, float]:
    """As `alone`, of features and heads in one batch; empty until the model is there."""
    if seen.ready is None:
        return {}
    settings = changes.settings_of(seen.view)
    return _each_ablated_alone(seen.ready, seen.view.prompt, tuple(nodes), settings)


@lru_cache(maxsize=256)
def _each_ablated_alone(
    lab: "Lab", prompt: int, nodes: tuple[str, ...], settings: "LabSettings"
) -> Mapping[str, float]:
    return lab.single_effects(prompt, nodes, settings)


def lost(seen: Inspected, node: str) -> float | None:
    """F lost over all test prompts when this one alone is ablated inside the circuit.

    It tells parts apart where P(answer) is saturated and hardly moves.
    """
    if seen.ready is None:
        return None
    value = _lost_alone(seen.ready, seen.bundle, node)
    memory.remember(_LOST + seen.name, memory.local(_LOST + seen.name, {}) | {node: value})
    return value


_LOST = "lost."


def known_lost(name: str) -> Mapping[str, float]:
    """F lost by each supernode of a circuit for which it has been asked in this session."""
    return memory.local(_LOST + name, {})


@lru_cache(maxsize=2048)
def _lost_alone(lab: "Lab", bundle: Bundle, node: str) -> float:
    from core.lab import LabSettings

    wanted = changes.expand(bundle, (state.Changed(node),))
    found = lab.across_task(wanted, LabSettings(inside="circuit"))
    return found.faithfulness_circuit - found.faithfulness


def report(seen: Inspected, kind: str, node: str) -> Any:
    """The engine's report, or None where it has none (the graph then has to do)."""
    if seen.ready is None:
        return None
    make = {
        "feature": resources.feature_report,
        "head": resources.head_report,
        "supernode": resources.supernode_report,
    }[kind]
    try:
        return make(seen.name, node, seen.view.prompt)
    except CoreError:
        return None


def why(seen: Inspected, head: str, query: int, key: int) -> "WhyReport | None":
    """Why a head looks from a query at a key; None where that cannot be told."""
    if seen.ready is None:
        return None
    try:
        return resources.why_report(seen.name, head, seen.view.prompt, query, key)
    except CoreError:
        return None


def heads(seen: Inspected) -> Mapping[str, str]:
    """Every head of the model by what it does; empty until the model is there."""
    return {} if seen.ready is None else resources.head_names(seen.name)
