"""Where a Hub id's files are: on the Hub, or in this computer's copy where that cannot be reached.

1. One request, which gives up after a few seconds, asks whether the Hub answers. The libraries ask
   for every file by itself, and each time again and again for half a minute.
2. Where it does not answer, a copy that is here already is used as any folder is.
"""

from pathlib import Path

from huggingface_hub import constants, get_session, snapshot_download

from core.errors import ModelError

SECONDS = 5.0
"""How long the one request may take."""


def hub_source(ref: str) -> str:
    """The id itself where the Hub answers, else the folder of its copy here.

    Raises:
        ModelError: If the Hub does not answer and there is no copy.
    """
    if _answers():
        return ref
    try:
        return str(Path(snapshot_download(ref, local_files_only=True)))
    except Exception:  # the library raises its own, OSError and ValueError for one and the same
        raise ModelError(
            f"No model {ref!r} here: there is no folder {ref}, no copy of a Hub model of this "
            "name, and the Hub cannot be reached. Check the path if it is a folder; or connect to "
            "the network, so that the model can be downloaded."
        ) from None


def _answers() -> bool:
    """Whether the Hub can be reached; whatever it answers."""
    try:
        get_session().head(constants.ENDPOINT, timeout=SECONDS)
    except Exception:  # of the HTTP library in use, or the library's own when told to be offline
        return False
    return True
