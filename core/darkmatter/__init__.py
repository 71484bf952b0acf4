"""Dark matter: what a dictionary's reconstruction errors are to the behaviour."""

from core.darkmatter.bench import Settings
from core.darkmatter.decide import Content
from core.darkmatter.sample import Prompts
from core.darkmatter.stand_ins import StandIn
from core.darkmatter.study import dark_matter

__all__ = ["Content", "Prompts", "Settings", "StandIn", "dark_matter"]
