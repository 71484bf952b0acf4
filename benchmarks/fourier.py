"""Do the circuits of modular addition use the frequencies that the trained weights have?

    python benchmarks/fourier.py [NAME ...]

For every bundled circuit of a task whose answers a variable counts, which is modular addition:

1. *Weights*: key frequencies of the number tokens' embeddings and unembeddings (final norm's weight
   applied), from their discrete Fourier transform, beside shuffled numbers (`core.features`); as
   `hagd run` stored them.
2. *Features*: the frequencies that the circuit's features follow on the test prompts, each feature
   named only where it beats its shuffled control. Agreement: share of their readings that are key
   frequencies of the embedding or the unembedding, beside the share that random frequencies would
   have; p: binomial tail, readings taken as independent. And the rank correlation of a frequency's
   power in the weights with its number of readings; p over 9,999 permutations of the frequencies.
3. *Roles*: how many features follow which variable, by layer and position, at each frequency; the
   share of supernodes whose label states a frequency.
4. *Geometry*: gradient symmetry and distance irrelevance of the model on all a + b, beside an ideal
   clock and an ideal pizza on the embedding's key frequencies.

The features are found from activations alone, so that weights and features can disagree. A
circuit takes some ten seconds, and is measured again only when it has become another one. Results:
benchmarks/results/fourier.json and .md.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from bundled import Stored, bundled_circuits, real
from scipy.stats import binom
from study import Results, arguments, chosen, line, results_file, rule
from torch import Tensor

from core.assets import CIRCUITS
from core.bundle import open_bundle
from core.features import measure
from core.features.activations import role_of
from core.features.fourier import (
    Logits,
    circle_embedding,
    counted_answers,
    distance_irrelevance,
    gradient_symmetry,
    ideal_clock,
    ideal_pizza,
)
from core.lab import Lab
from core.labels import reading
from core.models import Edits, suited_threads
from core.predictions.score import chance_of, spearman
from core.tasks import encode_pairs

OUT = results_file("fourier")
COMMAND = "python benchmarks/fourier.py"
ENDS = ("embedding", "unembedding")
SAMPLES = 600
"""Operands whose gradients are compared."""
PERMUTATIONS = 9999


def number_tokens(lab: Lab) -> Tensor:
    """Vocabulary id of each number, from the task's own answers."""
    batches = encode_pairs(lab.task.pairs, lab.model.tokenizer)
    rows = torch.cat([batch.index for batch in batches]).tolist()
    answers = torch.cat([batch.answer for batch in batches]).tolist()
    found = counted_answers([lab.task.pairs[row].variables for row in rows], answers)
    assert found is not None  # modular addition declares its result
    return torch.tensor(found.tokens)


def features(lab: Lab, found: dict[str, Any], turns: int) -> dict[str, Any]:
    """Frequencies of the circuit's features beside those of the weights."""
    measured = measure(lab, lab.bundle.circuit.features)
    read, roles = Counter[int](), Counter[str]()
    for node, fits in zip(measured.nodes, measured.fits, strict=True):
        known = reading(fits)
        for k in known.frequencies if known else ():
            read[k] += 1
            role = f"L{node.layer} at {role_of(lab, node.position)}"
            roles[f"{role}: {' + '.join(known.variables)}, k {k}" if known else role] += 1
    key = set(found["embedding"]["key"]) | set(found["unembedding"]["key"])
    inside = sum(count for k, count in read.items() if k in key)
    total, chance = sum(read.values()), len(key) / turns
    power = np.maximum(found["embedding"]["share"], found["unembedding"]["share"])
    counts = np.array([read[k] for k in range(1, turns + 1)], dtype=float)
    rng = np.random.default_rng(0)
    drawn = spearman(np.stack([rng.permutation(power) for _ in range(PERMUTATIONS)]), counts)
    rank = float(spearman(power, counts))
    return {
        "features": len(measured.nodes),
        "with_a_frequency": sum(bool(r and r.frequencies) for r in map(reading, measured.fits)),
        "readings": {str(k): count for k, count in read.most_common()},
        "key_of_weights": sorted(key),
        "key_never_read": sorted(key - set(read)),
        "agreement": round(inside / total, 4) if total else None,
        "agreement_by_chance": round(chance, 4),
        "agreement_p": float(binom.sf(inside - 1, total, chance)) if total else None,
        "rank_correlation": round(rank, 4),
        "rank_correlation_p": chance_of(rank, drawn),
        "roles": dict(roles.most_common()),
    }


def labels(lab: Lab) -> dict[str, Any]:
    """How many supernodes' labels state a frequency, and which variable with it."""
    tree = lab.bundle.hierarchy
    said = [lab.bundle.labels.get(name, "") for name in tree.name]
    wave = [text for text in said if re.search(r"\bk \d|\bcos \d", text)]
    roles = Counter(word for text in wave for word in re.findall(r"\b(a|b|result)\b", text))
    stated = sum(bool(re.search(r"\b(a|b|result)\b", text)) for text in wave)
    return {
        "supernodes": len(said),
        "state_a_frequency": len(wave),
        "and_its_variable": stated,
        "variables": dict(roles),
    }


def geometry_of_model(lab: Lab, tokens: Tensor) -> dict[str, float]:
    """Both figures of the model: all operands in one of its own prompts."""
    p, model = len(tokens), lab.model
    batch = encode_pairs(lab.task.pairs[:1], model.tokenizer)[0]
    at = [lab.task.roles.index(name) if name in lab.task.roles else -1 for name in ("a", "b")]
    first, second = at if min(at) >= 0 else operand_places(lab)
    a, b = torch.cartesian_prod(torch.arange(p), torch.arange(p)).T
    ids = batch.clean[:1].repeat(p * p, 1)
    ids[:, first], ids[:, second] = tokens[a], tokens[b]
    with torch.no_grad():
        logits = torch.cat([model.logits(part) for part in ids.split(1024)])
    correct = logits[torch.arange(p * p), tokens[(a + b) % p]].view(p, p)
    chance = torch.Generator().manual_seed(0)
    some = torch.randperm(p * p, generator=chance)[:SAMPLES]
    value = tokens[torch.randint(p, (SAMPLES,), generator=chance)]
    resid = model.embed(ids[some]).total.detach().requires_grad_()
    out = model.run_from(0, resid, Edits())[torch.arange(SAMPLES), value].sum()
    (slope,) = torch.autograd.grad(out, resid)
    right = (logits.argmax(-1) == tokens[(a + b) % p]).float().mean()
    return {
        "gradient_symmetry": round(gradient_symmetry(slope[:, first], slope[:, second]), 4),
        "distance_irrelevance": round(distance_irrelevance(correct), 4),
        "accuracy": round(float(right), 4),
    }


def operand_places(lab: Lab) -> tuple[int, int]:
    """Positions at which prompts of the task differ: those of a and b."""
    batch = encode_pairs(lab.task.pairs, lab.model.tokenizer)[0].clean
    varied = (batch != batch[:1]).any(0).nonzero()[:, 0].tolist()
    return varied[0], varied[1]


def geometry_of(logits: Logits, p: int, key: list[int]) -> dict[str, float]:
    """Both figures of a closed form."""
    a, b = torch.cartesian_prod(torch.arange(p), torch.arange(p)).T
    table = circle_embedding(p, key)
    x, y = table[a].requires_grad_(), table[b].requires_grad_()
    found = logits(x, y)
    chance = torch.Generator().manual_seed(0)
    rows, value = torch.arange(p * p), torch.randint(p, (p * p,), generator=chance)
    at_a, at_b = torch.autograd.grad(found[rows, value].sum(), (x, y))
    correct = found.detach()[rows, (a + b) % p].view(p, p)
    return {
        "gradient_symmetry": round(gradient_symmetry(at_a, at_b), 4),
        "distance_irrelevance": round(distance_irrelevance(correct), 4),
    }


def counted(one: Stored) -> bool:
    """Whether a run found frequencies to look for in the model's weights."""
    return "period" in one.validation.get("fourier", {})


def study(one: Stored) -> dict[str, Any]:
    """One circuit."""
    lab, told = Lab(open_bundle(CIRCUITS / one.name)), one.validation["fourier"]
    p, found, tokens = told["period"], {end: told[end] for end in ENDS}, number_tokens(lab)
    key = found["embedding"]["key"]
    with suited_threads(lab.model):
        return {
            "stamp": one.stamp,
            "p": p,
            "weights": found,
            "features": features(lab, found, (p - 1) // 2),
            "labels": labels(lab),
            "geometry": {
                "model": geometry_of_model(lab, tokens),
                "ideal clock": geometry_of(ideal_clock(p, key), p, key),
                "ideal pizza": geometry_of(ideal_pizza(p, key), p, key),
            },
        }


TOLD = (
    "p of the agreement is a binomial one over a circuit's readings as if they were independent; "
    "features of one circuit are not, so it is a bound on nothing and says only that the agreement "
    "is far from chance."
)


def page(body: Mapping[str, Any]) -> str:
    """All circuits as Markdown."""
    found = body["circuits"]
    columns = (
        *("circuit", "key: embedding", "key: unembedding", "features with a frequency"),
        *("readings", "agreement (chance, p)", "rank correlation (p)", "labels with k"),
    )
    lines = [f"`{COMMAND}`", "", TOLD, "", line(columns), rule(len(columns))]
    for name, row in found.items():
        told, ends = row["features"], row["weights"]
        read = ", ".join(f"{k} ×{count}" for k, count in list(told["readings"].items())[:8])
        lines.append(
            f"| {name} | {', '.join(map(str, ends['embedding']['key']))} | "
            f"{', '.join(map(str, ends['unembedding']['key']))} | {told['with_a_frequency']} of "
            f"{told['features']} | {read} | {told['agreement']} ({told['agreement_by_chance']}, "
            f"{told['agreement_p']:.1g}) | {told['rank_correlation']} "
            f"({told['rank_correlation_p']:.1g}) | {row['labels']['state_a_frequency']} of "
            f"{row['labels']['supernodes']} |"
        )
    heads = ("circuit", "geometry", "gradient symmetry", "distance irrelevance")
    lines += ["", line(heads), rule(len(heads))]
    for name, row in found.items():
        for what, one in row["geometry"].items():
            figures = (one["gradient_symmetry"], one["distance_irrelevance"])
            lines.append(line([name, what, *figures]))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Studies the circuits named, or all, where they are not known as they are."""
    given = arguments(__doc__, OUT, chooses="names").parse_args()
    there = {one.name: one for one in real(bundled_circuits()) if counted(one)}
    results = Results(given.out, page, under="circuits", about={"command": COMMAND})
    stamps = {name: one.stamp for name, one in there.items()}
    for name in results.outdated(stamps, chosen(there, given.names), again=given.again):
        results.put(name, study(there[name]))
        print(name, flush=True)
    print(page(results.found))


if __name__ == "__main__":
    main()
