"""Which circuits are ready for interventions: a page draws first and loads the model after.

`resources.lab` blocks while model, transcoders and prompts are read. Here a page can ask without
waiting whether that has happened, and keeps why it could not be done. Everything is kept by the
opened bundle itself, so one that is written anew starts afresh.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

from core.bundle import Bundle
from core.errors import CoreError
from explorer import resources
from explorer.scene import Scene, scene_of_bundle

if TYPE_CHECKING:
    from core.lab import Lab, LabSettings

MOST = 8
"""Labs remembered as ready; resources keeps as many."""
_READY: "dict[Bundle, Lab | CoreError]" = {}


def lab_state(bundle: Bundle) -> "Lab | CoreError | None":
    """The Lab, why it cannot be had, or None where nobody has loaded it yet."""
    return _READY.get(bundle)


def load_lab(name: str, bundle: Bundle) -> None:
    """Load the Lab of a circuit, or keep the refusal."""
    try:
        ready: Lab | CoreError = resources.lab(name)
    except CoreError as problem:
        ready = problem
    while len(_READY) >= MOST:
        _READY.pop(next(iter(_READY)), None)
    _READY[bundle] = ready


@lru_cache(maxsize=64)
def task_scene(bundle: Bundle) -> Scene:
    """The circuit's task graph, each position under its role."""
    try:
        roles = resources.task(str(bundle.provenance["task"]["ref"])).roles
    except CoreError:
        roles = ()
    positions = 1 + int(bundle.graph.position.max()) if bundle.graph.n_nodes else 0
    tokens = roles + tuple(str(p) for p in range(len(roles), positions))
    return scene_of_bundle(bundle, key=f"{bundle.name}.task", tokens=tokens)


@lru_cache(maxsize=64)
def prompt_scene(bundle: Bundle, lab: "Lab", prompt: int) -> Scene:
    """One prompt's own graph under the circuit's tree; the task graph where it cannot be built."""
    shown = lab.prompts[prompt]
    text = {shown.answer_id: shown.answer, shown.wrong_id: shown.wrong}
    try:
        graph = lab.prompt_graph(prompt)
    except CoreError:  # gated neurons have no linear graph
        graph = None
        text = {i: lab.model.token_text(i) for i in bundle.graph.index.tolist() if i >= 0}
    return scene_of_bundle(
        bundle,
        key=f"{bundle.name}.{prompt}",
        tokens=("",) * shown.shift + shown.tokens,
        graph=graph,
        token_text=text,
        lead=None if graph is None else f"out:{shown.answer_id}",
    )


@lru_cache(maxsize=512)
def random_band(
    lab: "Lab", prompt: int, nodes: tuple[str, ...], settings: "LabSettings"
) -> tuple[float, float] | None:
    """What random ablations of as many nodes leave of P(answer); None where none can be drawn."""
    try:
        return lab.random_band(prompt, nodes, settings)
    except CoreError:
        return None
