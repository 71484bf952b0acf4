"""Which transcoders a reference means.

`neurons` is the model's own MLP neurons; `nested`, `topk` and `clt` are dictionaries that come with
a bundled model, no reference the default one of them; anything else is a folder.
"""

from pathlib import Path
from typing import NamedTuple

from core.assets import MODELS, NEURONS, TRANSCODERS
from core.choices import BUNDLED_KINDS, DEFAULT_KIND
from core.models import LanguageModel, bundled_models
from core.transcoders.files import CONFIG, load_transcoders
from core.transcoders.neurons import neuron_transcoders
from core.transcoders.transcoder_set import TranscoderSet


class Dictionary(NamedTuple):
    """Transcoders and where they can be found again."""

    transcoders: TranscoderSet
    ref: str
    """A folder, or `neurons`."""


def open_transcoders(model: LanguageModel, ref: str | None) -> Dictionary | None:
    """The transcoders that a reference means.

    Args:
        model: What they must fit.
        ref: A folder, `neurons`, `nested`, `topk` or `clt`; None for the bundled default.

    Returns:
        None where bundled ones are meant and this model has none; the caller knows what then.

    Raises:
        TranscoderError: If a folder holds no transcoders of this model.
    """
    if ref == NEURONS:
        return Dictionary(neuron_transcoders(model), NEURONS)
    if ref is not None and ref not in BUNDLED_KINDS:
        return Dictionary(load_transcoders(ref, model), ref)
    folder = bundled_transcoders(model, ref or DEFAULT_KIND)
    return None if folder is None else Dictionary(load_transcoders(folder, model), str(folder))


def bundled_transcoders(model: LanguageModel, kind: str) -> Path | None:
    """The folder of a bundled dictionary of this very model, if there is one."""
    folder = TRANSCODERS / model.name / kind
    known = model.name in bundled_models() and model.path == MODELS / model.name
    return folder if known and (folder / CONFIG).is_file() else None
