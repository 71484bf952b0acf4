"""`hagd train`: transcoders of a model, on a task's own prompts, by reconstruction alone.

A nested prefix is placed and sized as in `hagd run` (`core.pipeline.dictionaries`).
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from core.choices import Skip, TrainedKind
from core.cli.meter import Meter
from core.cli.options import Json, Model, Seed, StoreDir, Task
from core.cli.output import emit, table, tell

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the transcoders go.")]
KindOption = Annotated[
    TrainedKind,
    typer.Option("--kind", help="TopK; nested: a dense prefix first; clt: writes at later layers."),
]
Features = Annotated[
    # beyond it, weights of the smallest models alone take gigabytes
    int,
    typer.Option("--features", metavar="N", max=2**18, help="Features of each layer."),
]
K = Annotated[int, typer.Option("--k", metavar="K", help="Active features of a token.")]
Steps = Annotated[int, typer.Option("--steps", metavar="N", help="Optimiser steps.")]
SkipOption = Annotated[Skip, typer.Option("--skip", help="An affine skip from input to output.")]
Prediction = Annotated[
    float, typer.Option("--prediction", metavar="W", help="Weight of the next-layer head (Eq. 4).")
]


OURS = (
    "config.yaml",
    "layer_*.safetensors",
    "W_enc_*.safetensors",
    "W_dec_*.safetensors",
    "prediction_heads.safetensors",
)
"""Files of an earlier dictionary, which a new one may replace."""


def command(
    model: Model,
    task: Task,
    out: Out,
    kind: KindOption = "topk",
    features: Features = 256,
    k: K = 16,
    steps: Steps = 3000,
    skip: SkipOption = "none",
    prediction: Prediction = 0.0,
    seed: Seed = 0,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Train transcoders. Run the same line again after a stop: it resumes."""
    from core.cli.inputs import new_folder
    from core.transcoders import PredictionSettings, TrainSettings

    settings = TrainSettings(
        kind=kind,
        features=features,
        k=k,
        steps=steps,
        skip=skip,
        seed=seed,
        prediction=PredictionSettings(weight=prediction),
    )
    report = _train(model, task, new_folder(out, OURS), settings, store)
    emit(report, as_json, lambda: _text(report))


def _train(model_ref: str, task_ref: str, out: Path, settings: Any, where: Any) -> dict[str, Any]:
    from core.models import load_model, suited_threads
    from core.store import open_store
    from core.tasks import Split, load_task
    from core.transcoders import measure_transcoders, save_heads, save_transcoders

    model = load_model(model_ref)
    task = load_task(task_ref, tokenizer=model.tokenizer)
    features, unseen = (_prompts(model, task, s) for s in (Split.FEATURES, Split.SELECTION))
    key = _key(model, task, settings)
    with open_store(where, tell) as store, suited_threads(model):
        settings, made, report = _made(model, features, unseen, settings, store.checkpoint(key))
        save_transcoders(made, out)
        if report.heads:
            save_heads(report.heads, out)
        store.forget_checkpoint(key)
    return {
        "out": str(out),
        "model": model.name,
        "task": task.name,
        "settings": asdict(settings),
        "key": made.key,
        "seconds": report.seconds,
        "n_samples": report.n_samples,
        "prefixes": report.prefixes,
        "prediction_heads": len(report.heads),
        "losses": report.losses,
        "quality": asdict(measure_transcoders(model, made, unseen)),
    }


def _prompts(model: Any, task: Any, split: Any) -> Any:
    """A split's prompts as a run has them."""
    from core.pipeline.prepare import aligned_length
    from core.tasks import encode_pairs

    return encode_pairs(task.of(split), model.tokenizer, aligned_length(model, task))


def _key(model: Any, task: Any, settings: Any) -> str:
    """Under which the same line, typed again, finds what it left."""
    from core.store import stage_key

    return stage_key("train", 1, {"model": model.key, "task": task.key}, settings)


def _made(
    model: Any, features: Any, unseen: Any, settings: Any, folder: Path
) -> tuple[Any, Any, Any]:
    """The settings as they fit the model, the transcoders and the report; resumed in `folder`."""
    from core.pipeline.dictionaries import fitted
    from core.transcoders import train_transcoders

    with Meter() as meter:
        settings = fitted(settings, model, features, unseen)

        def progress(step: Any) -> None:
            meter.show("training", step.step, step.steps, f"loss {step.loss:.4f}")

        made, report = train_transcoders(model, features, settings, progress, resume_dir=folder)
    return settings, made, report


def _text(report: dict[str, Any]) -> RenderableType:
    layers = report["quality"]["layers"]
    columns = [name for name in layers[0] if isinstance(layers[0][name], int | float)]
    rows = ([row[name] for name in columns] for row in layers)
    others = {k: v for k, v in report["quality"].items() if isinstance(v, int | float)}
    lines = [f"{name.replace('_', ' ')} {value:.4g}" for name, value in others.items()]
    done = f"{report['out']}: trained in {report['seconds']:.0f} s. {', '.join(lines)}"
    return Group(table([name.replace("_", " ") for name in columns], rows), "", done)
