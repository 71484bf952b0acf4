"""How often the whole pipeline validates a circuit where there is none: its false-positive rate.

    python benchmarks/null_rate.py [--rows 'permuted-*/gpt2-parity/*' ...] [--quick] [--work DIR]

Each null run prepares, discovers, chooses a size and validates as `hagd run` does, with its search,
its controls and its verdict, on fewer prompts and with less search (`SETTINGS`, `LIMITS`):

1. *untrained*: the architecture with weights drawn anew, transcoders trained on it.
2. *permuted-answers*: each prompt's answers dealt to another prompt.
3. *same-answer*: corrupt prompts that have the clean ones' answer.
4. *shuffled-features*: a real search, each feature then exchanged for a random one of its site.
5. *shuffled-labels*: a real search, what it measured of each node then dealt to another node; the
   circuit is as large, its nodes anywhere.

Circuits are of features, all heads live, and on parity of features and heads counted as well
(a row's name then ends in `/heads`). Beside the nulls real runs under the same settings, which
should validate: a pipeline that never says `holds` has no false positives either. Upper bounds are
one-sided, 95 %: exact (Clopper-Pearson), and 3 / n by the rule of three where there is none.

Untrained models and permuted answers are stopped by the model's accuracy, same answers by the span:
before anything is asked of the circuit. So it is told how many nulls those two rules stop, how many
go past them, how many meet every *other* condition, and for how many the floor is all that is left
to stop them. Results: benchmarks/results/null_rate.json and .md.
"""

import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from scipy.stats import beta
from study import Results, arguments, chosen, results_file

from core.circuit import Attention, gated_nodes, node_table
from core.graph import NodeKind
from core.models import LanguageModel, load_model, suited_threads
from core.pipeline.dictionaries import Training, find_transcoders
from core.pipeline.discovery import Discovery, discover
from core.pipeline.nulls import permuted, same_answer, shuffled, untrained
from core.pipeline.prepare import Prepared, head, prepare
from core.pipeline.progress import Clock, ignore
from core.pipeline.settings import RunSettings
from core.pipeline.validation import worst_fvu
from core.store import Store, open_store
from core.tasks import Split, Task, load_task
from core.transcoders import TrainSettings, TranscoderSet, measure_transcoders
from core.validation import Candidate, validate
from core.verdicts import Verdict

OUT = results_file("null_rate")
PAIRS = {
    "gpt2-modadd": "modular-addition",
    "llama-modadd": "modular-addition",
    "gpt2-coref": "coreference",
    "gpt2-parity": "parity",
    "neox-parity": "parity",
}
LIMITS = {
    Split.FEATURES: 400, Split.ATTRIBUTION: 24, Split.LABELS: 96, Split.SELECTION: 96,
    Split.TEST: 128,
}  # fmt: skip
"""Prompts of each split."""
SETTINGS = RunSettings(
    graph_prompts=24, probe_prompts=96, forwards=256, refine_steps=20, max_size=200
)
TRAINING = TrainSettings(kind="nested", features=128, steps=300)
"""Of an untrained model's transcoders."""
KINDS = ("untrained", "permuted-answers", "same-answer", "shuffled-features", "shuffled-labels")
GOOD = (Verdict.HOLDS, Verdict.HOLDS_IN_PART, Verdict.SUFFICIENT_NOT_NECESSARY)
"""Verdicts that speak for a circuit."""
KINDS_OF_PARITY = ("shuffled-features", "shuffled-labels", "permuted-answers", "untrained")
"""Same answers are left out: the span rule stops them wherever they were tried."""


class Job(NamedTuple):
    """One run."""

    kind: str
    """One of KINDS, or `real`."""
    model: str
    seed: int
    attention: Attention = Attention.LIVE
    """Circuit: heads are counted."""

    @property
    def name(self) -> str:
        """Its key in the results."""
        counted = "/heads" if self.attention is Attention.CIRCUIT else ""
        return f"{self.kind}/{self.model}/{self.seed}{counted}"


def jobs(quick: bool) -> list[Job]:
    """Every run; real ones first, since shuffled ones start from their search."""
    seeds = {"gpt2-modadd": range(3), "llama-modadd": range(2), "gpt2-coref": range(1)}
    if quick:
        seeds = {"gpt2-modadd": range(1)}
    found = [Job("real", model, seed) for model in seeds for seed in seeds[model]]
    found += [Job(kind, model, s) for model in seeds for kind in KINDS for s in seeds[model]]
    if not quick:  # fast ones: more draws of the same searches
        found += [Job(k, "gpt2-modadd", s) for k in KINDS[3:] for s in range(3, 6)]
        found += [
            Job(kind, model, 0, heads)
            for model in ("gpt2-parity", "neox-parity")
            for heads in Attention
            for kind in (*KINDS_OF_PARITY, "real")
        ]
    return sorted(found, key=lambda job: job.model == "gpt2-coref")  # its runs take minutes


def run(job: Job, store: Store, work: Path) -> dict[str, Any]:
    """One run's verdict and what it rests on."""
    start = time.perf_counter()
    settings = replace(SETTINGS, seed=job.seed, attention=job.attention)
    prepared = prepared_for(job, work)
    with suited_threads(prepared.model):
        coders = coders_for(prepared, store, work, job.seed)
        found = found_for(job, prepared, coders, settings, store)
        quality = measure_transcoders(prepared.model, coders, prepared.batches[Split.SELECTION])
        result = validate(
            prepared.evaluator(coders, Split.TEST),
            Candidate(
                order=found.order,
                size=found.size,
                n_edges=found.graph.n_edges,
                attention=job.attention,
            ),
            gate=prepared.task.gate,
            split=Split.TEST.value,
            settings=settings.validation,
            worst_fvu=worst_fvu(quality),
        )
    beyond = {name: unmet for name, unmet in result["failed"].items() if name != "model"}
    return {
        "kind": job.kind,
        "model": job.model,
        "seed": job.seed,
        "attention": job.attention,
        "verdict": result["verdict"],
        "failed": result["failed"],
        "holds_beyond_the_gate": not any(beyond.values()),
        "nodes": found.size,
        "faithfulness": result["faithfulness"],
        "faithfulness_mean": result["other_regimes"][0]["faithfulness"],
        "phi": result["phi"],
        "necessity": result["necessity"],
        "p_value": result["random"]["p_value"],
        "seconds": round(time.perf_counter() - start, 1),
    }


def prepared_for(job: Job, work: Path) -> Prepared:
    """Model and task of a run, cut to few prompts."""
    model = load_model(job.model)
    task = load_task(PAIRS[job.model], tokenizer=model.tokenizer)
    if job.kind == "untrained":
        model = untrained(model, work / "models" / f"{job.model}-{job.seed}", job.seed)
    whole = prepare(model, _dealt(job, model, task, work))
    few = {split: head(whole.batches[split], limit) for split, limit in LIMITS.items()}
    return replace(whole, batches=few)


def _dealt(job: Job, model: LanguageModel, task: Task, work: Path) -> Task:
    file = work / "tasks" / f"{job.kind}-{job.model}-{job.seed}.jsonl"
    if job.kind == "permuted-answers":
        return permuted(task, file, job.seed)
    if job.kind == "same-answer":
        return same_answer(task, file, job.seed, lambda text: len(model.encode(text)))
    return task


def coders_for(prepared: Prepared, store: Store, work: Path, seed: int) -> TranscoderSet:
    """The bundled transcoders, or new ones of an untrained model."""
    how = Training(
        settings=replace(TRAINING, seed=seed), store=store, keep=work / "coders", progress=ignore
    )
    return find_transcoders(prepared, None, how).transcoders


def found_for(
    job: Job, prepared: Prepared, coders: TranscoderSet, settings: RunSettings, store: Store
) -> Discovery:
    """What the search finds, and what a shuffle makes of it."""
    # Seeds beyond the third are other shuffles of the first search.
    searched = replace(settings, seed=job.seed % 3)
    found = discover(prepared, coders, searched, store, Clock(ignore))
    if job.kind not in ("shuffled-features", "shuffled-labels"):
        return found
    active = prepared.evaluator(coders, Split.LABELS, settings.probe_prompts).active().nonzero()
    kind = torch.full((len(active), 1), int(NodeKind.FEATURE))
    nodes = torch.unique(torch.cat([torch.cat([kind, active], 1), node_table(found.order)]), dim=0)
    if job.kind == "shuffled-features":
        return replace(found, order=shuffled(found.order, nodes, job.seed))
    draw = random.Random(f"shuffled labels {job.seed}")
    dealt = torch.tensor(draw.sample(nodes.tolist(), len(found.order)))
    return replace(found, order=gated_nodes(dealt))


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rates with their upper bounds: of all nulls, by kind, and of the newer parts."""
    nulls = [row for row in rows if row["kind"] != "real"]
    parts = {kind: [row for row in nulls if row["kind"] == kind] for kind in KINDS}
    parts["parity"] = [row for row in nulls if PAIRS[row["model"]] == "parity"]
    parts["heads counted"] = [row for row in nulls if row.get("attention", "live") == "circuit"]
    real = [row for row in rows if row["kind"] == "real"]
    return {
        "nulls": _rates(nulls),
        "parts": {part: _rates(some) for part, some in parts.items() if some},
        "real": _rates(real),
    }


def _rates(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    n = len(rows)
    said = [row["verdict"] for row in rows]
    holds = said.count("holds")
    past = [row for row in rows if not row["failed"]["model"]]
    past_holds = sum(row["verdict"] == "holds" for row in past)
    beyond = sum(row["holds_beyond_the_gate"] for row in rows)
    return {
        "runs": n,
        "holds": holds,
        "holds_upper_95": _upper(holds, n),
        "rule_of_three": round(3 / n, 4) if n and not holds else None,
        "stopped_by": {
            rule: sum(rule in row["failed"]["model"] for row in rows) for rule in ("gate", "span")
        },
        "past_gate_and_span": len(past),
        "past_holds_upper_95": _upper(past_holds, len(past)),
        "holds_beyond_the_gate": beyond,
        "holds_beyond_the_gate_upper_95": _upper(beyond, n),
        "floor_alone": sum(_floor_alone(row) for row in rows),
        "verdicts": {one: said.count(one) for one in sorted(set(said))},
    }


def _floor_alone(row: Mapping[str, Any]) -> bool:
    """Whether a floor is all that the circuit is charged with, gate and span apart."""
    unmet = {name for part, names in row["failed"].items() if part != "model" for name in names}
    return unmet == {"floor"}


def _upper(count: int, n: int) -> float:
    return 1.0 if count >= n else round(float(beta.ppf(0.95, count + 1, n - count)), 4)


def page(found: Mapping[str, Any]) -> str:
    """The summary as Markdown."""
    told = summary(list(found["rows"].values()))
    nulls = told["nulls"]
    lines = [
        f"`{found['command']}`",
        "",
        f"Of {nulls['runs']} nulls {nulls['runs'] - nulls['past_gate_and_span']} are stopped by "
        f"the gate or the span rule (the gate {nulls['stopped_by']['gate']}, the span "
        f"{nulls['stopped_by']['span']}, often both), before anything is asked of the circuit. "
        f"{nulls['past_gate_and_span']} went past them: the rate of false positives among those "
        f"is at most {nulls['past_holds_upper_95']}, and it is they that test the other rules. "
        "*Floor alone*: runs which only a floor of accuracy would stop, gate and span apart; where "
        "it is 0, counting a floor at chance as none changes nothing. (Modular addition and "
        "coreference were judged before that was done, parity after.)",
        "",
        _said(found["rows"]),
        "",
        "| runs | n | holds | upper bound, 95 % | stopped by gate or span | went past | upper "
        "bound of those | holds but for gate and span | floor alone | verdicts |",
        "|" + "---|" * 10,
    ]
    rows = {**told["parts"], "all nulls": nulls, "real": told["real"]}
    for name, row in rows.items():
        real, past = name == "real", row["past_gate_and_span"]
        cells = [
            name,
            row["runs"],
            row["holds"],
            "–" if real else row["holds_upper_95"],
            row["runs"] - past,
            past,
            "–" if real or not past else row["past_holds_upper_95"],
            row["holds_beyond_the_gate"],
            row["floor_alone"],
            ", ".join(f"{count} {one}" for one, count in row["verdicts"].items()),
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _said(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Which nulls the verdict says something good of, short of *holds* too."""
    good = {
        name: row["verdict"].replace("_", " ")
        for name, row in rows.items()
        if row["kind"] != "real" and row["verdict"] in GOOD
    }
    if not good:
        return "No null is said to hold, not even in part."
    named = "; ".join(f"`{name}` {word} ({_unmet(rows[name])})" for name, word in good.items())
    return f"Said to hold at least in part, of all nulls {len(good)}: {named}."


def _unmet(row: Mapping[str, Any]) -> str:
    unmet = [f"{part}: {', '.join(names)}" for part, names in row["failed"].items() if names]
    return f"F {row['faithfulness']:.2f}, p {row['p_value']:.3f}; unmet by {'; '.join(unmet)}"


def main() -> None:
    """Runs what is not there yet, rewriting the results after every run."""
    parser = arguments(__doc__, OUT, chooses="--rows")
    parser.add_argument("--quick", action="store_true", help="one model and seed; not kept")
    parser.add_argument("--work", type=Path, help="models, tasks and searches; else temporary")
    given = parser.parse_args()
    about = {
        "command": "python benchmarks/null_rate.py",
        "prompts": {split.value: limit for split, limit in LIMITS.items()},
    }
    results = Results(given.out, page, under="rows", about=about, kept=not given.quick)
    wanted = {job.name: job for job in jobs(given.quick)}
    with tempfile.TemporaryDirectory() as folder:
        work = given.work or Path(folder)
        with open_store(work / "store") as store:
            for name in results.missing(chosen(wanted, given.rows), again=given.again):
                row = run(wanted[name], store, work)
                results.found["summary"] = summary([*results.rows.values(), row])
                results.put(name, row)
                print(name, row["verdict"], row["seconds"], flush=True)
    if given.quick:
        print(page(results.found))


if __name__ == "__main__":
    main()
