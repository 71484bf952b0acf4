"""Which known kinds of heads do the bundled models have?

    python benchmarks/head_kinds.py [MODEL ...]

1. Kinds of every head (`core.attention.kinds`: stated scores and thresholds) on the selection
   split; controls: the same model untrained, and what each kind is compared with.
2. Previous-token, duplicate and induction heads once more on random tokens that repeat, the usual
   test (Olsson et al. 2022), as long as the model's own prompts.
3. Each head ablated alone, on average and by its value on the corrupt prompt: what is lost of
   logit(answer) - logit(wrong), and how much of the movers' preference for the answer.
   *S-inhibition-like*: a reader whose ablation takes at least half of that preference.

Results: benchmarks/results/head_kinds.json and .md.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from bundled import model_card
from jaxtyping import Int
from study import Results, arguments, chosen, line, results_file, rule
from torch import Tensor

from core.attention.effects import HeadEffect, head_effects, preference
from core.attention.kinds import HeadKind, HeadProfile, Prompts, profiles
from core.figures import number
from core.interventions import Ablation
from core.models import LanguageModel, bundled_models, load_model, suited_threads
from core.pipeline.prepare import Prepared, prepare
from core.tasks import PromptBatch, Split, load_task

OUT = results_file("head_kinds")
REPEATS = 64
"""Random prompts with repeated tokens."""
STEERS = 0.5
"""Least share of the movers' preference that an S-inhibition-like head takes with it."""


def fresh(model: LanguageModel) -> LanguageModel:
    """The same architecture, untrained."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        hf = type(model.hf)(model.hf.config).requires_grad_(False).eval()
    hf.set_attn_implementation("eager")
    return LanguageModel(hf, model.tokenizer, model.family, f"{model.name} untrained")


def repeats(batch: PromptBatch) -> Int[Tensor, "prompt pos"]:
    """The first token of the prompts, then random tokens of theirs, twice."""
    generator = torch.Generator().manual_seed(0)
    half = (batch.clean.shape[1] - 1) // 2
    pool = batch.clean[:, 1:].unique()
    order = torch.rand(REPEATS, len(pool), generator=generator).argsort(1)[:, :half]
    first = batch.clean[:1, :1].expand(REPEATS, 1)
    return torch.cat([first, pool[order], pool[order]], dim=1)


def answers_of(prepared: Prepared) -> Int[Tensor, " answer"]:
    """Every token that is an answer of some prompt."""
    batches = [batch for split in prepared.batches.values() for batch in split]
    return torch.cat([ids for batch in batches for ids in (batch.answer, batch.wrong)]).unique()


def study(model: LanguageModel, task: str) -> dict[str, Any]:
    """All heads of one model."""
    prepared = prepare(model, load_task(task, tokenizer=model.tokenizer))
    batch = max(prepared.batches[Split.SELECTION], key=lambda b: len(b.clean))
    roles = prepared.task.roles[-batch.clean.shape[1] :]
    answers = answers_of(prepared)
    found = _profiles(model, batch.clean, answers, roles)
    movers = [(f.layer, f.head) for f in found if HeadKind.MOVER in f.kinds]
    mean, resampled = (
        head_effects(model, batch, how, movers) for how in (Ablation.MEAN, Ablation.RESAMPLE)
    )
    pattern = model.trace(batch.clean).pattern
    own = repeats(batch)
    again = _profiles(model, own, answers, tuple(map(str, range(own.shape[1]))))
    untrained = _profiles(fresh(model), batch.clean, answers, roles)
    liked = preference(pattern, batch, movers)
    return {
        "task": task,
        "prompts": len(batch.clean),
        "answers": len(answers),
        "preference": None if math.isnan(liked) else round(liked, 4),
        "heads": [row(*parts, liked) for parts in zip(found, again, mean, resampled, strict=True)],
        "untrained": {
            "kinds": sorted({kind.value for f in untrained for kind in f.kinds}),
            "most": {
                kind.value: round(max(f.lift[kind] for f in untrained), 3)
                for kind in untrained[0].lift
                if not any(math.isnan(f.lift[kind]) for f in untrained)
            },
            "raised": round(max(f.raised for f in untrained), 3),
            "lowered": round(max(f.lowered for f in untrained), 3),
        },
    }


def _profiles(
    model: LanguageModel,
    ids: Int[Tensor, "prompt pos"],
    answers: Int[Tensor, " answer"],
    roles: tuple[str, ...],
) -> tuple[HeadProfile, ...]:
    on = Prompts(model=model, ids=ids, trace=model.trace(ids), answers=answers, roles=roles)
    return profiles(on)


def row(
    found: HeadProfile, again: HeadProfile, mean: HeadEffect, resampled: HeadEffect, liked: float
) -> dict[str, Any]:
    """One head, as JSON values."""
    steered = resampled.steers / liked if liked > 0 else float("nan")
    profile = asdict(found)
    return {
        "head": f"L{found.layer}H{found.head}",
        "label": found.label,
        "kinds": [kind.value for kind in found.kinds],
        "s_inhibition_like": HeadKind.READER in found.kinds and steered >= STEERS,
        "steers": _figure(steered),
        "lost_mean": _figure(mean.lost),
        "lost_resample": _figure(resampled.lost),
        "accuracy_resample": _figure(resampled.accuracy),
        "repeats": {k.value: _figure(again.lift[k]) for k in again.control},
        "repeats_kinds": [k.value for k in again.kinds if k in again.control],
        **{name: _figure(profile[name]) for name in ("raised", "lowered", "evenness")},
        "lift": {k.value: _figure(v) for k, v in found.lift.items()},
        "control": {k.value: _figure(v) for k, v in found.control.items()},
    }


def _figure(value: float) -> float | None:
    return number(value, 3)


def page(found: Mapping[str, Any]) -> str:
    """A table for each model."""
    lines = ["# Kinds of heads", "", f"`{found['command']}`"]
    for name, part in found["models"].items():
        most = ", ".join(f"{k} {v}" for k, v in part["untrained"]["most"].items())
        lines += [
            "",
            f"## {name}: {part['task']}, {part['prompts']} prompts of the selection split",
            "",
            f"Movers' preference for the answer: {part['preference']}. Untrained model: kinds "
            f"{', '.join(part['untrained']['kinds'])}; largest lift {most}; raised "
            f"{part['untrained']['raised']}, lowered {part['untrained']['lowered']}; chance "
            f"{1 / part['answers']:.3f}.",
            "",
            "| head | kind | reader lift | raised | lowered | evenness | previous | duplicate "
            "(control) | induction (control) | induction on repeats | lost, mean | lost, resample "
            "| accuracy then | steers |",
            rule(14),
        ]
        lines += [line(_cells(head)) for head in part["heads"]]
    return "\n".join(lines) + "\n"


def _cells(head: dict[str, Any]) -> list[str]:
    lift, control = head["lift"], head["control"]
    mark = ", S-inhibition-like" if head["s_inhibition_like"] else ""
    return [
        head["head"],
        (head["label"] or "none") + mark,
        str(lift["reads"]),
        *(str(head[name]) for name in ("raised", "lowered", "evenness")),
        str(lift["previous token"]),
        *(f"{lift[kind]} ({control[kind]})" for kind in ("duplicate token", "induction")),
        str(head["repeats"]["induction"]),
        *(str(head[n]) for n in ("lost_mean", "lost_resample", "accuracy_resample", "steers")),
    ]


def main() -> None:
    """Every bundled model, or those named."""
    given = arguments(__doc__, OUT, chooses="models").parse_args()
    about = {"command": "python benchmarks/head_kinds.py"}
    results = Results(given.out, page, under="models", about=about)
    for name in results.missing(chosen(bundled_models(), given.models), again=given.again):
        model = load_model(name)
        task = model_card(name)["task"]
        with suited_threads(model), torch.no_grad():
            results.put(name, study(model, task))
        print(name, *(f"{h['head']} {h['label']}" for h in results.rows[name]["heads"]), sep="\n  ")


if __name__ == "__main__":
    main()
