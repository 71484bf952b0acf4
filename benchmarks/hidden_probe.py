"""Circuits of hidden-state features, for one length: what `finding.probes` is of transcoders.

Nothing of the model runs around the features: the stream that leaves each block is the reference's,
moved by the circuit's features alone (`core.transcoders.hidden`).
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.graph import NodeKind
from core.interventions import JUDGED, Ablation
from core.models import Edits, LanguageModel
from core.pipeline.prepare import Prepared, head
from core.search import Response
from core.tasks import PromptBatch, Split
from core.transcoders.hidden import HiddenDictionary, hidden_edit

Reference = tuple[Tensor, Tensor]
"""Stream h° and activations f° of every block; batch 1 or the prompts."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HiddenProbe:
    """A dictionary of the hidden state on prompts of one length."""

    model: LanguageModel
    dictionary: HiddenDictionary
    batch: PromptBatch
    references: dict[Ablation, Reference]
    nodes: Int[Tensor, "node 4"]
    """(kind, layer, position, feature)."""
    answer: Float[Tensor, " prompt"]
    """The model's own logit(answer) − logit(wrong)."""
    empty: dict[Ablation, Float[Tensor, " prompt"]]
    """The empty circuit's."""
    accuracy: float

    @classmethod
    def on(
        cls,
        prepared: Prepared,
        dictionary: HiddenDictionary,
        split: Split,
        *,
        limit: int | None = None,
        nodes: Int[Tensor, "node 4"] | None = None,
    ) -> "HiddenProbe":
        """Prompts of a split made ready; nodes are the features active on them unless given."""
        model, (batch,) = prepared.model, head(prepared.batches[split], limit)
        (others,) = prepared.batches[Split.FEATURES]
        clean, corrupt = model.trace(batch.clean), model.trace(batch.corrupt)
        h = model.trace(others.clean).resid_post
        references = {
            Ablation.RESAMPLE: (corrupt.resid_post, dictionary.encode(corrupt.resid_post)),
            Ablation.MEAN: (
                h.mean(1, keepdim=True),
                dictionary.encode(h).mean(1, keepdim=True),
            ),
        }
        fires = (dictionary.encode(clean.resid_post) != 0).any(1)
        fires[-1, :-1] = False
        rows = fires.nonzero()
        kind = torch.full((len(rows), 1), int(NodeKind.FEATURE))
        logits = clean.logits[:, -1]
        shell = cls(
            model=model, dictionary=dictionary, batch=batch, references=references,
            nodes=torch.cat([kind, rows], 1) if nodes is None else nodes,
            answer=batch.margin(logits), empty={},
            accuracy=float((logits.argmax(-1) == batch.answer).float().mean()),
        )  # fmt: skip
        none = torch.zeros(len(shell.nodes))
        for ablation in JUDGED:
            shell.empty[ablation] = batch.margin(shell._run(none[None], ablation))
        return shell

    def respond(self, mask: Float[Tensor, " node"]) -> Response:
        """Residuals at a circuit and their slopes by every gate, under both ablations."""
        scale = self.answer.square().mean().sqrt()
        parts = []
        for ablation in JUDGED:
            gates = mask.detach().repeat(len(self.answer), 1).requires_grad_()
            margin = self.batch.margin(self._run(gates, ablation))
            (slope,) = torch.autograd.grad(margin.sum(), gates)
            parts.append(((margin.detach() - self.answer) / scale, slope / scale))
        residual, slope = (torch.cat(columns) for columns in zip(*parts, strict=True))
        return Response(residual=residual, slope=slope)

    def scores(
        self, masks: Float[Tensor, "circuit node"]
    ) -> tuple[Float[Tensor, "ablation circuit"], Float[Tensor, "ablation circuit"]]:
        """F and φ of each circuit under resample and mean ablation."""
        f, phi = [], []
        for ablation in JUDGED:
            with torch.no_grad():
                logits = torch.stack([self._run(mask[None], ablation) for mask in masks])
            margin = torch.stack([self.batch.margin(one) for one in logits]).mean(1)
            empty = self.empty[ablation].mean()
            f.append((margin - empty) / (self.answer.mean() - empty))
            right = (logits.argmax(-1) == self.batch.answer).float().mean(1)
            phi.append(right / max(self.accuracy, 1e-9))
        return torch.stack(f), torch.stack(phi)

    def quality(self) -> dict[str, Any]:
        """Unexplained variance and what is left of the behaviour when everything is spliced in."""
        trace = self.model.trace(self.batch.clean)
        h = trace.resid_post[:, :, 1:].flatten(1, 2)
        a = self.dictionary.encode(h)
        error = torch.stack(
            [
                y - coder.decode(x, y)
                for coder, x, y in zip(self.dictionary.layers, a, h, strict=True)
            ]
        )
        away = (h - h.mean(1, keepdim=True)).square().sum((1, 2))
        spliced = self.model.run(self.batch.clean, self.dictionary.splice())
        same = spliced.argmax(-1) == trace.logits[:, -1].argmax(-1)
        rates = [(one != 0).float().mean(0) for one in a]
        return {
            "fvu": (error.square().sum((1, 2)) / away).tolist(),
            "replacement_accuracy": float(same.float().mean()),
            "dead_share": [float((rate == 0).float().mean()) for rate in rates],
            "l0": [float((one != 0).float().sum(1).mean()) for one in a],
            "firing_rate": [float(rate[rate > 0].median()) for rate in rates],
        }

    def _run(
        self, gates: Float[Tensor, "_ node"], ablation: Ablation
    ) -> Float[Tensor, "prompt d_vocab"]:
        """The model with these gates on every prompt, or a row of gates for each."""
        h, f = self.references[ablation]
        shape = (len(gates), *h.shape[:1], self.batch.clean.shape[1], f.shape[-1])
        layer, position, feature = self.nodes[:, 1:].T
        spread = gates.new_zeros(shape)
        index = torch.arange(len(gates))[:, None], layer, position, feature
        spread = spread.index_put(index, gates)
        edits = {
            number: hidden_edit(coder, spread[:, number], f[number], h[number])
            for number, coder in enumerate(self.dictionary.layers)
        }
        return self.model.run(self.batch.clean, Edits(resid=edits))
