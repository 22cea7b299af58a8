"""Where two texts differ, when one was made from the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.experiments.change import changed

TEXT = st.lists(st.integers(0, 3), max_size=12)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("abc", "abc", (3, "", "")),
        ("abc", "axc", (1, "b", "x")),
        ("abc", "ac", (1, "b", "")),
        ("ac", "abc", (1, "", "b")),
        ("abc", "bc", (0, "a", "")),
        ("abc", "ab", (2, "c", "")),
        ("aaa", "aa", (2, "a", "")),
        ("", "x", (0, "", "x")),
        ("abcd", "xbcy", (0, "abcd", "xbcy")),
    ],
)
def test_single_changes(before: str, after: str, found: tuple[int, str, str]) -> None:
    assert changed(before, after) == found


@given(TEXT, TEXT)
def test_it_makes_one_text_of_the_other(before: list[int], after: list[int]) -> None:
    at, removed, added = changed(before, after)
    assert before[at : at + len(removed)] == removed
    rest = before[at + len(removed) :]
    assert [*before[:at], *added, *rest] == after
    # neither what was removed nor what was added begins or ends with what both have
    if removed and added:
        assert removed[0] != added[0]
        assert removed[-1] != added[-1]


@given(TEXT, st.integers(0, 11), TEXT, TEXT)
def test_one_edit_is_found_and_is_no_larger(text: list[int], at: int, removed: list[int], added: list[int]) -> None:
    at = min(at, len(text))
    before, after = [*text[:at], *removed, *text[at:]], [*text[:at], *added, *text[at:]]
    _, less, more = changed(before, after)
    assert len(less) <= len(removed)
    assert len(more) <= len(added)
