"""Settings of a run that are refused before it starts."""

import pytest

from core.errors import SettingsError
from core.pipeline.settings import NAMED, RunSettings
from core.validation import ValidationSettings


@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"max_size": 0}, {"branching": 1}, {"aim": 0.0}, {"aim": 1.5}]
)
def test_settings_out_of_range(wrong):
    with pytest.raises(SettingsError, match="Run setting"):
        RunSettings(**wrong)


@pytest.mark.parametrize("name", ["guide", "null", "attention"])
def test_a_name_that_is_none_of_a_settings_own_is_refused_with_those_there_are(name):
    settings, known = RunSettings(), ", ".join(NAMED[name])
    object.__setattr__(settings, name, "typo")  # as from a script, where nothing checks types
    with pytest.raises(SettingsError, match=f"{name} is 'typo'; it must be one of {known}. Choose"):
        settings.__post_init__()


def test_too_few_random_circuits_are_refused_before_a_run():
    assert RunSettings(draws=100, seed=4).validation == ValidationSettings(draws=100, seed=4)
    with pytest.raises(SettingsError, match="draws is 99; at least 100 random circuits"):
        RunSettings(draws=99)
