"""What the bundled models, dictionaries and circuits can do: `python benchmarks/zoo.py`.

Reads what was measured when each was made (`card.json` of a model, `report.json` of a dictionary,
`validation.json` of a circuit) and writes `results/zoo.json` and `results/zoo.md`; nothing is
measured anew, which takes a second. To measure again: `python -m core.zoo card NAME`, or delete a
folder and run `hagd rebuild`.
"""

import json
from pathlib import Path
from typing import Any

from core.assets import CIRCUITS, MODELS, TRANSCODERS
from core.zoo.catalogue import KINDS, MEMBERS, NOT_OFFERED, Kind, Member

RESULTS = Path(__file__).parent / "results"
COMMAND = "python benchmarks/zoo.py"


def main() -> None:
    """Writes both files."""
    rows = [row(member) for member in MEMBERS.values() if card(member).is_file()]
    missing = [name for name in MEMBERS if not card(MEMBERS[name]).is_file()]
    body = {"command": COMMAND, "models": rows, "missing": missing, "not_offered": {**NOT_OFFERED}}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "zoo.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "zoo.md").write_text("\n".join(page(rows, missing)) + "\n", encoding="utf-8")


def card(member: Member) -> Path:
    """The model's card."""
    return MODELS / member.name / "card.json"


def row(member: Member) -> dict[str, Any]:
    """All figures of a model and what is made from it."""
    said = json.loads(card(member).read_text(encoding="utf-8"))
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
        "dictionaries": {kind: dictionary(member, kind) for kind in KINDS},
        "circuits": {kind: circuit(member, kind) for kind in KINDS},
    }


def dictionary(member: Member, kind: Kind) -> dict[str, Any] | None:
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


def circuit(member: Member, kind: Kind) -> dict[str, Any] | None:
    """Figures of one circuit on the test split; None where it is not there."""
    path = CIRCUITS / member.circuit(kind) / "validation.json"
    if not path.is_file():
        return None
    said = json.loads(path.read_text(encoding="utf-8"))
    blocks: dict[str, Any] = {}
    for block in (said, *said["other_regimes"]):  # the published regime's come first
        blocks.setdefault(block["ablation"], block)
    by = {
        how: {name: block[name] for name in ("faithfulness", "phi", "phi_empty")}
        | {"random": block["random"]["faithfulness_max"], "p": block["random"]["p_value"]}
        for how, block in blocks.items()
    }
    return {"nodes": said["n_nodes"], "verdict": said["verdict"], **by}


def page(rows: list[dict[str, Any]], missing: list[str]) -> list[str]:
    """The tables as Markdown."""
    lines = ["# The bundled models", "", f"`{COMMAND}`", "", MODELS_TOLD, "", *MODELS_HEAD]
    lines += [model_line(row) for row in rows]
    lines += ["", "## Circuits", "", CIRCUITS_TOLD, "", *CIRCUITS_HEAD]
    lines += [circuit_line(row, kind) for kind in KINDS for row in rows if row["circuits"][kind]]
    if missing:
        lines += ["", f"Not made yet: {', '.join(missing)}."]
    return lines + [f"\nNot offered: {name}: {why}" for name, why in NOT_OFFERED.items()]


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
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
)
CIRCUITS_TOLD = (
    "Strict regime (all else ablated, errors too), test split, resample / mean; φ(∅): accuracy "
    "with nothing kept; random: F of the best of the matched random circuits."
)
CIRCUITS_HEAD = (
    "| model | dictionary | nodes | F | φ | φ(∅) | random | p | verdict |",
    "|---|---|---|---|---|---|---|---|---|",
)


def model_line(row: dict[str, Any]) -> str:
    """One model."""
    nested, topk = (row["dictionaries"][kind] for kind in KINDS)
    prefix = " + ".join(map(str, nested["prefixes"])) if nested else "–"
    cells = [
        row["model"], row["task"], f"{row['parameters']:,}", f"{row['gate']:.2f}",
        f"{row['test']:.3f}", f"{row['ood']:.3f}", f"{row['margin_p01']:.1f}",
        f"{row['without_mlps']:.2f}", str(row["sites"]),
        prefix, *quality(nested), *quality(topk),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def quality(of: dict[str, Any] | None) -> tuple[str, str]:
    """FVU and replacement accuracy."""
    return (f"{of['fvu']:.4f}", f"{of['replacement_accuracy']:.3f}") if of else ("–", "–")


def circuit_line(row: dict[str, Any], kind: Kind) -> str:
    """One circuit."""
    found = row["circuits"][kind]

    def both(name: str) -> str:
        return " / ".join(figure(found[how][name]) for how in ("resample", "mean"))

    cells = [row["model"], kind, str(found["nodes"])]
    cells += [both(name) for name in ("faithfulness", "phi", "phi_empty", "random", "p")]
    return f"| {' | '.join([*cells, found['verdict'].replace('_', ' ')])} |"


def figure(value: float | None) -> str:
    """Three digits, or a dash."""
    return "–" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
