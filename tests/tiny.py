"""Tiny random models of every family, made in memory: no file, no download, a few milliseconds."""

from collections.abc import Sequence
from typing import Literal

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from core.models import FAMILIES, LanguageModel
from core.models.attention import ATTENTION

Kind = Literal["gpt2", "llama", "neox-parallel", "neox-serial"]
KINDS: tuple[Kind, ...] = ("gpt2", "llama", "neox-parallel", "neox-serial")
WORDS = ("<pad>", "<bos>", "<unk>", *(f"w{i}" for i in range(17)))


def tiny_tokenizer(words: Sequence[str] = WORDS) -> PreTrainedTokenizerFast:
    """One token a word, split at white space."""
    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<bos>", pad_token="<pad>", unk_token="<unk>"
    )


def tiny_hf(kind: Kind, *, layers: int = 2, vocabulary: int = len(WORDS), seed: int = 0):
    """A random Hugging Face model, d_model 16, 4 heads; Llama has 2 key-value heads."""
    torch.manual_seed(seed)
    if kind == "gpt2":
        hf = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=vocabulary, n_positions=12, n_embd=16, n_layer=layers, n_head=4,
                bos_token_id=1, eos_token_id=0,
            )
        )  # fmt: skip
    elif kind == "llama":
        hf = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=vocabulary, hidden_size=16, intermediate_size=24,
                num_hidden_layers=layers, num_attention_heads=4, num_key_value_heads=2,
                max_position_embeddings=12, bos_token_id=1, eos_token_id=0,
            )
        )  # fmt: skip
    else:
        hf = GPTNeoXForCausalLM(
            GPTNeoXConfig(
                vocab_size=vocabulary, hidden_size=16, intermediate_size=24,
                num_hidden_layers=layers, num_attention_heads=4, max_position_embeddings=12,
                use_parallel_residual=kind == "neox-parallel", bos_token_id=1, eos_token_id=0,
            )
        )  # fmt: skip
    _roughen(hf)
    hf.set_attn_implementation(ATTENTION)
    return hf.requires_grad_(False).eval()


def _roughen(hf: torch.nn.Module) -> None:
    """Random norms and biases: fresh ones are all ones and zeros and would hide a mistake."""
    for name, value in hf.named_parameters():
        if value.ndim == 1:
            value.data += 0.3 * torch.randn_like(value)
        elif "wpe" not in name:
            value.data *= 6


def tiny_model(kind: Kind, **options: int) -> LanguageModel:
    """The same behind our adapter."""
    hf = tiny_hf(kind, **options)
    family = next(f for f in FAMILIES if f.model_type == hf.config.model_type)
    return LanguageModel(hf, tiny_tokenizer(), family, f"tiny-{kind}")


def tiny_transcoders(
    model: LanguageModel,
    *,
    features: int = 12,
    k: int = 4,
    skip: bool = False,
    crosses: bool = False,
):
    """Random TopK transcoders, cross-layer if asked: they reconstruct nothing, which hides no
    mistake."""
    from core.transcoders import TopK, Transcoder, TranscoderSet

    generator = torch.Generator().manual_seed(7)

    def draw(*shape: int) -> torch.Tensor:
        return 0.5 * torch.randn(*shape, generator=generator)

    d = model.d_model
    layers = tuple(
        Transcoder(
            W_enc=draw(features, d), b_enc=draw(features), W_dec=draw(features, d), b_dec=draw(d),
            W_skip=draw(d, d) if skip else None, activation=TopK(k=k),
            W_later=draw(features, model.n_layers - 1 - layer, d) if crosses else None,
        )
        for layer in range(model.n_layers)
    )  # fmt: skip
    kind = "clt" if crosses else "topk"
    return TranscoderSet(layers=layers, model_name=model.name, model_key=model.key, kind=kind)


def tiny_batch(*, prompts: int = 3, length: int = 5, shift: int = 0, seed: int = 0):
    """Random prompt pairs of one length, the first token always <bos>."""
    from core.tasks import PromptBatch

    generator = torch.Generator().manual_seed(seed)
    clean, corrupt = (
        torch.randint(3, len(WORDS), (prompts, length), generator=generator) for _ in range(2)
    )
    clean[:, 0] = corrupt[:, 0] = 1
    answer = torch.randint(3, len(WORDS), (prompts,), generator=generator)
    return PromptBatch(
        clean=clean, corrupt=corrupt, answer=answer, wrong=(answer + 1) % len(WORDS),
        index=torch.arange(prompts), shift=shift,
    )  # fmt: skip
