"""circuit-tracer 0.5.0 on one prompt; run by graph_speed.py in circuit-tracer's own environment.

    python graph_speed_peer.py JOB.json

JOB.json: model, transcoders (folders), ids, k, features, batch, repeat, threads, out. Writes `out`
(npz: features [node 3], adjacency [target source], logits) and prints one JSON line of figures.
"""

import gc
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from circuit_tracer.attribution.attribute import attribute
from circuit_tracer.replacement_model.replacement_model_transformerlens import (
    TransformerLensReplacementModel as ReplacementModel,
)
from circuit_tracer.transcoder.single_layer_transcoder import SingleLayerTranscoder, TranscoderSet
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformer_lens import HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions.gpt2 import convert_gpt2_weights
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

LARGEST_LOGIT_GAP = 1e-3


class LargestK(torch.nn.Module):
    """Our transcoders' activation: rectified, all but the k largest set to 0."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, pre: torch.Tensor) -> torch.Tensor:
        best = torch.topk(pre, self.k, dim=-1)
        return torch.zeros_like(pre).scatter_(-1, best.indices, torch.relu(best.values))


def transcoders(folder: Path, n_layers: int, k: int) -> TranscoderSet:
    coders = {}
    for layer in range(n_layers):
        tensors = load_file(folder / f"layer_{layer}.safetensors")
        n_features, d_model = tensors["W_enc"].shape
        coder = SingleLayerTranscoder(d_model, n_features, LargestK(k), layer, dtype=torch.float32)
        coder.load_state_dict(tensors, strict=False)
        coders[layer] = coder
    return TranscoderSet(coders, "mlp.hook_in", "mlp.hook_out")


def replacement_model(job: dict) -> tuple[ReplacementModel, GPT2LMHeadModel]:
    hf = GPT2LMHeadModel.from_pretrained(job["model"], dtype=torch.float32).eval()
    c = hf.config
    shape = HookedTransformerConfig(
        n_layers=c.n_layer, n_heads=c.n_head, d_model=c.n_embd, d_head=c.n_embd // c.n_head,
        d_mlp=4 * c.n_embd, d_vocab=c.vocab_size, n_ctx=c.n_positions, act_fn=c.activation_function,
        eps=c.layer_norm_epsilon, normalization_type="LN", model_name="custom",
        original_architecture="GPT2LMHeadModel",
    )  # fmt: skip
    coders = transcoders(Path(job["transcoders"]), c.n_layer, job["k"])
    model = ReplacementModel.from_config(shape, coders)
    inner = {"mlp": "mlp.old_mlp", "unembed": "unembed.old_unembed"}
    weights = {
        ".".join(inner.get(part, part) for part in name.split(".")): value
        for name, value in convert_gpt2_weights(hf, shape).items()
    }
    report = model.load_state_dict(weights, strict=False)
    if report.unexpected_keys:
        sys.exit(f"weights without a place: {report.unexpected_keys}")
    words = Tokenizer.from_file(str(Path(job["model"]) / "tokenizer.json"))
    model.tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<bos>")
    return model, hf


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(job["threads"])
    model, hf = replacement_model(job)
    ids = torch.tensor(job["ids"])
    with torch.no_grad():
        gap = float((model(ids[None]) - hf(ids[None]).logits).abs().max())
    if not gap < LARGEST_LOGIT_GAP:
        sys.exit(f"the converted model's logits differ by {gap}")
    del hf
    gc.collect()
    seconds, cpu_seconds, graph = [], [], None
    for _ in range(job["repeat"]):
        del graph
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        graph = attribute(
            ids, model, max_n_logits=10, desired_logit_prob=0.95, batch_size=job["batch"],
            max_feature_nodes=job["features"], verbose=False,
        )  # fmt: skip
        seconds.append(time.perf_counter() - wall)
        cpu_seconds.append(time.process_time() - cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    np.savez(
        job["out"],
        features=graph.active_features[graph.selected_features].numpy(),
        adjacency=graph.adjacency_matrix.numpy(),
        logits=np.array([target.vocab_idx for target in graph.logit_targets]),
    )
    figures = {"seconds": seconds, "cpu_seconds": cpu_seconds, "max_rss_gb": peak, "logit_gap": gap}
    print(json.dumps(figures), flush=True)
    os._exit(0)  # TransformerLens raises while the interpreter shuts down


main()
