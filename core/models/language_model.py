"""A Hugging Face causal language model, seen through named sites.

The `transformers` modules compute every forward pass; this class only walks their blocks, so that a
pass can start at any layer, and reads their weights. Sites of block `layer`:

    resid_pre → norm1 → attention → attn_out      resid_mid = resid_pre + attn_out
    resid_mid → norm2 → MLP → mlp_out             (a parallel block's MLP reads resid_pre instead)
    resid_post = resid_pre + attn_out + mlp_out

Axes: batch; pos, the token position; layer; head, query heads; d_model; d_head; d_vocab.
A run returns values and leaves nothing behind in the model: any number of threads may share one.
"""

import hashlib
import re
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import ModelError
from core.models.families import FamilySpec
from core.models.hooks import Edits, Seen, attach, leaving, session
from core.models.norms import HfModule, NormWeights, norm_of
from core.models.weights import LayerWeights, layer_weights, reach

NOTHING = Edits()
HALVES = re.compile("[\ud800-\udfff]")
"""What stands for bytes that are not UTF-8, and for halves of characters."""


class Trace(NamedTuple):
    """All sites of one forward pass."""

    resid_pre: Float[Tensor, "layer batch pos d_model"]
    """Residual stream entering each block."""
    resid_mid: Float[Tensor, "layer batch pos d_model"]
    """resid_pre + attn_out."""
    resid_post: Float[Tensor, "layer batch pos d_model"]
    """Residual stream leaving each block."""
    mlp_in: Float[Tensor, "layer batch pos d_model"]
    """What the MLP reads, after its norm."""
    mlp_out: Float[Tensor, "layer batch pos d_model"]
    """What the MLP writes."""
    attn_out: Float[Tensor, "layer batch pos d_model"]
    """What attention writes."""
    pattern: Float[Tensor, "layer batch head pos pos"]
    """Attention weights, [query, key]; rows sum to 1."""
    z: Float[Tensor, "layer batch pos head d_head"]
    """Each head's output before the output projection."""
    logits: Float[Tensor, "batch pos d_vocab"]
    """Next-token logits at every position."""


class Embedding(NamedTuple):
    """The residual stream entering block 0, by source."""

    token: Float[Tensor, "batch pos d_model"]
    """Token embeddings."""
    position: Float[Tensor, "batch pos d_model"]
    """Learned position embeddings; zeros for rotary families."""

    @property
    def total(self) -> Float[Tensor, "batch pos d_model"]:
        """What enters block 0."""
        return self.token + self.position


class LanguageModel:
    """One model and its tokenizer; made by `load_model`, or from parts in a test."""

    def __init__(self, hf: HfModule, tokenizer: Any, family: FamilySpec, name: str) -> None:
        config = hf.config
        self.hf, self.tokenizer, self.family, self.name = hf, tokenizer, family, name
        self.path: Path | None = None
        self.n_layers: int = config.num_hidden_layers
        self.n_heads: int = config.num_attention_heads
        self.d_model: int = config.hidden_size
        self.d_head: int = getattr(config, "head_dim", None) or self.d_model // self.n_heads
        self.d_vocab: int = hf.get_output_embeddings().weight.shape[0]
        self.parallel: bool = bool(getattr(config, "use_parallel_residual", False))
        self.blocks: list[HfModule] = list(reach(hf, family.layers))
        self._eps = float(getattr(config, family.norm_eps))
        for layer, block in enumerate(self.blocks):
            attention = reach(block, family.attention)
            output = reach(attention, family.output)
            attach(layer, mlp=block.mlp, attention=attention, output=output, d_head=self.d_head)

    @cached_property
    def key(self) -> str:
        """sha256 over the config and every weight: the same model has the same key anywhere."""
        digest = hashlib.sha256(self.hf.config.model_type.encode())
        for name, value in sorted(self.hf.state_dict().items()):
            digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
            digest.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().data)
        return digest.hexdigest()

    @cached_property
    def max_positions(self) -> int:
        """The longest prompt the model takes, in tokens."""
        return int(self.hf.config.max_position_embeddings)

    @cached_property
    def d_mlp(self) -> int:
        """Width of the MLP's hidden layer."""
        config = self.hf.config
        width = getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None)
        return int(width or 4 * self.d_model)

    # weights -----------------------------------------------------------------------------------

    def weights(self, layer: int) -> LayerWeights:
        """The linear parts of one block; views of the model's own weights where possible."""
        return layer_weights(self.blocks[layer], self.family, self.n_heads, self.d_head, self._eps)

    @cached_property
    def final_norm(self) -> NormWeights:
        """The norm in front of the unembedding."""
        return norm_of(reach(self.hf, self.family.final_norm), self._eps, self.family.norm)

    @property
    def W_U(self) -> Float[Tensor, "d_vocab d_model"]:
        """The unembedding, one row a token."""
        return self.hf.get_output_embeddings().weight.detach()

    @cached_property
    def b_U(self) -> Float[Tensor, " d_vocab"]:
        """Bias of the logits; zeros where there is none."""
        bias = getattr(self.hf.get_output_embeddings(), "bias", None)
        return self.W_U.new_zeros(self.d_vocab) if bias is None else bias.detach()

    # text --------------------------------------------------------------------------------------

    def encode(self, text: str) -> Int[Tensor, " pos"]:
        """Token ids of a prompt exactly as written: no special token is added.

        Raises:
            ModelError: If the prompt is empty, no UTF-8, too long, or has words that the vocabulary
                lacks.
        """
        if HALVES.search(text):
            raise ModelError(
                f"The prompt {ascii(text[:40])} has a part that is not UTF-8. Text in UTF-8 is "
                "required; type it anew, or set the terminal to UTF-8."
            )
        ids = self.tokenizer(text, add_special_tokens=False).input_ids
        unknown = self.tokenizer.unk_token_id
        if not ids:
            raise ModelError("The prompt is empty. At least one token is required; type a prompt.")
        if len(ids) > self.max_positions:
            raise ModelError(
                f"The prompt has {len(ids)} tokens; {self.name} takes at most "
                f"{self.max_positions}. Shorten it."
            )
        if unknown is not None and unknown in ids and self.tokenizer.unk_token not in text:
            words = sorted({w for w in text.split() if self._is_unknown(w)})
            raise ModelError(
                f"The vocabulary of {self.name} lacks {', '.join(map(repr, words))}. "
                f"Every word must be one of its {self.d_vocab} tokens; reword the prompt."
            )
        return torch.tensor(ids)

    def _is_unknown(self, word: str) -> bool:
        ids = self.tokenizer(word, add_special_tokens=False).input_ids
        return self.tokenizer.unk_token_id in ids

    def token_text(self, token: int) -> str:
        """A token as text, with the spaces it stands for."""
        return self.tokenizer.decode([token])

    # forward passes ----------------------------------------------------------------------------

    def embed(self, ids: Int[Tensor, "batch pos"]) -> Embedding:
        """Token and position embeddings; their sum enters block 0."""
        token = self.hf.get_input_embeddings()(ids)
        if self.family.position_table is None:
            return Embedding(token, torch.zeros_like(token))
        table = reach(self.hf, self.family.position_table)
        position = table(torch.arange(ids.shape[1], device=ids.device))
        return Embedding(token, position.expand_as(token))

    def logits(self, ids: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch d_vocab"]:
        """Next-token logits after the last position."""
        return self.run(ids, NOTHING)

    def run(self, ids: Int[Tensor, "batch pos"], edits: Edits) -> Float[Tensor, "batch d_vocab"]:
        """Last-position logits with sites replaced; gradients flow through the edits."""
        return self.run_from(0, self.embed(ids).total, edits)

    def run_from(
        self,
        layer: int,
        resid: Float[Tensor, "batch pos d_model"],
        edits: Edits,
        before: tuple[Seen, ...] = (),
    ) -> Float[Tensor, "batch d_vocab"]:
        """As `run`, resumed at block `layer` from the residual stream that enters it.

        Args:
            layer: The first block run.
            resid: What enters it.
            edits: What to replace.
            before: What `seen` says of positions in front, of one or several prompts; `resid` and
                the edits then begin behind them.
        """
        with session(edits, before=before, ends=self.n_layers - 1):
            resid = self._walk(layer, resid, None, before[0].key.shape[2] if before else 0)
        return self.unembed(resid[:, -1])

    def run_to(
        self, layer: int, ids: Int[Tensor, "batch pos"], edits: Edits
    ) -> Float[Tensor, "batch pos d_model"]:
        """The residual stream that enters block `layer`, with sites below it replaced."""
        with session(edits):
            return self._walk(0, self.embed(ids).total, None, stop=layer)

    def seen(self, ids: Int[Tensor, "batch pos"]) -> tuple[Seen, ...]:
        """What attention reads of these tokens, by layer; no gradient."""
        found: dict[int, Seen] = {}
        with torch.no_grad(), session(NOTHING, seen=found):
            self._walk(0, self.embed(ids).total, None)
        return tuple(found[layer] for layer in range(self.n_layers))

    def trace(self, ids: Int[Tensor, "batch pos"], edits: Edits = NOTHING) -> Trace:
        """One forward pass with every site kept; no gradient."""
        record: dict[str, dict[int, Tensor]] = {}
        with torch.no_grad(), session(edits, record):
            resid = self._walk(0, self.embed(ids).total, record)
            logits = self.unembed(resid)
        stack = {site: torch.stack([by[i] for i in sorted(by)]) for site, by in record.items()}
        return Trace(resid_mid=stack["resid_pre"] + stack["attn_out"], logits=logits, **stack)

    def _walk(
        self,
        start: int,
        resid: Tensor,
        record: dict[str, dict[int, Tensor]] | None,
        first: int = 0,
        stop: int | None = None,
    ) -> Float[Tensor, "batch pos d_model"]:
        extra = self._block_arguments(resid, first)
        for layer in range(start, self.n_layers if stop is None else stop):
            before = resid
            resid = leaving(layer, self.blocks[layer](resid, **extra))
            if record is not None:
                record.setdefault("resid_pre", {})[layer] = before
                record.setdefault("resid_post", {})[layer] = resid
        return resid

    def _block_arguments(self, resid: Tensor, first: int) -> dict[str, Any]:
        """Causal mask and rotary angles, as the family's blocks expect them; from position `first`
        on."""
        device, end = resid.device, first + resid.shape[1]
        blocked = torch.full((end - first, end), torch.finfo(resid.dtype).min, device=device)
        mask = blocked.triu(first + 1)[None, None].to(resid.dtype)
        arguments: dict[str, Any] = {"attention_mask": mask}
        if self.family.rotary is not None:
            positions = torch.arange(first, end, device=device)[None]
            rotary = reach(self.hf, self.family.rotary)
            arguments["position_embeddings"] = rotary(resid, position_ids=positions)
        return arguments

    def unembed(self, resid: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
        """Logits of a residual stream that leaves the last block."""
        normed = reach(self.hf, self.family.final_norm)(resid)
        return self.hf.get_output_embeddings()(normed)
