"""Where the browser gets the canvas from: our own scripts, and vis-network out of pyvis.

Streamlit serves the files of a component from a folder it was told about. Both folders are named
here at run time, so the installed pyvis package itself is the source of vis-network (nothing is
copied, nothing is fetched from outside) and the browser loads the library once.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from streamlit.components import v2
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

CANVAS = "hagd.canvas"


def component() -> Any:
    """The component, registered with the running server (each has its own registry)."""
    manager = get_bidi_component_manager()
    if manager.get_component_asset_root(CANVAS) is None:
        _declare(manager, "canvas", Path(__file__).parent, "canvas")
        _declare(manager, "vis", *_vis_network())
    return v2.component(CANVAS, js="index.js", css="canvas.css")


def _declare(manager: Any, name: str, root: Path, folder: str) -> None:
    part = ComponentConfig(name=name, asset_dir=folder)
    manager.register_from_manifest(
        ComponentManifest(name="hagd", version="1", components=[part]), root
    )


def _vis_network() -> tuple[Path, str]:
    """The pyvis package and the folder of its newest vis-network."""
    spec = find_spec("pyvis")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pyvis is not installed; it carries the network drawing library.")
    root = Path(spec.origin).parent
    scripts = sorted((root / "lib").glob("vis-*/vis-network.min.js"), key=_version)
    return root, scripts[-1].parent.relative_to(root).as_posix()


def _version(script: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in script.parent.name.removeprefix("vis-").split("."))
