"""Tables of the report; cells are HTML that is already safe."""

from collections.abc import Iterable, Sequence


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
