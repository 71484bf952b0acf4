"""The store that `app_latency --large` opens: one circuit on a random model of a large shape.

    python benchmarks/app_latency_large.py FOLDER

1. A model of GPT-2 small's shape (12 layers of width 768, 50,257 tokens), random weights, and a
   task of 48 random prompts of 16 tokens.
2. TopK transcoders of 4,096 features a layer, 16 of them active, random too.
3. The circuit: the 300 features of one prompt's attribution graph, with their tree.

It takes a minute and 0.8 GB; `FOLDER/complete` says that all of it is there.
"""

import argparse
import json
import random
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from core.attribution import AttributionSettings, Direction, build_graph
from core.bundle import Bundle, Source, provenance, write_bundle
from core.circuit import Circuit, FeatureNode
from core.graph import AttributionGraph, NodeKind
from core.hierarchy import Hierarchy, build_hierarchy
from core.models import LanguageModel, load_model
from core.tasks import Task, load_task
from core.transcoders import (
    TopK,
    Transcoder,
    TranscoderSet,
    load_transcoders,
    save_transcoders,
)

NAME = "gpt2-small-shape"
"""Of the model's transcoders and of the circuit."""
WIDTH, LAYERS, VOCABULARY = 768, 12, 50257
FEATURES, ACTIVE = 4096, 16
"""Of each layer's transcoder, and how many of them at a token."""
PROMPTS, LENGTH, NODES = 48, 16, 300


class Parts(NamedTuple):
    """What the circuit is made of."""

    model: LanguageModel
    coders: TranscoderSet
    task: Task


def main() -> None:
    """Makes all of it under the folder named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the store goes")
    work = parser.parse_args().folder
    torch.manual_seed(0)
    _write_model(work / "model")
    _write_task(work / "task.jsonl")
    model = load_model(work / "model")
    save_transcoders(_coders(model), work / "coders")
    coders = load_transcoders(work / "coders", model)
    _write_circuit(Parts(model, coders, load_task(work / "task.jsonl")), work)
    (work / "complete").touch()


def _write_model(folder: Path) -> None:
    """Random weights, and one token for each of so many words."""
    words = {"<unk>": 0, "<bos>": 1, **{f"w{i}": i for i in range(2, VOCABULARY)}}
    plain = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token="<bos>", unk_token="<unk>"
    )
    GPT2LMHeadModel(GPT2Config(bos_token_id=1, eos_token_id=0)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _write_task(path: Path) -> None:
    """Random prompts that all have the same two answers."""
    chance, lines = random.Random(0), []
    for _ in range(PROMPTS):
        clean, corrupt = (
            " ".join(["<bos>", *(f"w{chance.randrange(2, VOCABULARY)}" for _ in range(LENGTH - 1))])
            for _ in range(2)
        )
        pair = {"clean": clean, "corrupt": corrupt, "answer": "w5", "wrong": "w6"}
        lines.append(json.dumps(pair))
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _coders(model: LanguageModel) -> TranscoderSet:
    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape) / shape[-1] ** 0.5

    layers = tuple(
        Transcoder(
            W_enc=draw(FEATURES, WIDTH), b_enc=torch.zeros(FEATURES), W_dec=draw(FEATURES, WIDTH),
            b_dec=torch.zeros(WIDTH), W_skip=None, activation=TopK(k=ACTIVE),
        )
        for _ in range(LAYERS)
    )  # fmt: skip
    return TranscoderSet(layers=layers, model_name=NAME, model_key=model.key, kind="topk")


def _write_circuit(parts: Parts, work: Path) -> None:
    model, coders, task = parts
    settings = AttributionSettings(max_feature_nodes=NODES)
    target = Direction(answer=5, wrong=6)
    graph = build_graph(model, coders, model.encode(task.pairs[0].clean), target, settings)
    features = (graph.kind == int(NodeKind.FEATURE)).nonzero()[:, 0].tolist()
    columns = (graph.layer, graph.position, graph.index)
    circuit = Circuit(
        nodes=tuple(FeatureNode(*(int(column[i]) for column in columns)) for i in features),
        seed=0, model_key=model.key, transcoder_key=coders.key, task_key=task.key,
    )  # fmt: skip
    bundle = Bundle(
        name=NAME,
        title="random · GPT-2 small's shape",
        circuit=circuit,
        hierarchy=_tree(graph, features),
        graph=graph,
        validation={"verdict": "undecided", "reasons": ["A random model."]},
        provenance=provenance(
            model=Source(ref=str(work / "model"), key=model.key),
            transcoders=Source(ref=str(work / "coders"), key=coders.key),
            task=Source(ref=str(work / "task.jsonl"), key=task.key),
            settings={}, seed=0, command="benchmarks/app_latency_large.py",
        ),
    )  # fmt: skip
    results = work / "store" / "results"
    results.mkdir(parents=True, exist_ok=True)
    (work / "store" / "store.json").write_text('{"schema": 1}', "utf-8")
    write_bundle(bundle, results / bundle.name)


def _tree(graph: AttributionGraph, features: list[int]) -> Hierarchy:
    """Of the edges among the features."""
    place = {node: i for i, node in enumerate(features)}
    source, end = graph.edge_index.tolist()
    inside = [k for k in range(len(source)) if source[k] in place and end[k] in place]
    edges = np.array([[place[ends[k]] for k in inside] for ends in (source, end)], dtype=np.int64)
    return build_hierarchy(len(features), edges, graph.direct_effect[inside].double().numpy())


if __name__ == "__main__":
    main()
