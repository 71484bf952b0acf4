"""What is in the unexplained variance: behaviour carried by reconstruction errors, layer by layer.

HAGD leaves open whether the 15 to 20 % of variance that its dictionaries miss are structure or
noise (arXiv 2601.12879). For each layer alone, and for all together:

1. The errors are split into a part that the MLP's input gives linearly and the rest (`split`).
2. Probes read the task's variables from them (`probes`).
3. On two bases (`bench`) they are exchanged for stand-ins (`stand_ins`): F says what is lost.
4. A word for it, by stated tests (`decide`).

What is fitted is fitted on the features split and chosen on the selection split; it is judged on
prompts of the test split, and nothing is chosen by them.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import torch

from core.darkmatter.bench import ErrorBench, Settings, bases
from core.darkmatter.decide import ALPHA, MARGIN, MOVED
from core.darkmatter.probes import Labels, Probe, Views, labels_of, probe_all
from core.darkmatter.sample import Prompts, Sample, observe_errors
from core.darkmatter.scopes import Scopes
from core.darkmatter.split import explained, fit_layer
from core.figures import number
from core.interventions import Ablation, Evaluator, Gates

UNPROBED = "No variable that every prompt declares differs between prompts: nothing to probe."
"""Said of a task without usable variables."""
Progress = Callable[[int, int], None]
"""(rows done, rows in all)."""


def dark_matter(
    evaluator: Evaluator,
    circuit: Gates | None,
    *,
    fit: Prompts,
    choose: Prompts,
    judge: Prompts,
    settings: Settings | None = None,
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """The section `dark_matter` of `validation.json`.

    Args:
        evaluator: On the prompts of `judge`.
        circuit: Gates of the circuit, with a front axis of 1; None leaves its base out.
        fit: Prompts of the features split.
        choose: Of the selection split.
        judge: Of the test split; the evaluator's own, in its order.
        settings: How hard to look.
        progress: Told after every row; raise in it to stop.
    """
    settings = settings or Settings()
    seen = [
        observe_errors(evaluator.model, evaluator.transcoders, one.batches, evaluator.length)
        for one in (fit, choose, judge)
    ]
    splits = [
        fit_layer(read, error, seen[0].present)
        for read, error in zip(seen[0].read, seen[0].error, strict=True)
    ]
    bench = ErrorBench.on(evaluator, seen[2], splits, settings)
    labels = labels_of([one.variables for one in (fit, choose, judge)])
    probes = [_probes(seen, layer, labels, settings.seed) for layer in range(len(splits))]
    head = _head(bench, seen, probes)
    if not bench.measurable:
        return head | {"measurable": False, "bases": []}
    wanted = bases(bench, circuit)
    scopes = Scopes(bench, seen[0], labels, _counter(progress, len(wanted) * (len(splits) + 1)))
    return head | {"measurable": True, "bases": [scopes.on(base) for base in wanted]}


def _counter(progress: Progress, total: int) -> Callable[[], None]:
    done = 0

    def told() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    return told


def _probes(seen: Sequence[Sample], layer: int, labels: Sequence[Labels], seed: int) -> list[Probe]:
    error, written = (
        Views(*(getattr(sample, name)[layer] for sample in seen)) for name in ("error", "written")
    )
    return probe_all(error, written, labels, seed)


def _head(
    bench: ErrorBench, seen: Sequence[Sample], probes: Sequence[Sequence[Probe]]
) -> dict[str, Any]:
    """What does not depend on a base."""
    judged = seen[2]
    return {
        "split": "test",
        "ablation": Ablation.RESAMPLE.value,
        "n_prompts": len(bench.model),
        "n_fit": len(seen[0].present),
        **asdict(bench.settings),
        "alpha": ALPHA,
        "margin": MARGIN,
        "moved": MOVED,
        "layers": [
            {
                "layer": i,
                "unexplained": number(_unexplained(judged, i)),
                "linear_r2": number(explained(one.linear, one.deviation, judged.present)),
                "probes": [_probe_json(p) for p in probes[i]],
            }
            for i, one in enumerate(bench.layers)
        ],
        **({} if any(probes) else {"probes_skipped": UNPROBED}),
    }


def _probe_json(probe: Probe) -> dict[str, Any]:
    figures = ("accuracy", "written", "control", "selectivity", "p_value")
    return {
        "variable": probe.variable,
        "n_values": probe.n_values,
        "position": probe.position,
        **{name: number(getattr(probe, name)) for name in figures},
    }


def _unexplained(sample: Sample, layer: int) -> float:
    """Squared error over the variance of the MLP's output; the first token left out."""
    inside = sample.present.clone()
    inside[torch.arange(len(inside)), inside.float().argmax(1)] = False
    error = sample.error[layer][inside]
    output = error + sample.written[layer][inside]
    total = (output - output.mean(0)).square().sum()
    return float(error.square().sum() / total) if total > 0 else 0.0
