"""README.md's figures of the bundled circuits are those of the circuits."""

import re
from pathlib import Path

from bundled import bundled_circuits
from facts import facts
from zoo import README_HEAD, readme_rows

README = Path(__file__).resolve().parents[1] / "README.md"
ANEW = "the table is printed by `python benchmarks/zoo.py --readme`"


def rows() -> dict[str, str]:
    """Lines of the table of circuits, by the circuit's name."""
    text = README.read_text(encoding="utf-8")
    table = text.split("\n".join(README_HEAD) + "\n")[1].split("\n\n")[0].splitlines()
    return {re.split(r" *\| *", line)[1]: line for line in table}


def test_every_bundled_circuit_is_in_the_readme_and_no_other():
    assert list(rows()) == list(readme_rows(bundled_circuits())), ANEW


def test_every_figure_of_a_circuit_is_the_one_that_was_measured():
    told, measured = rows(), readme_rows(bundled_circuits())
    wrong = [f"{told[n]}\n{measured[n]}" for n in told if told[n] != measured.get(n)]
    assert not wrong, "\n".join([ANEW, *wrong])


def test_what_circuits_say_together_is_what_they_say():
    text = README.read_text(encoding="utf-8")
    told = text.split("(`python benchmarks/facts.py`):\n\n")[1].split("\n\n")[0].splitlines()
    assert told == facts(bundled_circuits()), "the list is printed by `python benchmarks/facts.py`"
