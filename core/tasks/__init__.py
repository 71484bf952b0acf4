"""Tasks: prompt pairs with disjoint splits, read, checked and encoded."""

from core.tasks.encode import PromptBatch, encode_pairs, longest_prompt, with_roles
from core.tasks.load import bundled_tasks, load_task
from core.tasks.read import read_pairs
from core.tasks.task import PromptPair, Split, Task

__all__ = [
    "PromptBatch",
    "PromptPair",
    "Split",
    "Task",
    "bundled_tasks",
    "encode_pairs",
    "load_task",
    "longest_prompt",
    "read_pairs",
    "with_roles",
]
