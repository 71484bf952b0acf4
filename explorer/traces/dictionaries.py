"""Which dictionary a prompt is traced with.

1. The one that is named: a folder, a kind that is bundled, or neurons.
2. Else the bundled one of a bundled model; else the newest that a run kept here for this model, or
   that a stored circuit of it was found with; else its neurons, where they read linearly.
"""

from collections.abc import Sequence
from pathlib import Path

from core.errors import TranscoderError
from core.models import LanguageModel
from core.pipeline.kept import newest
from core.transcoders import TranscoderSet, neuron_transcoders, open_transcoders

DEFAULT = "bundled, else trained"
"""What no choice of transcoders is called."""


def coders_of(model: LanguageModel, ref: str, kept: Sequence[Path] = ()) -> TranscoderSet:
    """The transcoders that the page asks for.

    Args:
        model: What they must fit.
        ref: A folder or a kind; empty takes the bundled ones of a bundled model, else the newest
            kept here for this model, else the neurons where they read linearly.
        kept: Folders that may hold a dictionary of it, as `core.pipeline.kept` lists them.

    Raises:
        TranscoderError: If there are none of that name, or they do not fit the model.
    """
    if ref:
        found = open_transcoders(model, ref)
        if found is not None:
            return found.transcoders
        raise TranscoderError(
            f"No {ref} transcoders are bundled for {model.name}.\nChoose “{DEFAULT}”, or "
            "give the path of a transcoder folder."
        )
    found = open_transcoders(model, None) or newest(model, kept)
    return found.transcoders if found else _neurons(model)


def _neurons(model: LanguageModel) -> TranscoderSet:
    found = neuron_transcoders(model)
    if found.reads_linearly:
        return found
    raise TranscoderError(
        f"No transcoders for {model.name} yet.\nIts MLP is gated, so its neurons do not read "
        "linearly and no graph can be built of them.\nTrain some first with `hagd train` or "
        "`hagd run`, or by a new run in the Library, or give the path of a transcoder folder."
    )
