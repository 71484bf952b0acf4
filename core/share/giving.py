"""A circuit for others to use, as bytes by file name; whoever asked writes or sends them.

html is one page that opens anywhere, with feature cards where the model is at hand; bundle is the
result folder as a zip; neuronpedia is the graph as Neuronpedia and circuit-tracer read it,
supernodes and labels included; graphml, csv and json (scores) are tables.
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum

from core.bundle import Bundle
from core.circuit import node_ids
from core.errors import CoreError, FormatError
from core.interop import ExportSettings, to_neuronpedia
from core.lab import Lab
from core.models import suited_threads
from core.report import Card, report_html
from core.share.archive import zip_of
from core.share.cards import cards_of
from core.share.tables import csv_files, graphml

Files = Mapping[str, bytes]


class Form(StrEnum):
    """What a circuit can be written as."""

    HTML = "html"
    BUNDLE = "bundle"
    NEURONPEDIA = "neuronpedia"
    GRAPHML = "graphml"
    CSV = "csv"
    SCORES = "scores"


SUFFIX = {
    Form.HTML: ".html",
    Form.BUNDLE: ".zip",
    Form.NEURONPEDIA: ".json",
    Form.GRAPHML: ".graphml",
    Form.CSV: "-csv",
    Form.SCORES: "-scores.json",
}
"""How the file's name goes on after the circuit's; CSV has several files and is a folder."""


def give(bundle: Bundle, form: Form, lab: Lab | None = None) -> Files:
    """The files of a circuit in one form; all but CSV have one, under the name "".

    Args:
        bundle: What to give.
        form: As what.
        lab: The circuit's Lab where it is loaded already; made here where it is needed.

    Raises:
        CoreError: If the form needs the model (neuronpedia) and it cannot be loaded.
    """
    return _FORMS[form](bundle, lab)


def _html(bundle: Bundle, lab: Lab | None) -> Files:
    try:
        lab = lab or Lab(bundle)
    except CoreError:  # the page stands without the model: no cards, positions by number
        lab = None
    page = report_html(
        title=bundle.title,
        circuit=bundle.circuit,
        graph=bundle.graph,
        validation=bundle.validation,
        provenance=bundle.provenance,
        labels=bundle.labels,
        hierarchy=bundle.hierarchy,
        roles=lab.task.roles if lab else (),
        cards=_cards(lab, bundle) if lab else (),
    )
    return {"": page.encode()}


def _cards(lab: Lab, bundle: Bundle) -> tuple[Card, ...]:
    with suited_threads(lab.model):
        return cards_of(lab, bundle)


def _bundle(bundle: Bundle, lab: Lab | None) -> Files:
    if bundle.path is None:
        raise FormatError(
            f"The circuit {bundle.name!r} has no folder yet: only a written one can be given as a "
            "bundle. Write it first."
        )
    return {"": zip_of(bundle.path, bundle.name)}


def _neuronpedia(bundle: Bundle, lab: Lab | None) -> Files:
    lab, tree, labels = lab or Lab(bundle), bundle.hierarchy, bundle.labels
    place = {name: row for row, name in enumerate(node_ids(bundle.graph))}
    names = [str(node) for node in bundle.circuit.nodes]
    settings = ExportSettings(
        slug=bundle.name,
        direction="answer − wrong",
        labels={place[name]: labels.get(name, name) for name in names if name in place},
        groups={
            f"{tree.name[s]} {labels.get(tree.name[s], '')}".strip(): [
                place[names[leaf]] for leaf in tree.members(s).tolist() if names[leaf] in place
            ]
            for s in tree.level(1)
        },
    )
    data = to_neuronpedia(bundle.graph, lab.model, list(lab.task.roles), settings)
    return {"": json.dumps(data, ensure_ascii=False).encode()}


def _scores(bundle: Bundle, lab: Lab | None) -> Files:
    data = {"name": bundle.name, "title": bundle.title, **bundle.validation}
    return {"": (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()}


_FORMS: Mapping[Form, Callable[[Bundle, Lab | None], Files]] = {
    Form.HTML: _html,
    Form.BUNDLE: _bundle,
    Form.NEURONPEDIA: _neuronpedia,
    Form.GRAPHML: lambda bundle, lab: {"": graphml(bundle)},
    Form.CSV: lambda bundle, lab: csv_files(bundle),
    Form.SCORES: _scores,
}
