"""Tasks: prompt pairs with disjoint splits, read, checked and encoded."""

from core.tasks.encode import PromptBatch, encode_pairs, longest_prompt, with_roles
from core.tasks.load import bundled_tasks, load_task
from core.tasks.overlap import Overlap, overlap
from core.tasks.read import read_pairs
from core.tasks.task import PromptPair, Split, Task

__all__ = [
    "Overlap",
    "PromptBatch",
    "PromptPair",
    "Split",
    "Task",
    "bundled_tasks",
    "encode_pairs",
    "load_task",
    "longest_prompt",
    "overlap",
    "read_pairs",
    "with_roles",
]
