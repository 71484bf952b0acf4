"""Everything the engine refuses, as one tree.

    CoreError
    ├── ModelError                a model folder, its config or its tokenizer
    │   ├── UnsupportedModelError architecture or config attribute we do not handle
    │   └── AdapterMismatchError  the load-time check disagrees with the Hugging Face forward pass
    ├── TranscoderError           transcoder files or shapes
    ├── TaskError                 a task file or its prompts
    ├── GraphError                an attribution graph that breaks its own rules
    ├── NodeError                 a node that does not exist
    ├── SettingsError             a setting outside its range
    ├── GateError                 a model that cannot do the task it is asked to explain
    ├── TransferError             two circuits that cannot be compared
    ├── FormatError               a file that is not what it says
    │   └── UnknownSchemaError    written by a version we do not know
    └── StoreError                the result store
        ├── NewerStoreError       written by a newer version of this program
        └── DamagedEntryError     truncated, tampered with or not what its key says

A message has four parts: what was wrong, what was got, what is required, what to do. The command
line prints it and exits with 2; the app shows it as written. Neither ever shows a traceback for it.
"""


class CoreError(Exception):
    """A refusal that a person can act on."""


class ModelError(CoreError):
    """A model folder, config or tokenizer that cannot be used."""


class UnsupportedModelError(ModelError):
    """An architecture or a config attribute that the adapters do not handle."""


class AdapterMismatchError(ModelError):
    """The adapter's view of the model disagrees with the Hugging Face forward pass."""


class TranscoderError(CoreError):
    """Transcoder files or shapes that do not fit."""


class TaskError(CoreError):
    """A task file whose lines break the rules; the message lists every bad line."""


class GraphError(CoreError):
    """An attribution graph that breaks its own rules."""


class NodeError(CoreError):
    """A node that is not in the model, the prompt or the circuit."""


class SettingsError(CoreError):
    """A setting outside its range."""


class GateError(CoreError):
    """A model that does not do the task well enough for a circuit to mean anything."""


class TransferError(CoreError):
    """Two circuits that cannot be compared."""


class FormatError(CoreError):
    """A file that is not what it claims to be."""


class UnknownSchemaError(FormatError):
    """A file written to a schema this version does not know."""


class StoreError(CoreError):
    """The result store cannot be used."""


class NewerStoreError(StoreError):
    """The store was written by a newer version of this program."""


class DamagedEntryError(StoreError):
    """A stored entry is truncated, altered or not what its key says."""
