"""What the library says of a run."""

from core.pipeline.progress import STAGES
from explorer.library import runs


def test_every_stage_has_its_name_for_people_in_the_order_of_a_run():
    assert tuple(runs.STAGES) == STAGES
