"""Imports the engine once a server, in the background: torch and transformers take seconds.

The library does not need them and is shown meanwhile; every other page waits for them.
"""

import importlib
import sys
import threading

MODULES = ("core.lab", "core.features", "plotly.graph_objects", "pyvis.network")
_lock = threading.Lock()
_thread: threading.Thread | None = None


def ready() -> bool:
    """Whether the engine has been imported; while it is being imported it is not."""
    return all(
        hasattr(sys.modules.get(module), name)
        for module, name in (("core.lab", "Lab"), ("core.features", "feature_report"))
    )


def start() -> None:
    """Begin to import it, if nobody has."""
    global _thread
    with _lock:
        if _thread is None and not ready():
            _thread = threading.Thread(target=_load, name="engine", daemon=True)
            _thread.start()


def wait() -> None:
    """Return when it has been imported.

    Raises:
        ImportError: If it cannot be.
    """
    start()
    if _thread is not None:
        _thread.join()
    _load()  # what the thread could not import says why here


def _load() -> None:
    for module in MODULES:
        importlib.import_module(module)
    # Every visitor's click is one thread already; more of them would only wait for each other.
    sys.modules["torch"].set_num_threads(1)
