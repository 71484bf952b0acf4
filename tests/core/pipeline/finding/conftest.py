"""A probe of a tiny model."""

import pytest

from tests.core.pipeline.parts import tiny_probe


@pytest.fixture
def probe():
    return tiny_probe()
