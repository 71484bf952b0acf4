"""Runs plans on the Lab's prompts.

A run starts at the first layer that differs from what is already known: the clean run (inside the
model) or the circuit alone (inside the circuit), whose residual streams are kept. Many variants of
a plan run as one batch, in chunks that fit the processor's cache.
"""

import threading
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from core.choices import ErrorsAre, Inside
from core.circuit import Bounds, Circuit
from core.interventions import Ablation, PreparedBatch
from core.lab.contents import LabSettings
from core.lab.edits import Ground, edits_of
from core.lab.plan import Plan, default_plan
from core.models import LanguageModel
from core.transcoders import TranscoderSet

CHUNK_TOKENS = 8192
"""Tokens run at once."""
EVERY = slice(None)
Key = tuple[int, Inside, Ablation, ErrorsAre, int | None]
"""Part, settings, and the number of a prompt that is run alone."""


class Baseline(NamedTuple):
    """A run with nothing changed, from which changed runs start."""

    resid: Float[Tensor, "layer prompt pos d_model"]
    """Residual stream entering each block."""
    logits: Float[Tensor, "prompt d_vocab"]


class Engine:
    """One model, its transcoders and one circuit; safe to share between threads.

    Args:
        model: The model.
        coders: Its transcoders.
        circuit: What is live inside the circuit.
        bounds: Sizes of everything a node id can name.
    """

    def __init__(
        self, model: LanguageModel, coders: TranscoderSet, circuit: Circuit, bounds: Bounds
    ) -> None:
        self.model, self.coders, self.bounds = model, coders, bounds
        self.defaults: dict[Inside, Plan] = {
            inside: default_plan(circuit, bounds, inside) for inside in ("model", "circuit")
        }
        # Filled once per key with a value that follows from it: readers see it whole or not yet.
        self._known: dict[Key, Baseline] = {}
        self._lock = threading.Lock()

    def baseline(
        self, number: int, part: PreparedBatch, settings: LabSettings, rows: slice = EVERY
    ) -> Baseline:
        """Some prompts of part `number` with nothing changed.

        One prompt is run alone, so that the first answer about it need not wait for all others,
        and so that what it is answered does not depend on what was asked before.
        """
        if settings.inside == "model" and settings.errors == "live":
            return Baseline(part.resid[:, rows], part.logits[rows])
        key = (number, settings.inside, settings.how, settings.errors)
        few = part.take(rows)
        if len(few.batch.index) == 1:
            return self._remembered((*key, int(few.batch.index)), few, settings)
        whole = self._remembered((*key, None), part, settings)
        return Baseline(whole.resid[:, rows], whole.logits[rows])

    def _remembered(self, key: Key, part: PreparedBatch, settings: LabSettings) -> Baseline:
        """The run of that name, made on the first call; others who want it wait."""
        with self._lock:
            if key not in self._known:
                self._known[key] = self._run_whole(part, settings)
            return self._known[key]

    def _run_whole(self, part: PreparedBatch, settings: LabSettings) -> Baseline:
        plan = self.defaults[settings.inside].cut(part.start)
        edits = edits_of(plan, self.coders, ground(part, settings))
        trace = self.model.trace(part.batch.clean, edits)
        return Baseline(trace.resid_pre, trace.logits[:, -1])

    def run(
        self,
        number: int,
        part: PreparedBatch,
        plan: Plan,
        settings: LabSettings,
        rows: slice = EVERY,
    ) -> Float[Tensor, "variant prompt d_vocab"]:
        """Logits of every variant of `plan` on some prompts of part `number`; no gradient."""
        with torch.no_grad():
            known = self.baseline(number, part, settings, rows)
            part = part.take(rows)
            plan = plan.cut(part.start)
            first = plan.first_change(self.defaults[settings.inside].cut(part.start))
            if first == self.model.n_layers:
                return known.logits.expand(len(plan.gates), -1, -1)
            return self._chunked(part, known, plan, settings, first)

    def _chunked(
        self, part: PreparedBatch, known: Baseline, plan: Plan, settings: LabSettings, first: int
    ) -> Float[Tensor, "variant prompt d_vocab"]:
        """Variants × prompts in blocks of at most `CHUNK_TOKENS` tokens."""
        runs = max(1, CHUNK_TOKENS // part.batch.clean.shape[1])
        n_prompts, n_variants = len(part.batch.clean), len(plan.gates)
        wide = min(n_prompts, runs)
        tall = max(1, runs // wide)
        columns = []
        for left in range(0, n_prompts, wide):
            few = slice(left, left + wide)
            base = ground(part.take(few), settings)
            resid = known.resid[first, few]
            blocks = [
                self._block(plan.variants(slice(top, top + tall)), base, resid, first)
                for top in range(0, n_variants, tall)
            ]
            columns.append(torch.cat(blocks))
        return torch.cat(columns, dim=1)

    def _block(
        self, plan: Plan, base: Ground, resid: Float[Tensor, "prompt pos d_model"], first: int
    ) -> Float[Tensor, "variant prompt d_vocab"]:
        edits = edits_of(plan, self.coders, base)
        logits = self.model.run_from(first, resid.repeat(len(plan.gates), 1, 1), edits)
        return logits.view(len(plan.gates), len(resid), -1)


def ground(part: PreparedBatch, settings: LabSettings) -> Ground:
    """Where the settings put ablated values and errors."""
    reference = part.reference(settings.how)
    match settings.errors:
        case "live":
            error = None
        case "mean":
            error = part.mean.error
        case "zero":
            error = torch.zeros_like(part.mean.error)
    return Ground(reference=reference, error=error)
