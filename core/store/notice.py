"""What the store has to tell while it works: nothing is repaired or waited for in silence."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class NoticeKind(StrEnum):
    """What happened."""

    DAMAGED = "damaged"
    """An entry was not what was written; it is computed anew."""
    INDEX_SET_ASIDE = "index_set_aside"
    """The database itself was unreadable; it was kept under another name and begun afresh."""
    WAITING = "waiting"
    """Another process computes the same result; this one waits for it."""
    REPLACED = "replaced"
    """An earlier result of the same request gave its place to this one."""
    NOT_STORED = "not_stored"
    """The result is right but could not be written, for want of space or of permission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell."""

    kind: NoticeKind
    """What happened."""
    message: str
    """The same in words, with what is done about it."""
    key: str | None = None
    """The entry concerned, if one."""


Notify = Callable[[Notice], None]


def log_notice(notice: Notice) -> None:
    """Where notices go when nobody asked for them."""
    logging.getLogger("hagd.store").warning(notice.message)
