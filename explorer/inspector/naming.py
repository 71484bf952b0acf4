"""What the signs mean in the names that the engine gives (`core.labels.siblings`, `.readings`).

`k 5, 24 · result` is what can be read off a supernode, `→ 39` what it raises, `cos 5·result` what a
feature follows, `with 0:7:2` its strongest member, where that alone tells it from its siblings.
`glossary` says so in words, `together` keeps a sign and its number on one line.
"""

import re
from typing import Final

_FREQUENCY: Final = re.compile(r"(?:^|· )k (\d+)(?:, \d+)*(?: · (.+))?")
_WAVE: Final = re.compile(r"\bcos (\d+)(?:, \d+)*·(\w+)")
_RAISES: Final = re.compile(r"→ \S")
_STRONGEST: Final = re.compile(r"(?:^|· )with (\w+[:@]\S+|L\d+H\d+)")
_SIGN: Final = re.compile(r"(?<![^ ·])(k|cos|→) (?=\S)")


def glossary(name: str) -> list[str]:
    """One explanation for each kind of sign in a name; none for plain words."""
    found: list[str] = []
    if wave := _FREQUENCY.search(name):
        values = wave[2] or "the variable"
        of = f"frequency {wave[1]} of the Fourier basis over the values of {values}"
        found.append(f"k {wave[1]}: {of}")
    if wave := _WAVE.search(name):
        found.append(f"cos {wave[1]}: a wave of frequency {wave[1]} over the values of {wave[2]}")
    if _RAISES.search(name):
        found.append("→ the tokens it raises")
    if strongest := _STRONGEST.search(name):
        found.append(f"with {strongest[1]}: told from its siblings by its strongest member")
    return found


def together(name: str) -> str:
    """A name that does not break between a sign and what follows it: `k 5`, `→ 39`."""
    return _SIGN.sub("\\1\N{NO-BREAK SPACE}", name)
