"""Settings of runs that an earlier version of the program recorded."""

from agent.setup.config import RunConfig, recorded_settings

OLD = {
    "unseen_member": 13, "sister_class": 6, "other_context": 4, "minimal_pair": 12, "truncation": 3,
    "vocabulary_sweep": 5, "neighbours": 3, "retrieval": 12, "look_alike": 2, "sampled": 4, "written": 0,
}  # fmt: skip


def test_a_generator_that_was_not_there_made_no_text() -> None:
    config = RunConfig.checked(**recorded_settings({"target": "L0N0", "quotas": OLD}))
    assert config.quotas.by_generator() == OLD | {"real_sentence": 0}


def test_settings_of_today_stay_as_they_are() -> None:
    now = RunConfig(target="L0N0")
    assert RunConfig.checked(**recorded_settings(now.model_dump())) == now
