"""Home: every stored circuit with its score beside its controls, and the ways to make another."""

from explorer.library import page as library
from explorer.look import notices

notices.guarded(library.page)
