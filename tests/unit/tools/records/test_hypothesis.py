"""A hypothesis is recorded as its author wrote it, whatever a run has found out about it since."""

from __future__ import annotations

from dataclasses import replace

from tools.catalogue.hypotheses import Proposals
from tools.records.hypothesis import Hypothesis, WrittenText

WRITTEN = {
    "form": "short",
    "sentence": "Fires on commas.",
    "by": "rules",
    "texts": [{"text": "one, two,", "level": 9.0}],
    "parents": ["Fires on marks."],
    "label": "commas",
    "words": [","],
}


def test_what_a_run_found_is_no_part_of_what_a_tool_wrote() -> None:
    one = Hypothesis(
        "short", "Fires on commas.", "rules", (WrittenText(text="one, two,", level=9),), ("Fires on marks.",),
        "commas", (",",),
    )  # fmt: skip
    in_a_run = replace(one, name="H1", status="dropped", fate="dropped: it was wrong", merit=0.4, table=[0.1] * 11)
    in_a_run.record.outcomes["minimal pair"]["carrier"] = [True]
    for hypothesis in (one, in_a_run):
        (recorded,) = Proposals(proposals=[hypothesis]).model_dump(mode="json")["proposals"]
        assert list(recorded.items()) == list(WRITTEN.items())


def test_a_recorded_hypothesis_has_just_been_proposed() -> None:
    (read,) = Proposals.model_validate({"proposals": [WRITTEN]}).proposals
    assert read == Hypothesis(
        "short", "Fires on commas.", "rules", (WrittenText(text="one, two,", level=9),), ("Fires on marks.",),
        "commas", (",",),
    )  # fmt: skip
    assert read.status == "proposed"
