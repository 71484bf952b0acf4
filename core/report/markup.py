"""Tables and numbers of the report; cells are HTML that is already safe."""

from collections.abc import Iterable, Sequence

from core.figures import real


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int) -> str:
    """A table; columns from `numbers_from` on are figures, aligned at the right."""

    def cell(tag: str, place: int, text: str) -> str:
        figures = ' class="num"' if place >= numbers_from else ""
        return f"<{tag}{figures}>{text}</{tag}>"

    head = "".join(cell("th", place, text) for place, text in enumerate(heads))
    body = "".join(
        f"<tr>{''.join(cell('td', place, text) for place, text in enumerate(row))}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def two(value: object) -> str:
    """Two decimals; small p-values keep their first digit; a dash where there is no number."""
    number = real(value)
    if number is None:
        return "–"
    text = f"{number:.1e}" if 0 < abs(number) < 0.005 else f"{number:.2f}"
    return text.replace("-", "\u2212")


def p_text(value: object) -> str:
    """ "< 0.01", or two decimals: no finer than a hundred random circuits can tell."""
    p = real(value)
    return "–" if p is None else "&lt; 0.01" if p < 0.01 else f"{p:.2f}"


def spread(interval: object) -> str:
    """ "0.97–0.99" of a 95 % interval; empty where there is none."""
    if not isinstance(interval, list | tuple) or len(interval) != 2:
        return ""
    low, high = map(real, interval)
    return "" if low is None or high is None else f"{two(low)}–{two(high)}"


def percent(value: float) -> str:
    """A share as people say it: "98 %"; one decimal near 0 and 100, where it matters."""
    share = 100 * value
    near = 0 < abs(share) < 1 or 99 < share < 100
    return (f"{share:.1f}" if near else f"{share:.0f}").replace("-", "\u2212") + " %"
