"""What a link holds: one frozen `View`. `link` is its way to and from URL parameters.

The default of every field is what a first visit sees. Whether a node of a link exists is for the
page to say, which knows the circuit (`View.keep`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from core.choices import ErrorsAre, Inside

How = Literal["resample", "mean", "zero"]
Base = Literal["dictionary", "circuit"]
Sign = Literal["both", "plus", "minus"]
Layout = Literal["table", "cards"]
Kind = Literal["errors", "biases"]


class Changed(NamedTuple):
    """One intervention as a link writes it: `node` alone is ablated, `node*0.5` scaled."""

    node: str
    scale: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the network on the Circuit page shows."""

    min_effect: float | None = None
    """Smallest |effect| of an edge that is drawn; None leaves the choice to the page."""
    layer: int | None = None
    position: int | None = None
    sign: Sign = "both"
    hidden: tuple[Kind, ...] = ("biases",)
    """Kinds of node that are left out: error nodes, bias and position nodes."""
    find: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """How the library is searched and laid out."""

    search: str = ""
    task: str = ""
    family: str = ""
    dictionary: str = ""
    verdict: str = ""
    sort: str = ""
    layout: Layout = "table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """What the Prompt page traces."""

    model: str = ""
    transcoders: str = ""
    text: str = ""
    target: str = ""
    """Token to explain; empty explains the top logits."""
    against: str = ""
    """Token to set against the target: the direction target − against is explained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A graph of another program, as the Prompt page shows it."""

    graph: str = ""
    """Its name in the store; empty where the page traces."""
    selection: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    """Groups of the file that are open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything a link restores. The default is what a first visit sees."""

    page: str = ""
    circuit: str = ""
    """Name of a bundle in the library; empty opens the page's own choice."""
    prompt: int = 0
    """Index into the circuit's test prompts."""
    path: tuple[str, ...] = ()
    """Supernodes that are open, outermost first."""
    selection: tuple[str, ...] = ()
    changes: tuple[Changed, ...] = ()
    how: How = "resample"
    errors: ErrorsAre = "live"
    inside: Inside = "circuit"
    base: Base = "dictionary"
    """What the errors are exchanged in on the Validation page."""
    filters: Filters = field(default_factory=Filters)
    shelf: Shelf = field(default_factory=Shelf)
    traced: Traced = field(default_factory=Traced)
    imported: Imported = field(default_factory=Imported)
    job: str = ""

    def keep(self, known: Callable[[str], bool]) -> tuple["View", tuple[str, ...]]:
        """The view with only nodes that `known` accepts, and the ids that were dropped."""
        asked = (*self.path, *self.selection, *(changed.node for changed in self.changes))
        dropped = tuple(dict.fromkeys(node for node in asked if not known(node)))
        if not dropped:
            return self, ()
        kept = replace(
            self,
            path=tuple(node for node in self.path if known(node)),
            selection=tuple(node for node in self.selection if known(node)),
            changes=tuple(changed for changed in self.changes if known(changed.node)),
        )
        return kept, dropped
