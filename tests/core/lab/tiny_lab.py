"""A Lab on a tiny random model, prompts of two lengths, and a slow obvious reference for it."""

import random
from dataclasses import replace

import numpy as np
import torch

from core.bundle import Bundle
from core.circuit import Attention, Circuit, FeatureNode, HeadNode
from core.hierarchy import Hierarchy
from core.interventions import Ablation
from core.lab import Lab
from core.tasks import PromptPair, Split, Task
from tests.tiny import WORDS, tiny_hf, tiny_model, tiny_transcoders

LENGTH = 5
NODES = tuple(
    FeatureNode(layer, position, feature)
    for layer, position in ((0, 1), (0, 4), (1, 4), (1, 2))
    for feature in range(0, 12, 2)
)


def tiny_task(prompts=24, seed=0) -> Task:
    """Random pairs of 5 and 4 tokens; nearly half for means, half for tests."""
    chance = random.Random(seed)
    words = WORDS[3:]
    pairs = []
    for i in range(prompts):
        length = LENGTH - (i % 3 == 2)
        clean, corrupt = (
            " ".join(["<bos>", *chance.choices(words, k=length - 1)]) for _ in range(2)
        )
        answer, wrong = chance.sample(words, 2)
        variables = {"first": clean.split()[-1], "number": i % 5}
        pairs.append(
            PromptPair(
                clean=clean, corrupt=corrupt, answer=answer, wrong=wrong, variables=variables
            )
        )
    splits = {split: () for split in Split}
    splits[Split.FEATURES] = tuple(range(prompts // 2 - 3))
    for back, split in enumerate((Split.ATTRIBUTION, Split.LABELS, Split.SELECTION), start=1):
        splits[split] = (prompts // 2 - back,)
    splits[Split.TEST] = tuple(range(prompts // 2, prompts))
    return Task(
        name="tiny", title="Tiny", pairs=tuple(pairs), splits=splits, gate=0.0, source="test"
    )


def own_answers(model, task) -> Task:
    """The same prompts, answered as the model answers them: F then has a span to be measured by."""
    pairs = []
    for pair in task.pairs:
        logits = model.logits(model.encode(pair.clean)[None])[0, 3:]
        answer, wrong = WORDS[3 + int(logits.argmax())], WORDS[3 + int(logits.argmin())]
        pairs.append(replace(pair, answer=answer, wrong=wrong))
    return replace(task, pairs=tuple(pairs))


def tiny_bundle(model, coders, task, nodes=NODES) -> Bundle:
    """A bundle of these nodes; its graph is filled in by `tiny_lab`."""
    n = len(nodes)
    tree = Hierarchy(
        parent=np.array([-1, 0, 0]),
        start=np.array([0, 0, n // 2]),
        stop=np.array([n, n // 2, n]),
        order=np.arange(n),
        edge_index=np.zeros((2, 0), dtype=np.int64),
        weight=np.zeros(0),
    )
    heads = any(isinstance(node, HeadNode) for node in nodes)
    circuit = Circuit(
        nodes=nodes,
        attention=Attention.CIRCUIT if heads else Attention.LIVE,
        model_key=model.key,
        transcoder_key=coders.key,
        task_key=task.key,
        seed=0,
    )
    from core.attribution import SalientLogits, build_graph

    graph = build_graph(model, coders, torch.arange(LENGTH), SalientLogits())
    return Bundle(
        name="tiny",
        title="Tiny",
        circuit=circuit,
        hierarchy=tree,
        graph=graph,
        validation={"verdict": "undecided", "reasons": []},
        provenance={"settings": {}},
    )


def tiny_lab(
    kind="gpt2", *, skip=False, crosses=False, prompts=24, nodes=NODES, answers="random"
) -> Lab:
    """`answers`: "random", or "own" for the model's."""
    model = tiny_model(kind)
    coders = tiny_transcoders(model, skip=skip, crosses=crosses)
    task = tiny_task(prompts)
    if answers == "own":
        task = own_answers(model, task)
    return Lab(tiny_bundle(model, coders, task, nodes), model=model, transcoders=coders, task=task)


class Slow:
    """The Lab's meaning written out: one prompt, plain hooks on a plain Hugging Face model."""

    def __init__(self, kind, lab):
        self.hf = tiny_hf(kind)
        self.lab, self.coders = lab, lab.transcoders
        self.known_means = {}
        if kind == "gpt2":
            self.blocks = list(self.hf.transformer.h)
            self.heads = [block.attn.c_proj for block in self.blocks]
        elif kind == "llama":
            self.blocks = list(self.hf.model.layers)
            self.heads = [block.self_attn.o_proj for block in self.blocks]
        else:
            self.blocks = list(self.hf.gpt_neox.layers)
            self.heads = [block.attention.dense for block in self.blocks]

    def ids(self, text):
        return torch.tensor([self.lab.model.encode(text).tolist()])

    def values(self, text):
        """(x, y, a, e, z) of every layer on one prompt."""
        seen_mlp, seen_z = [], []
        hooks = [
            b.mlp.register_forward_hook(lambda _m, args, out: seen_mlp.append((args[0], out)))
            for b in self.blocks
        ]
        hooks += [
            h.register_forward_pre_hook(lambda _m, args: seen_z.append(args[0])) for h in self.heads
        ]
        self.hf(input_ids=self.ids(text))
        for hook in hooks:
            hook.remove()
        rows, active = [], []
        for coder, (x, y), z in zip(self.coders, seen_mlp, seen_z, strict=True):
            a = coder.encode(x)
            rebuilt = coder.own(a, x) + self.from_below(active)
            active.append(a)
            rows.append((x[0], y[0], a[0], (y - rebuilt)[0], z[0]))
        return rows

    def from_below(self, active):
        """What features of lower layers write after them, given their activations."""
        every, layer = torch.arange(self.coders.n_features), len(active)
        return sum(a @ self.coders.writes(at, every, layer) for at, a in enumerate(active))

    def reference(self, pair, how):
        """(x°, y°, a°, e°, z°) of every layer, at this prompt's positions."""
        if how is Ablation.RESAMPLE:
            return self.values(pair.corrupt)
        rows = self.means(len(pair.clean.split()))
        if how is Ablation.ZERO:
            zeros = [[torch.zeros_like(v) for v in row] for row in rows]
            for row, coder in zip(zeros, self.coders, strict=True):
                row[1] = coder.b_dec.expand_as(row[1])  # a constant is no node: it stays
            return zeros
        return rows

    def means(self, length):
        """Averages over the features split, counted from the right."""
        if length in self.known_means:
            return self.known_means[length]
        runs = [self.values(p.clean) for p in self.lab.task.of(Split.FEATURES)]
        rows = []
        for layer in range(len(self.blocks)):
            columns = []
            for site in range(5):
                at = []
                for back in range(length, 0, -1):
                    have = [r[layer][site][-back] for r in runs if len(r[layer][site]) >= back]
                    at.append(torch.stack(have).mean(0))
                columns.append(torch.stack(at))
            rows.append(tuple(columns))
        self.known_means[length] = rows
        return rows

    def logits(self, pair, changes, settings):
        length = len(pair.clean.split())
        shift = LENGTH - length
        ref = self.reference(pair, settings.how)
        held = self.means(length)
        circuit = {tuple(node) for node in self.lab.bundle.circuit.nodes}
        hooks, sent = [], ([], [])
        for layer, block in enumerate(self.blocks):
            hooks.append(
                block.mlp.register_forward_hook(
                    self._mlp(layer, changes, settings, ref, held, circuit, shift, sent)
                )
            )
            hooks.append(
                self.heads[layer].register_forward_pre_hook(
                    self._head(layer, changes, ref[layer][4], shift)
                )
            )
        out = self.hf(input_ids=self.ids(pair.clean)).logits[0, -1]
        for hook in hooks:
            hook.remove()
        return out

    def _mlp(self, layer, changes, settings, ref, held, circuit, shift, sent):
        """`sent` collects this run's live and changed activations, layer by layer."""
        coder = self.coders[layer]
        x0, y0, a0, e0, _ = ref[layer]
        asked = {change.node: change.scale for change in changes}

        def hook(_module, args, out):
            x, y = args[0][0], out[0]
            a = coder.encode(x)
            running, changed = sent
            e = y - coder.own(a, x) - self.from_below(running)
            below = self.from_below(changed)
            inside = settings.inside == "model"
            new_a = torch.empty_like(a)
            for p in range(len(a)):
                for f in range(a.shape[1]):
                    s = asked.get(f"{layer}:{p + shift}:{f}")
                    live = inside or (layer, p + shift, f) in circuit
                    if s is not None:
                        value = a0[p, f] if s == 0 else s * a[p, f]
                    else:
                        value = a[p, f] if live else a0[p, f]
                    new_a[p, f] = value
            running.append(a)
            changed.append(new_a)
            rest = e if inside else e0
            if settings.errors == "mean":
                rest = held[layer][3]
            if settings.errors == "zero":
                rest = torch.zeros_like(e)
            new_e = rest.clone()
            for p in range(len(a)):
                s = asked.get(f"e:{layer}:{p + shift}")
                if s is not None:
                    new_e[p] = e0[p] if s == 0 else s * e[p]
            if inside:
                return (coder.own(new_a, x) + below + new_e)[None]
            resting = self.from_below([row[2] for row in ref[:layer]])
            bias = y0 - a0 @ coder.W_dec - resting - e0  # b_dec and skip at the reference
            if settings.errors != "live" and coder.W_skip is not None:
                bias = bias + (x - x0) @ coder.W_skip.T
            return (new_a @ coder.W_dec + below + new_e + bias)[None]

        return hook

    def _head(self, layer, changes, z0, shift):
        d_head = self.lab.model.d_head

        def hook(_module, args):
            z = args[0].clone()
            for change in changes:
                if not change.node.startswith(f"L{layer}H"):
                    continue
                head, _, position = change.node.removeprefix(f"L{layer}H").partition("@")
                span = slice(int(head) * d_head, (int(head) + 1) * d_head)
                places = [int(position) - shift] if position else range(z.shape[1])
                for p in places:
                    if p < 0:
                        continue
                    live = args[0][0, p, span]
                    z[0, p, span] = z0[p, span] if change.scale == 0 else change.scale * live
            return (z, *args[1:])

        return hook
