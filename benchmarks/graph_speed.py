"""Attribution graphs: our seconds, memory and edges beside circuit-tracer's, on the same weights.

    bash benchmarks/setup_circuit_tracer.sh
    python benchmarks/graph_speed.py --tokens 16 --out benchmarks/results/graph_speed_16.json
    python benchmarks/graph_speed.py --tokens 64 --out benchmarks/results/graph_speed_64.json

1. Make a model of GPT-2 small's shape with random weights, and random TopK transcoders.
2. In turns, each in a process of its own: our graph of a prompt, circuit-tracer's of the same. Both
   choose their own feature nodes, as many; both use the same number of threads.
3. Take each side's best time and its peak resident memory (model and transcoders are part of it).
4. Build ours on circuit-tracer's feature nodes and compare every edge both have. circuit-tracer
   has no nodes for position embeddings and constants, and drops features and errors at position 0.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
N_LAYERS, D_MODEL, D_VOCAB, N_FEATURES, K = 12, 768, 50257, 4096, 16


def main() -> None:
    args = arguments()
    work = Path(args.work or Path(tempfile.gettempdir()) / "hagd-graph-speed")
    if not (work / "complete").exists():
        subprocess.run([sys.executable, __file__, "--make", work], check=True)
    report = {
        "command": " ".join(["python", "benchmarks/graph_speed.py", *sys.argv[1:]]),
        "model": f"{N_LAYERS} layers, d_model {D_MODEL}, {K} of {N_FEATURES} features, random",
        "feature_nodes": args.features,
        "threads": args.threads,
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "results": [race(args, work, tokens) for tokens in args.tokens],
    }
    text = json.dumps(report, indent=1)
    print(text)
    if args.out:
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        Path(args.out).write_text(text + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tokens", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--features", type=int, default=1024, help="feature nodes")
    parser.add_argument("--repeat", type=int, default=3, help="builds in one process")
    parser.add_argument("--rounds", type=int, default=2, help="processes of each side, in turns")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=256, help="circuit-tracer's batch size")
    parser.add_argument("--work", help="folder that keeps model and transcoders")
    parser.add_argument("--out", help="JSON file of the results")
    return parser.parse_args()


def race(args: argparse.Namespace, work: Path, tokens: int) -> dict[str, Any]:
    """Both sides on one prompt length."""
    job = {
        "model": str(work), "transcoders": str(work / "transcoders"), "k": K,
        "ids": json.loads((work / "ids.json").read_text())[:tokens], "features": args.features,
        "batch": args.batch, "repeat": args.repeat, "threads": args.threads,
        "out": str(work / f"peer-{tokens}.npz"),
    }  # fmt: skip
    path = work / f"job-{tokens}.json"
    path.write_text(json.dumps(job))
    ours, theirs = [], []
    for _ in range(args.rounds):
        ours.append(child([sys.executable, __file__, "--ours", path], args.threads))
        theirs.append(child([peer_python(), HERE / "graph_speed_peer.py", path], args.threads))
    edges = child([sys.executable, __file__, "--compare", path], args.threads)
    mine, peer = summary(ours), summary(theirs)
    return {
        "tokens": tokens,
        "ours": mine,
        "circuit_tracer": peer,
        "times_faster": round(peer["seconds"] / mine["seconds"], 1),
        "times_less_processor_time": round(peer["cpu_seconds"] / mine["cpu_seconds"], 1),
        "memory_share": round(mine["max_rss_gb"] / peer["max_rss_gb"], 3),
        **edges,
    }


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Best times over all runs, largest memory."""
    every = sorted(second for run in runs for second in run["seconds"])
    return {
        "seconds": every[0],
        "all_seconds": every,
        "cpu_seconds": min(second for run in runs for second in run["cpu_seconds"]),
        "max_rss_gb": max(run["max_rss_gb"] for run in runs),
    }


def child(command: list[Any], threads: int) -> dict[str, Any]:
    """The last line of a process, read as JSON."""
    passive = {"OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        list(map(str, command)), env=os.environ | passive, stdout=subprocess.PIPE, text=True
    )
    if done.returncode or not done.stdout.strip():
        sys.exit(f"{command} ended with {done.returncode}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def peer_python() -> Path:
    """Interpreter of circuit-tracer's environment."""
    folder = os.environ.get("BENCHMARK_PEERS") or Path(tempfile.gettempdir()) / "hagd-peers"
    python = Path(folder) / "circuit-tracer-0.5.0" / "bin" / "python"
    if not python.exists():
        sys.exit("circuit-tracer is not set up: run benchmarks/setup_circuit_tracer.sh")
    return python


# in processes of their own ---------------------------------------------------------------------


def make(work: Path) -> None:
    """A model folder and a transcoder folder with random weights, and token ids."""
    import torch
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    (work / "transcoders").mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config(bos_token_id=1, eos_token_id=0)).save_pretrained(work)
    words = ["<pad>", "<bos>", *(f"w{i}" for i in range(2, D_VOCAB))]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<bos>")
    fast.save_pretrained(work)
    for layer in range(N_LAYERS):
        encoder, decoder = torch.randn(2, N_FEATURES, D_MODEL) * D_MODEL**-0.5
        biases = {"b_enc": torch.zeros(N_FEATURES), "b_dec": torch.zeros(D_MODEL)}
        tensors = {"W_enc": encoder.clone(), "W_dec": decoder.clone(), **biases}
        save_file(tensors, work / "transcoders" / f"layer_{layer}.safetensors")
    (work / "transcoders" / "config.yaml").write_text(
        "model_name: random\nmodel_kind: transcoder_set\nfeature_input_hook: mlp.hook_in\n"
        f"feature_output_hook: mlp.hook_out\nscan: random\nactivation: topk\nk: {K}\n"
    )
    ids = [1, *torch.randint(2, D_VOCAB, (255,)).tolist()]
    (work / "ids.json").write_text(json.dumps(ids))
    (work / "complete").touch()


def load(job: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Model, transcoders and token ids."""
    import torch

    from core.models import load_model
    from core.transcoders import load_transcoders

    torch.set_num_threads(job["threads"])
    model = load_model(job["model"])
    return model, load_transcoders(job["transcoders"], model), torch.tensor(job["ids"])


def ours(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds, processor seconds and memory of our builds."""
    from core.attribution import AttributionSettings, build_graph
    from core.attribution.explain import max_rss_gb

    model, transcoders, ids = load(job)
    settings = AttributionSettings(max_feature_nodes=job["features"])
    seconds, cpu_seconds, graph = [], [], None
    for _ in range(job["repeat"]):
        wall, cpu = time.perf_counter(), time.process_time()
        graph = build_graph(model, transcoders, ids, settings=settings)
        seconds.append(time.perf_counter() - wall)
        cpu_seconds.append(time.process_time() - cpu)
    assert graph is not None
    return {
        "seconds": seconds, "cpu_seconds": cpu_seconds, "max_rss_gb": max_rss_gb(),
        "nodes": graph.n_nodes, "edges": graph.n_edges,
    }  # fmt: skip


def compare(job: dict[str, Any]) -> dict[str, Any]:
    """Largest edge difference over the largest edge of its row, on circuit-tracer's nodes."""
    import numpy as np
    import torch

    from core.attribution import build_graph
    from core.graph import NodeKind

    model, transcoders, ids = load(job)
    with np.load(job["out"]) as peer:
        features, logits = (torch.from_numpy(peer[name]).long() for name in ("features", "logits"))
        theirs = torch.from_numpy(peer["adjacency"])
    graph = build_graph(model, transcoders, ids, features=features)
    own = zip(*(getattr(graph, n).tolist() for n in NODE), strict=True)
    place = {node: number for number, node in enumerate(own)}
    n_pos, error = len(ids), int(NodeKind.ERROR)
    wanted = [(int(NodeKind.FEATURE), *row) for row in features.tolist()]
    wanted += [(error, layer, p, -1) for layer in range(N_LAYERS) for p in range(n_pos)]
    wanted += [(int(NodeKind.TOKEN), -1, p, token) for p, token in enumerate(ids.tolist())]
    wanted += [(int(NodeKind.LOGIT), N_LAYERS, n_pos - 1, token) for token in logits.tolist()]
    at = torch.tensor([place[node] for node in wanted])
    columns = torch.tensor([node[0] != error or node[2] > 0 for node in wanted])
    mine, theirs = graph.dense()[at][:, at[columns]], theirs[:, columns]
    gap = (mine - theirs).abs().amax(1) / mine.abs().amax(1).clamp(min=1e-9)
    return {"edges_compared": int((theirs != 0).sum()), "largest_relative_gap": float(gap.max())}


NODE = ("kind", "layer", "position", "index")

if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--make", folder]:
            make(Path(folder))
        case ["--ours", path]:
            print(json.dumps(ours(json.loads(Path(path).read_text()))))
        case ["--compare", path]:
            print(json.dumps(compare(json.loads(Path(path).read_text()))))
        case _:
            main()
