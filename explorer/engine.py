"""Imports the engine once a server, in the background: torch and transformers take seconds.

1. The library does not need them and is shown meanwhile; every other page waits for them.
2. After that, in a thread of its own, what a first visitor will open is loaded (its page, then what
   `then` says): the click finds it there. Nobody waits for this, and what goes wrong in it is met
   again, and told, by the page that needs it.
"""

import importlib
import logging
import sys
import threading
from collections.abc import Callable

MODULES = ("explorer.network.picture", "core.lab", "core.inspector", "plotly.graph_objects")
LOG = logging.getLogger("hagd.explorer")
LATER = "explorer.circuit.page"
"""The page that a first visitor will open; with it comes what it draws with."""
_lock = threading.Lock()
_thread: threading.Thread | None = None


def ready() -> bool:
    """Whether the engine has been imported; while it is being imported it is not."""
    return all(
        hasattr(sys.modules.get(module), name)
        for module, name in (("core.lab", "Lab"), ("core.inspector", "feature_report"))
    )


def start(then: Callable[[], None] | None = None) -> None:
    """Begin to import it, if nobody has; `then` is called once it is there."""
    global _thread
    with _lock:
        if _thread is None and not ready():
            _thread = threading.Thread(target=_load, name="engine", daemon=True)
            _thread.start()
            if then is not None:
                threading.Thread(target=_after, args=(_thread, then), daemon=True).start()


def _after(thread: threading.Thread, then: Callable[[], None]) -> None:
    thread.join()
    try:
        if ready():
            importlib.import_module(LATER)
            then()
    except Exception:  # the page that needs it says so to whoever asks
        LOG.info("warming up failed", exc_info=True)


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
