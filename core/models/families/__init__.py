"""What differs between model families, as one row each: a family is a module and a place in a list.

A row names where a family keeps its parts and how it splits its attention weights. Nothing here
computes a forward pass: that is always done by the Hugging Face modules.
"""

from core.models.families.known import FAMILIES, family_of
from core.models.families.spec import FamilySpec, Projection, Projections

__all__ = ["FAMILIES", "FamilySpec", "Projection", "Projections", "family_of"]
