"""Compiled programs: models whose circuit is known, to learn from and to be tested against."""

from core.compiled.forward import Pass, ProgramGates, gates_of, recovered, run
from core.compiled.graph import candidates, program_graph
from core.compiled.program import (
    Program,
    ProgramPairs,
    bundled_programs,
    load_pairs,
    load_program,
)
from core.compiled.truth import ProgramEffects, circuits, in_circuit, measured_effects

__all__ = [
    "Pass",
    "Program",
    "ProgramEffects",
    "ProgramGates",
    "ProgramPairs",
    "bundled_programs",
    "candidates",
    "circuits",
    "gates_of",
    "in_circuit",
    "load_pairs",
    "load_program",
    "measured_effects",
    "program_graph",
    "recovered",
    "run",
]
