"""Home: every stored circuit with its score beside its controls, and the ways to make another."""

from explorer import library, notices

notices.guarded(library.page)
