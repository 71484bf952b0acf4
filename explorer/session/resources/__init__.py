"""Caches of what is expensive to load, by its content; small memoised functions keep their own.

    shared      what is given away, taken in and removed
    stores      the store, its jobs and its test log
    circuits    heads and whole circuits
    drawings    small pictures and networks
    labs        models ready for interventions, and the inspector's reports
    models      models and tasks by name
    about       what a model's files say of it before it is loaded
    beside      what the Prompt page takes from the open circuit
    traces      graphs of single prompts
    transfers   what comparisons with other circuits say
    graphs      graphs that were taken in from other programs

Everything kept is read-only and shared by all sessions; interventions are arguments of a call,
never state of a shared thing. Nothing here imports the engine before a function needs it
(`explorer.engine`).
"""

from explorer.session.resources.about import about_model
from explorer.session.resources.beside import Beside, beside, circuit_examples, own_models
from explorer.session.resources.circuits import bundle, find, is_bundled, library
from explorer.session.resources.drawings import scene, thumbnail, warm
from explorer.session.resources.graphs import graphs, imported
from explorer.session.resources.labs import (
    edge_paths,
    feature_report,
    head_names,
    head_report,
    lab,
    lab_state,
    load_lab,
    random_band,
    supernode_report,
    why_report,
)
from explorer.session.resources.models import (
    model,
    model_for,
    model_names,
    prompt_examples,
    task,
    task_titles,
)
from explorer.session.resources.shared import given, remove_own, take_folder, take_upload
from explorer.session.resources.stores import jobs, results, store, tests, trained
from explorer.session.resources.traces import (
    traced,
    traced_json,
    traced_names,
    traced_paths,
    traced_scene,
    unnamed,
)
from explorer.session.resources.transfers import partners

__all__ = [
    "Beside",
    "about_model",
    "beside",
    "bundle",
    "circuit_examples",
    "edge_paths",
    "feature_report",
    "find",
    "given",
    "graphs",
    "head_names",
    "head_report",
    "imported",
    "is_bundled",
    "jobs",
    "lab",
    "lab_state",
    "library",
    "load_lab",
    "model",
    "model_for",
    "model_names",
    "own_models",
    "partners",
    "prompt_examples",
    "random_band",
    "remove_own",
    "results",
    "scene",
    "store",
    "supernode_report",
    "take_folder",
    "take_upload",
    "task",
    "task_titles",
    "tests",
    "thumbnail",
    "traced",
    "traced_json",
    "traced_names",
    "traced_paths",
    "traced_scene",
    "trained",
    "unnamed",
    "warm",
    "why_report",
]
