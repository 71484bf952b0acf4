"""The way of a `View` to and from URL parameters.

    1. `PARAMETERS` lists every parameter once: its name, the field of `View` it stands for, how it
       is read and written, and the pages it belongs to.
    2. `read` takes the parameters of a URL, drops what it does not know or cannot read, and says
       so in words: a link from somebody else never fails, it opens what can be opened.
    3. `write` gives the parameters that differ from a fresh `View`, so that links stay short.

Everything here is pure. `state` keeps the view of a browser session in step with its URL. Text from
a URL is cut to a limit and node ids must look like node ids before anything else sees them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, get_args

from core.choices import ErrorsAre, Inside
from explorer.session.view import Base, Changed, How, Kind, Layout, Sign, View

MAX_TEXT = 2000
MAX_NAME = 160
MAX_ITEMS = 400
_NODE = re.compile(r"[A-Za-z0-9:@._-]{1,40}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Parameter(NamedTuple):
    """One URL parameter."""

    name: str
    path: str
    """Field of `View`, or `group.field` for one of its groups."""
    read: Callable[[str], Any]
    """Raises ValueError with what is wanted."""
    write: Callable[[Any], str]
    pages: frozenset[str]


def _text(limit: int) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if len(raw) > limit:
            raise ValueError(f"at most {limit} characters")
        return _CONTROL.sub(" ", raw)

    return read


def _choice(kind: Any) -> Callable[[str], str]:
    options = get_args(kind)

    def read(raw: str) -> str:
        if raw not in options:
            raise ValueError("one of " + ", ".join(options))
        return raw

    return read


def _index(raw: str) -> int:
    if not re.fullmatch(r"\d{1,6}", raw):
        raise ValueError("a whole number from 0 up")
    return int(raw)


def _effect(raw: str) -> float:
    if not re.fullmatch(r"\d{0,6}(\.\d{0,8})?", raw) or not re.search(r"\d", raw):
        raise ValueError("a number from 0 up")
    return float(raw)


def _split(raw: str) -> list[str]:
    items = [item for item in raw.split(",") if item]
    if len(items) > MAX_ITEMS:
        raise ValueError(f"at most {MAX_ITEMS} nodes")
    return list(dict.fromkeys(items))


def _node(raw: str) -> str:
    if not _NODE.fullmatch(raw):
        raise ValueError("node ids such as 0:4:12, L0H2@4 or C1")
    return raw


def _nodes(raw: str) -> tuple[str, ...]:
    return tuple(_node(item) for item in _split(raw))


def _kinds(raw: str) -> tuple[str, ...]:
    return tuple(_choice(Kind)(item) for item in _split(raw))


def _changes(raw: str) -> tuple[Changed, ...]:
    changed: dict[str, Changed] = {}
    for item in _split(raw):
        node, star, scale = item.partition("*")
        if star and not re.fullmatch(r"-?\d{1,3}(\.\d{1,4})?", scale):
            raise ValueError("nodes with a scale such as 0:4:12*0.5")
        changed[node] = Changed(_node(node), float(scale) if star else 0.0)
    return tuple(changed.values())


def _write_change(changed: Changed) -> str:
    return changed.node if changed.scale == 0 else f"{changed.node}*{changed.scale:g}"


def _pages(*names: str) -> frozenset[str]:
    return frozenset(names)


_CIRCUIT = _pages("circuit", "lab")
_ONLY = _pages("circuit")
_VALIDATION = _pages("validation")
_LIBRARY = _pages("library")
_PROMPT = _pages("prompt")
_name, _long = _text(MAX_NAME), _text(MAX_TEXT)

PARAMETERS = (
    Parameter("circuit", "circuit", _name, str, _CIRCUIT | _VALIDATION | _PROMPT),
    Parameter("prompt", "prompt", _index, str, _CIRCUIT),
    Parameter("open", "path", _nodes, ",".join, _CIRCUIT),
    Parameter("select", "selection", _nodes, ",".join, _CIRCUIT),
    Parameter("set", "changes", _changes, lambda v: ",".join(map(_write_change, v)), _CIRCUIT),
    Parameter("how", "how", _choice(How), str, _CIRCUIT),
    Parameter("errors", "errors", _choice(ErrorsAre), str, _CIRCUIT),
    Parameter("inside", "inside", _choice(Inside), str, _CIRCUIT),
    Parameter("base", "base", _choice(Base), str, _VALIDATION),
    Parameter("min", "filters.min_effect", _effect, lambda v: f"{v:g}", _ONLY),
    Parameter("layer", "filters.layer", _index, str, _ONLY),
    Parameter("position", "filters.position", _index, str, _ONLY),
    Parameter("sign", "filters.sign", _choice(Sign), str, _ONLY),
    Parameter("hide", "filters.hidden", _kinds, ",".join, _ONLY),
    Parameter("find", "filters.find", _name, str, _ONLY),
    Parameter("q", "shelf.search", _name, str, _LIBRARY),
    Parameter("task", "shelf.task", _name, str, _LIBRARY),
    Parameter("family", "shelf.family", _name, str, _LIBRARY),
    Parameter("dictionary", "shelf.dictionary", _name, str, _LIBRARY),
    Parameter("verdict", "shelf.verdict", _name, str, _LIBRARY),
    Parameter("sort", "shelf.sort", _name, str, _LIBRARY),
    Parameter("layout", "shelf.layout", _choice(Layout), str, _LIBRARY),
    Parameter("with", "traced.model", _long, str, _PROMPT),
    Parameter("transcoders", "traced.transcoders", _long, str, _PROMPT),
    Parameter("text", "traced.text", _long, str, _PROMPT),
    Parameter("target", "traced.target", _name, str, _PROMPT),
    Parameter("against", "traced.against", _name, str, _PROMPT),
    Parameter("graph", "imported.graph", _name, str, _PROMPT),
    Parameter("node", "imported.selection", _nodes, ",".join, _PROMPT),
    Parameter("groups", "imported.opened", _nodes, ",".join, _PROMPT),
    Parameter("job", "job", _name, str, _pages("library", "prompt", "lab")),
)


def parameters_of(page: str) -> tuple[Parameter, ...]:
    """The parameters a page reads and writes; all of them where the page is not known."""
    return tuple(p for p in PARAMETERS if not page or p.name in _names(page))


def _names(page: str) -> set[str]:
    return {p.name for p in PARAMETERS if page in p.pages}


def _get(view: View, path: str) -> Any:
    value: Any = view
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _set(view: View, path: str, value: Any) -> View:
    group, dot, name = path.partition(".")
    if not dot:
        return replace(view, **{group: value})
    return replace(view, **{group: replace(getattr(view, group), **{name: value})})


def read(parameters: Mapping[str, str], onto: View) -> tuple[View, tuple[str, ...]]:
    """Read a URL: fields of `onto.page` come from it or fall back to their default.

    Returns the view and one phrase for each parameter that was dropped.
    """
    view, fresh, known = onto, View(), parameters_of(onto.page)
    dropped = [f"“{_short(name)}” is not known here" for name in _unknown(parameters, known)]
    for parameter in known:
        value = _get(fresh, parameter.path)
        if parameter.name in parameters:
            try:
                value = parameter.read(parameters[parameter.name])
            except ValueError as problem:
                got = _short(parameters[parameter.name])
                dropped.append(f"“{parameter.name}={got}” needs {problem}")
        view = _set(view, parameter.path, value)
    return view, tuple(dropped)


def _unknown(parameters: Iterable[str], known: Iterable[Parameter]) -> list[str]:
    names = {parameter.name for parameter in known}
    return [name for name in parameters if name not in names]


def _short(text: str, limit: int = 40) -> str:
    text = _CONTROL.sub(" ", text)
    return text if len(text) <= limit else text[:limit] + "…"


def write(view: View) -> dict[str, str]:
    """The parameters of `view.page` that differ from a fresh view."""
    fresh = View()
    return {
        parameter.name: parameter.write(_get(view, parameter.path))
        for parameter in parameters_of(view.page)
        if _get(view, parameter.path) != _get(fresh, parameter.path)
    }
