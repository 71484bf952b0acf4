"""report.html: a circuit on one page that needs no program, server or network.

page      the page: claim, network, curve, scores, features, origin
scores    the claim in words and every score beside its control
curve     F by size as a drawing, with the band of random circuits of each size
network   graph and tree as data; `report.js` draws them and opens supernodes by click
cards     what single features do: where they fire, what they promote
origin    what it was made from, and the command that makes it again
markup    tables of cells that are already safe
"""

from core.report.cards import Card, Context
from core.report.page import report_html

__all__ = ["Card", "Context", "report_html"]
