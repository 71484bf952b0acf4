"""Colours stand in one place, are the same in both themes by name, and can be read."""

import re
import tomllib
from pathlib import Path

import pytest

from explorer.look import theme

ROOT = Path(theme.__file__).resolve().parents[2]
SHEETS = [
    ROOT / "explorer" / "look" / "styles.css",
    ROOT / "explorer" / "network" / "canvas" / "canvas.css",
    *sorted((ROOT / "explorer" / "network" / "canvas").glob("*.js")),
]
INK = ("ink-1", "ink-2", "ink-3", "link", "pos", "neg", "ok", "warn", "bad", "idle", *theme.ROLES)
MARKS = ("series-full", "series-circuit", "series-random", "kind-head", "kind-error", "accent")


def luminance(colour: str) -> float:
    """WCAG relative luminance of #RRGGBB."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white_is_21():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)


def test_both_themes_name_the_same_colours():
    assert list(theme.DARK) == list(theme.LIGHT)


@pytest.mark.parametrize("colours", [theme.DARK, theme.LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("name", INK)
def test_text_can_be_read_on_a_panel(colours, name):
    assert contrast(colours[name], colours["bg-1"]) >= 4.5


@pytest.mark.parametrize("colours", [theme.DARK, theme.LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("name", MARKS)
def test_marks_can_be_seen_on_a_panel(colours, name):
    assert contrast(colours[name], colours["bg-1"]) >= 3


def test_white_label_can_be_read_on_the_accent():
    for colours in (theme.DARK, theme.LIGHT):
        assert contrast(colours["accent-ink"], colours["accent"]) >= 4.5


def test_every_colour_is_a_variable_that_follows_the_theme():
    css = theme.variables()
    for name, dark in theme.DARK.items():
        assert f"--{name}: light-dark({theme.LIGHT[name]}, {dark});" in css


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_nothing_else_writes_a_colour(sheet):
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", sheet.read_text("utf-8"), flags=re.S)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?![\w-])", text)
    assert not re.findall(r"\b(?:rgb|hsl)a?\(\s*\d", text)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_every_variable_used_exists(sheet):
    text = sheet.read_text("utf-8")
    own = {
        "--role",
        "--tone",
        "--tint",
        "--glyph",
        "--size",
        "--v",
        "--canvas-h",
        "--work-h",
        "--part",
    }
    known = own | {f"--{name}" for name in (*theme.DARK, *theme.SIZES, "shadow", "num")}
    used = set(re.findall(r"var\((--[\w-]+)", text))
    assert {name for name in used - known if not name.endswith("-")} == set()


def test_streamlits_own_theme_agrees():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
    for name, colours in (("dark", theme.DARK), ("light", theme.LIGHT)):
        given = config[name]
        assert given["backgroundColor"] == colours["bg-0"]
        assert given["secondaryBackgroundColor"] == colours["bg-1"]
        assert given["textColor"] == colours["ink-1"]
        assert given["primaryColor"] == colours["accent"]
        assert given["linkColor"] == colours["link"]
        assert given["borderColor"] == colours["line-2"]


def test_a_verdict_is_a_mark_and_a_word():
    for key, (word, tone) in theme.VERDICTS.items():
        shown = theme.verdict_html(key)
        assert word in shown
        assert f'<i class="hx-mark hx-{tone}"' in shown


def test_an_unknown_verdict_is_shown_as_text():
    assert "&lt;b&gt;x y" in theme.verdict_html("<b>x_y")


def test_roles_follow_the_letter_and_repeat_after_six():
    assert [theme.role_of(name) for name in ("A", "C1b", "F", "G", "all")] == [
        "role-a",
        "role-c",
        "role-f",
        "role-a",
        "role-a",
    ]


def test_a_badge_escapes_its_name():
    assert "&lt;i&gt;" in theme.badge_html("<i>")
