"""Settings of runs that an earlier version of the program recorded."""

from agent.setup.config import Quotas, RunConfig, recorded_settings


def test_a_generator_that_was_not_there_made_no_text() -> None:
    *old, new = Quotas().by_generator().items()
    config = RunConfig.checked(**recorded_settings({"target": "L0N0", "quotas": dict(old)}))
    assert config.quotas.by_generator() == {**dict(old), new[0]: 0}
    assert new[1] > 0


def test_settings_of_today_stay_as_they_are() -> None:
    now = RunConfig(target="L0N0")
    assert RunConfig.checked(**recorded_settings(now.model_dump())) == now
