"""Tasks: prompt pairs with disjoint splits, read, checked and encoded.

task              what a task is: pairs, splits, gate
load              bundled tasks by name, others by path
read              pairs from task.jsonl and CSV
write             pairs as task.jsonl
published         lines of WinoGrande and HellaSwag as pairs
problems          all that is wrong with a file, told at once
encode            pairs as token ids, batches of one length
splits            prompts dealt into disjoint splits
overlap           prompts that splits share through their corrupt sides
drawing           generated pairs, no text in two splits
bundled           writes the bundled tasks; each generator is a module:
modular_addition  17 + 40 =
parity            is the number of ones even or odd
sorting           which number comes next
factual           capitals of countries
coreference       who receives the object
commonsense       what typically happens next
"""

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
