"""Circuits given to others and taken in from others; one code for `hagd` and the app.

giving      a circuit as a page, a bundle, tables or a Neuronpedia graph: bytes by file name
cards       feature cards for the page
tables      nodes and edges as rows
taking      bundles and graphs from folders, archives and files: checked first, then stored
archive     zip files, opened without trust
"""

from core.share.giving import SUFFIX, Form, give
from core.share.taking import Taken, take_in

__all__ = ["SUFFIX", "Form", "Taken", "give", "take_in"]
