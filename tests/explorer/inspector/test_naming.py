"""The signs in names are explained where they stand, and never part from their numbers."""

import pytest

from explorer.inspector import parts
from explorer.inspector.naming import glossary, together

K5 = "k 5: frequency 5 of the Fourier basis over the values of result"
RAISES = "→ the tokens it raises"
WITH = "with {}: told from its siblings by its strongest member"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("k 5, 1, 24 · result", [K5]),
        ("→ 1, 11 · k 5, 1 · result", [K5, RAISES]),
        ("cos 5·result", ["cos 5: a wave of frequency 5 over the values of result"]),
        ("→ Mary", [RAISES]),
        ("with 0:7:2 · L0 at on", [WITH.format("0:7:2")]),
        ("with L1H3@4 · → Mary", [RAISES, WITH.format("L1H3@4")]),
        ("varies with b", []),
        ("k of the ring", []),
        ("L1 at = · 12 nodes", []),
    ],
)
def test_signs_of_a_name_are_said_in_words(name, said):
    assert glossary(name) == said


def test_a_sign_stays_with_its_number():
    assert together("→ 1 · k 5 · pink 5") == "→\u00a01 · k\u00a05 · pink 5"


def test_the_title_explains_its_name_and_escapes_it():
    html = parts.title_html("k 5 · <b>", "sub")
    assert "Fourier basis over the values of &lt;b&gt;" in html
    assert "Fourier" not in parts.title_html("subject", "sub")
