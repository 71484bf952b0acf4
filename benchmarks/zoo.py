"""What the bundled models, dictionaries and circuits can do.

    python benchmarks/zoo.py             # results/zoo.json and results/zoo.md
    python benchmarks/zoo.py --readme    # prints the table of circuits that README.md has

Reads what was measured when each was made (`card.json` of a model, `report.json` of a dictionary,
`validation.json` of a circuit); nothing is measured anew, which takes a second. To measure again:
`python -m core.zoo card NAME`, or delete a folder and run `hagd rebuild`. tests/test_readme.py
holds README.md against the circuits.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bundled import Stored, bundled_circuits, model_card, nulls, plainest, real
from study import Results, arguments, line, results_file, rule, shown

from core.assets import MODELS, TRANSCODERS
from core.choices import BUNDLED_KINDS, COMMON_KINDS, JUDGED, BundledKind
from core.zoo.catalogue import MEMBERS, NOT_OFFERED, Member

OUT = results_file("zoo")
COMMAND = "python benchmarks/zoo.py"


def main() -> None:
    """Writes both files, or prints README.md's table."""
    parser = arguments(__doc__)
    parser.add_argument("--readme", action="store_true", help="print README.md's table of circuits")
    parser.add_argument("--out", type=Path, default=OUT, help="JSON file; Markdown beside it")
    given = parser.parse_args()
    if given.readme:
        print("\n".join([*README_HEAD, *readme_rows(bundled_circuits()).values()]))
        return
    results = Results(given.out, page)
    results.found = collected(bundled_circuits())
    results.write()


def collected(circuits: Iterable[Stored]) -> dict[str, Any]:
    """All that there is, as JSON values."""
    there = [member for member in MEMBERS.values() if card(member).is_file()]
    known = list(circuits)
    return {
        "command": COMMAND,
        "models": [row(member, known) for member in there],
        "nulls": {one.name: figures(one) for one in nulls(known)},
        "missing": [name for name in MEMBERS if not card(MEMBERS[name]).is_file()],
        "not_offered": {**NOT_OFFERED},
    }


def card(member: Member) -> Path:
    """The model's card."""
    return MODELS / member.name / "card.json"


def row(member: Member, circuits: Iterable[Stored]) -> dict[str, Any]:
    """All figures of a model and what is made from it."""
    own = [one for one in real(circuits) if one.model == member.name]
    said = model_card(member.name)
    behaviour = said["behaviour"]
    return {
        "model": member.name,
        "task": member.task,
        "family": member.family,
        "size": member.size,
        "parameters": said["parameters"],
        "gate": member.recipe.gate,
        "test": behaviour["test"]["accuracy"],
        "ood": behaviour["ood"]["accuracy"],
        "margin_p01": behaviour["test"]["margin_p01"],
        "without_mlps": said["no_site"]["accuracy"],
        "sites": sum(site["matters"] for site in said["sites"]),
        "dictionaries": {kind: dictionary(member, kind) for kind in COMMON_KINDS},
        "circuits": {one.variant: figures(one) for one in own},
    }


def dictionary(member: Member, kind: BundledKind) -> dict[str, Any] | None:
    """Figures of one dictionary on the test split; None where it is not there."""
    path = TRANSCODERS / member.name / kind / "report.json"
    if not path.is_file():
        return None
    said = json.loads(path.read_text(encoding="utf-8"))
    quality = said["quality"]["test"]
    return {
        "fvu": max(layer["fvu"] for layer in quality["layers"]),
        "replacement_accuracy": quality["replacement_accuracy"],
        "l0": [layer["l0"] for layer in quality["layers"]],
        "prefixes": said["prefixes"],
        "seconds": said["seconds"],
    }


def figures(one: Stored) -> dict[str, Any]:
    """Figures of one circuit on the test split."""
    by = {
        how: {name: block[name] for name in ("faithfulness", "phi", "phi_empty")}
        | {"random": block["random"]["faithfulness_max"], "p": block["random"]["p_value"]}
        for how in JUDGED
        for block in [one.block(how)]
    }
    return {"nodes": one.validation["n_nodes"], "verdict": one.validation["verdict"], **by}


def page(found: Mapping[str, Any]) -> str:
    """The tables as Markdown."""
    rows, missing = found["models"], found["missing"]
    lines = ["# The bundled models", "", f"`{COMMAND}`", "", MODELS_TOLD, "", *MODELS_HEAD]
    lines += [model_line(row) for row in rows]
    lines += ["", "## Circuits", "", CIRCUITS_TOLD, "", *CIRCUITS_HEAD]
    for variant in VARIANTS:
        with_it = [row for row in rows if row["circuits"].get(variant)]
        lines += [circuit_line(row["model"], variant, row["circuits"][variant]) for row in with_it]
    lines += [circuit_line(name, "–", one) for name, one in found.get("nulls", {}).items()]
    if missing:
        lines += ["", f"Not made yet: {', '.join(missing)}."]
    lines += [f"\nNot offered: {name}: {why}" for name, why in found["not_offered"].items()]
    return "\n".join(lines) + "\n"


VARIANTS = (*BUNDLED_KINDS, "heads")
"""Of circuits; `heads`: with the nested dictionary, and heads as nodes."""
MODELS_TOLD = (
    "Accuracy on prompts never trained on (test) and out of distribution (OOD); margin: first "
    "percentile of the answer's logit less the best other one; without MLPs: accuracy with every "
    "MLP output at its mean, on the selection split; sites: (layer, position) MLP outputs that "
    "matter. Dictionaries on the test split: largest share of a layer's variance unexplained (FVU) "
    "and how often the model's top token stays when all MLPs are replaced."
)
MODELS_HEAD = (
    "| model | task | parameters | gate | test | OOD | margin | without MLPs | sites "
    "| nested: prefix | FVU | replaced | TopK: FVU | replaced |",
    rule(14),
)
CIRCUITS_TOLD = (
    "Strict regime (all else ablated, errors too), test split, resample / mean; φ(∅): accuracy "
    "with nothing kept; random: F of the best of the matched random circuits."
)
CIRCUITS_HEAD = (
    "| model | dictionary | nodes | F | φ | φ(∅) | random | p | verdict |",
    rule(9),
)


def model_line(row: dict[str, Any]) -> str:
    """One model."""
    nested, topk = (row["dictionaries"][kind] for kind in COMMON_KINDS)
    prefix = " + ".join(map(str, nested["prefixes"])) if nested else "–"
    cells = [
        row["model"], row["task"], f"{row['parameters']:,}", f"{row['gate']:.2f}",
        f"{row['test']:.3f}", f"{row['ood']:.3f}", f"{row['margin_p01']:.1f}",
        f"{row['without_mlps']:.2f}", str(row["sites"]),
        prefix, *quality(nested), *quality(topk),
    ]  # fmt: skip
    return line(cells)


def quality(of: dict[str, Any] | None) -> tuple[str, str]:
    """FVU and replacement accuracy."""
    return (f"{of['fvu']:.4f}", f"{of['replacement_accuracy']:.3f}") if of else ("–", "–")


def circuit_line(model: str, variant: str, found: Mapping[str, Any]) -> str:
    """One circuit."""

    def both(name: str) -> str:
        return " / ".join(shown(found[how][name]) for how in JUDGED)

    cells = [model, variant, str(found["nodes"])]
    cells += [both(name) for name in ("faithfulness", "phi", "phi_empty", "random", "p")]
    return line([*cells, found["verdict"].replace("_", " ")])


README_HEAD = (
    "| circuit | nodes | F | φ | φ(∅) | F: best of 100 matched random | F: no search | verdict |",
    rule(8),
)
SHORT = {
    "holds_in_part": "in part",
    "sufficient_not_necessary": "sufficient only",
    "necessary_not_sufficient": "necessary only",
}
"""Verdicts in README.md, where they are not as in the file."""


def readme_rows(circuits: Iterable[Stored]) -> dict[str, str]:
    """README.md's line of every real circuit, by its name."""
    return {one.name: readme_row(one) for one in real(circuits)}


def readme_row(one: Stored) -> str:
    """A circuit's line: F with three digits, all else with two."""
    blocks = [one.block(how) for how in JUDGED]

    def both(values: Iterable[float | None], digits: int = 2) -> str:
        return " / ".join(shown(value, digits) for value in values)

    verdict = one.validation["verdict"]
    cells = [
        one.name,
        str(one.validation["n_nodes"]),
        both((block["faithfulness"] for block in blocks), 3),
        both(block["phi"] for block in blocks),
        both(block["phi_empty"] for block in blocks),
        both(block["random"]["faithfulness_max"] for block in blocks),
        both(plainest(block) for block in blocks),
        SHORT.get(verdict, verdict.replace("_", " ")),
    ]
    return line(cells)


if __name__ == "__main__":
    main()
