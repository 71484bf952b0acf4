"""What the Lab works on: a bundle's model, transcoders and test prompts, loaded and checked.

Immutable once made (but for the engine's memory of runs with nothing changed), so that any number
of threads may share it.
"""

from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.bundle import Bundle, locate
from core.circuit import Bounds, FeatureNode
from core.errors import CoreError, ModelError, NodeError, TaskError, TranscoderError
from core.interventions import Ablation, PreparedBatch, active_features, mean_activation
from core.lab.contents import LabSettings
from core.lab.engine import Engine
from core.lab.prompts import chosen_pairs, make_parts, means_of, prompt_views
from core.models import LanguageModel, load_model
from core.tasks import Task, load_task, longest_prompt, with_roles
from core.transcoders import TranscoderSet, check_belongs, open_transcoders

Rows = tuple[tuple[int, PreparedBatch, slice], ...]
"""Number of a part, the part, and which of its prompts."""


class EndPoints(NamedTuple):
    """Logit differences of the two circuits that F is measured between."""

    empty: Float[Tensor, " prompt"]
    """Of the empty circuit, strict: everything is at its reference."""
    full: Float[Tensor, " prompt"]
    """Of the model."""


class Workspace:
    """One circuit with everything needed to run it.

    Args:
        bundle: The circuit.
        model: Its model, where the caller has it loaded already.
        transcoders: Its transcoders, likewise.
        task: Its task, likewise.

    Raises:
        ModelError: If the model is missing, unusable, or not the one the circuit was found on.
        TranscoderError: The same of the transcoders.
        TaskError: The same of the task.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        model: LanguageModel | None = None,
        transcoders: TranscoderSet | None = None,
        task: Task | None = None,
    ) -> None:
        self.bundle = bundle
        self.model = model or load_model(_ref(bundle, "model"))
        self.transcoders = transcoders or _load_coders(bundle, self.model)
        self.task = with_roles(task or load_task(_ref(bundle, "task")), self.model.tokenizer)
        _check_keys(bundle, self.model, self.transcoders, self.task)
        self.length = longest_prompt(self.task, self.model.tokenizer)
        self.bounds = Bounds(
            n_layers=self.model.n_layers,
            n_positions=self.length,
            n_features=self.transcoders.n_features,
            n_heads=self.model.n_heads,
            n_vocab=self.model.d_vocab,
        )
        pairs = chosen_pairs(self.task, self.model, self.bounds.n_features, self.length)
        self.mean = means_of(self.model, self.transcoders, self.task, self.length, bundle.tensors)
        self.parts = make_parts(self.model, self.transcoders, pairs, self.mean, self.length)
        check_belongs(self.transcoders, self.model, [part.batch.clean for part in self.parts])
        self.prompts = prompt_views(self.model, self.task, pairs, self.parts)
        self._place = {
            index: (number, row)
            for number, part in enumerate(self.parts)
            for row, index in enumerate(part.batch.index.tolist())
        }
        self.engine = Engine(self.model, self.transcoders, bundle.circuit, self.bounds)
        nothing = replace(bundle.circuit, nodes=())
        self._nothing = Engine(self.model, self.transcoders, nothing, self.bounds)

    def place(self, prompt: int) -> tuple[int, int]:
        """Part and row of a prompt.

        Raises:
            NodeError: If there is no such prompt.
        """
        if prompt not in self._place:
            raise NodeError(
                f"There is no prompt {prompt}: the Lab has {len(self.prompts)}, numbered "
                f"0..{len(self.prompts) - 1}. Choose one of them."
            )
        return self._place[prompt]

    def alive(self) -> Bool[Tensor, "layer pos feature"]:
        """Features that fire on some prompt, clean or corrupt."""
        return active_features(self.parts, self.bounds[:3])

    def mean_activation(self) -> Float[Tensor, "layer pos feature"]:
        """Mean activation on the clean prompts; 0 where no prompt reaches."""
        return mean_activation(self.parts, self.bounds[:3])

    def activation(self, prompt: int, node: FeatureNode) -> float:
        """A feature's value on the clean prompt; 0 where the prompt is too short to have it."""
        number, row = self.place(prompt)
        part = self.parts[number]
        if node.position < part.start:
            return 0.0
        at = node.position - part.start
        return float(part.clean.activation[node.layer, row, at, node.feature])

    def pre_activation(self, prompt: int, node: FeatureNode) -> float:
        """A feature's pre-activation on the clean prompt, which incoming effects sum to."""
        number, row = self.place(prompt)
        part = self.parts[number]
        x = part.clean.mlp_in[node.layer, row, node.position - part.start]
        return float(self.transcoders[node.layer].pre_activation(x)[node.feature])

    def everything(self) -> Rows:
        return tuple((number, part, slice(None)) for number, part in enumerate(self.parts))

    def end_points(self, parts: Rows, how: Ablation) -> EndPoints:
        """What F is measured between."""
        strict = LabSettings(how=how, inside="circuit")
        empty, full = [], []
        for number, part, rows in parts:
            batch = part.take(rows).batch
            nothing = self._nothing.baseline(number, part, strict, rows).logits[None]
            empty.append(batch.margin(nothing))
            full.append(batch.margin(part.logits[None, rows]))
        return EndPoints(empty=torch.cat(empty, 1)[0], full=torch.cat(full, 1)[0])


def _ref(bundle: Bundle, part: str) -> str:
    """Where a part of the bundle is; refused in the bundle's own words where it is missing."""
    for said in bundle.missing:
        if said.startswith(f"The {part} "):
            kinds: dict[str, type[CoreError]] = {"model": ModelError, "task": TaskError}
            raise kinds.get(part, TranscoderError)(said)
    return locate(bundle.provenance[part]["ref"], bundle.path)


def _load_coders(bundle: Bundle, model: LanguageModel) -> TranscoderSet:
    ref = _ref(bundle, "transcoders")
    found = open_transcoders(model, ref)
    if found is None:
        raise TranscoderError(
            f"{bundle.name!r} was found on the {ref} transcoders that come with a model, and "
            f"{model.name} has none. Put the original model back, or run the pipeline again."
        )
    return found.transcoders


def _check_keys(bundle: Bundle, model: LanguageModel, coders: TranscoderSet, task: Task) -> None:
    """Refuse parts that are not those the circuit was found on: its figures would be wrong."""
    circuit = bundle.circuit
    for part, got, wanted, kind in (
        ("model", model.key, circuit.model_key, ModelError),
        ("transcoders", coders.key, circuit.transcoder_key, TranscoderError),
        ("task", task.key, circuit.task_key, TaskError),
    ):
        if got != wanted:
            raise kind(
                f"The {part} of {bundle.name!r} is not the one its circuit was found on: got key "
                f"{got[:12]}…, required {wanted[:12]}…. Put the original back, or run the pipeline "
                "again on this one."
            )
