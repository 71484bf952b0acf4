"""A store on disk with one small real circuit (random model), a null, a damaged one: seconds."""

import json
import random
from pathlib import Path

import numpy as np

from core.attribution import Direction, build_graph
from core.bundle import Bundle, Source, provenance, write_bundle
from core.circuit import Circuit, FeatureNode
from core.graph import NodeKind
from core.hierarchy import Hierarchy
from core.models import load_model
from core.tasks import load_task
from core.transcoders import load_transcoders, save_transcoders
from tests.tiny import WORDS, tiny_hf, tiny_model, tiny_tokenizer, tiny_transcoders

LENGTH = 5


def write_model(folder: Path) -> Path:
    """A random GPT-2 with its tokenizer, as `save_pretrained` leaves it."""
    hf = tiny_hf("gpt2")
    hf.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def write_task(path: Path, prompts: int = 40) -> Path:
    """Random pairs of 5 tokens."""
    chance, words = random.Random(0), WORDS[3:]
    lines = []
    for i in range(prompts):
        clean, corrupt = (
            " ".join(["<bos>", *chance.choices(words, k=LENGTH - 1)]) for _ in range(2)
        )
        answer, wrong = chance.sample(words, 2)
        line = {"clean": clean, "corrupt": corrupt, "answer": answer, "wrong": wrong}
        lines.append(json.dumps(line | {"variables": {"number": i % 5}}))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def write_store(root: Path) -> Path:
    """The store: `tiny` (holds), `null` (rejected) and `damaged`."""
    model = load_model(write_model(root / "own" / "model"))
    save_transcoders(tiny_transcoders(tiny_model("gpt2")), root / "own" / "coders")
    coders = load_transcoders(root / "own" / "coders", model)
    task = load_task(write_task(root / "own" / "task.jsonl"))
    store = root / "store"
    (store / "results").mkdir(parents=True)
    (store / "store.json").write_text('{"schema": 1}', "utf-8")
    record = provenance(
        model=Source(ref=str(root / "own" / "model"), key=model.key),
        transcoders=Source(ref=str(root / "own" / "coders"), key=coders.key),
        task=Source(ref=str(root / "own" / "task.jsonl"), key=task.key),
        settings={},
        seed=0,
        command="test",
    )
    ids = model.encode(task.pairs[0].clean)
    graph = build_graph(model, coders, ids, Direction(answer=3, wrong=4))
    feature = (graph.kind == int(NodeKind.FEATURE)).nonzero()[:, 0].tolist()
    columns = (graph.layer, graph.position, graph.index)
    nodes = tuple(FeatureNode(*(int(column[i]) for column in columns)) for i in feature)
    circuit = Circuit(
        nodes=nodes, model_key=model.key, transcoder_key=coders.key, task_key=task.key, seed=0
    )
    for name, verdict in (("tiny", "holds"), ("null", "rejected")):
        bundle = Bundle(
            name=name,
            title=f"{name} <b>sums</b>",
            circuit=circuit,
            hierarchy=_tree(len(nodes)),
            graph=graph,
            validation=_validation(len(nodes), verdict),
            provenance=record,
            labels={"A": "first <i>half</i>"},
        )
        write_bundle(bundle, store / "results" / name)
    damaged = store / "results" / "damaged"
    damaged.mkdir()
    (damaged / "circuit.json").write_text('{"schema": "hag', "utf-8")
    return store


def _tree(n: int) -> Hierarchy:
    """Halves A and B, each of two quarters."""
    half, quarter, last = n // 2, n // 4, 3 * n // 4
    return Hierarchy(
        parent=np.array([-1, 0, 0, 1, 1, 2, 2]),
        start=np.array([0, 0, half, 0, quarter, half, last]),
        stop=np.array([n, half, n, quarter, half, last, n]),
        order=np.arange(n),
        edge_index=np.zeros((2, 0), dtype=np.int64),
        weight=np.zeros(0),
    )


def _validation(n: int, verdict: str) -> dict:
    f = 0.97 if verdict == "holds" else 0.02
    curve = [
        {
            "size": size,
            "faithfulness": f * size / n,
            "phi": f,
            "random_low": 0.0,
            "random_high": 0.1,
        }
        for size in (0, n // 2, n)
    ]
    return {
        "verdict": verdict,
        "reasons": ["Made by a test."],
        "faithfulness": f,
        "faithfulness_ci": [f - 0.01, f + 0.01],
        "phi": f,
        "phi_empty": 0.05,
        "n_nodes": n,
        "random": {"n": 100, "p_value": 0.0099 if verdict == "holds" else 0.6},
        "curve": curve,
    }
