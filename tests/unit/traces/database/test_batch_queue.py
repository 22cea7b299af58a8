"""The queue of batches: who gets which neuron, for how long, and what becomes of it when its process is gone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tools.errors import BadInput, StorageError
from traces.database.batches import (
    Batch,
    Entry,
    Queue,
    add_batch,
    all_batches,
    entries_of,
    find_batch,
    is_alive,
    retry_failed,
    this_process,
)
from traces.database.results import ResultsDatabase
from traces.database.schema import SCHEMA_VERSION

ENTRIES = [
    Entry("L10N0", 10, 0),
    Entry("L2N7", 2, 7, {"corpus": "c"}, {"earlier": {"score": 0.1}}),
    Entry("L2N3", 2, 3),
]


@pytest.fixture
def database(tmp_path: Path) -> ResultsDatabase:
    return ResultsDatabase(tmp_path)


def batch_of(database: ResultsDatabase, entries: list[Entry] = ENTRIES, fingerprint: str = "f") -> Batch:
    return add_batch(database, "mini", fingerprint, {"budget": 3}, {"below": 0.3}, entries)


def as_owner(database: ResultsDatabase, batch: Batch, owner: str, lease_s: float = 60) -> Queue:
    queue = Queue(database, batch, lease_s)
    queue.owner = owner
    return queue


def claimed(queue: Queue) -> str:
    entry = queue.claim()
    assert entry is not None
    return entry.neuron


def test_neurons_are_given_out_by_layer_and_index_and_each_once(database: ResultsDatabase) -> None:
    batch = batch_of(database)
    one, other = as_owner(database, batch, "here 1 a"), as_owner(database, batch, "there 2 b")
    first = one.claim()
    assert first is not None
    assert (first.neuron, first.status, first.attempts) == ("L2N3", "running", 1)
    assert first.run_id is not None
    assert "mini-L2N3" in first.run_id
    second = other.claim()
    assert second is not None
    assert (second.neuron, second.settings, second.about) == ("L2N7", {"corpus": "c"}, {"earlier": {"score": 0.1}})
    assert claimed(one) == "L10N0"
    assert other.claim() is None
    assert (one.n_free(), one.n_open()) == (0, 3)
    one.finish("L2N3", None, 1.5)
    other.finish("L2N3", "not its own", 1.0)
    other.finish("L2N7", "it broke", 2.0)
    found = {
        entry.neuron: (entry.status, entry.reason, entry.seconds) for entry in entries_of(database, batch.batch_id)
    }
    assert found == {
        "L2N3": ("done", None, 1.5), "L2N7": ("failed", "it broke", 2.0), "L10N0": ("running", None, None),
    }  # fmt: skip
    assert one.n_open() == 1
    assert retry_failed(database, batch.batch_id) == 1
    again = other.claim()
    assert again is not None
    assert (again.neuron, again.attempts, again.run_id) == ("L2N7", 2, second.run_id)


def test_two_batches_do_not_work_on_one_neuron_at_the_same_time(database: ResultsDatabase) -> None:
    one, other = (as_owner(database, batch_of(database), owner) for owner in ("here 1 a", "there 2 b"))
    another_model = as_owner(database, batch_of(database, fingerprint="g"), "there 3 c")
    assert [claimed(one), claimed(other), claimed(another_model)] == ["L2N3", "L2N7", "L2N3"]
    one.finish("L2N3", None, 1.0)
    assert [claimed(other), claimed(other), claimed(one) if one.n_free() else None] == ["L2N3", "L10N0", None]
    other.release()
    assert claimed(one) == "L2N7"


def test_an_expired_lease_is_taken_up_and_a_renewed_one_is_not(database: ResultsDatabase) -> None:
    batch = batch_of(database, ENTRIES[:1])
    slow, next_one = as_owner(database, batch, "there 1 a", lease_s=-1), as_owner(database, batch, "there 2 b")
    first = slow.claim()
    slow.lease_s = 60
    slow.renew()
    assert next_one.claim() is None
    slow.lease_s = -1
    slow.renew()
    taken = next_one.claim()
    assert first is not None
    assert taken is not None
    assert (taken.neuron, taken.run_id, taken.attempts) == (first.neuron, first.run_id, 2)
    slow.finish("L10N0", "too late", 1.0)
    assert entries_of(database, batch.batch_id)[0].status == "running"


def test_the_lease_of_a_process_that_is_gone_is_over_at_once(database: ResultsDatabase) -> None:
    code = "from traces.database.batches import this_process; print(this_process())"
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert is_alive(dead) is False
    assert is_alive(this_process()) is True
    assert is_alive(this_process().rpartition(" ")[0] + " 1") is False, "another process has its number now"
    assert is_alive("elsewhere 1 1") is None
    batch = batch_of(database, ENTRIES[:1])
    assert claimed(as_owner(database, batch, dead)) == "L10N0"
    assert claimed(as_owner(database, batch, this_process())) == "L10N0"
    assert as_owner(database, batch, "there 2 b").claim() is None


def test_a_process_that_slept_past_its_lease_keeps_what_it_has(database: ResultsDatabase) -> None:
    """As every process does when its machine was asleep, or its clock was set."""
    batch = batch_of(database, ENTRIES[:1])
    slept = as_owner(database, batch, this_process(), lease_s=-1)
    assert claimed(slept) == "L10N0"
    assert slept.claim() is None
    assert as_owner(database, batch, "there 2 b").claim() is None


def test_many_claim_at_once_and_none_gets_what_another_has(database: ResultsDatabase) -> None:
    batch = batch_of(database, [Entry(f"L0N{i}", 0, i) for i in range(40)])
    queues = [as_owner(database, batch, f"there {i} x") for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: claimed(queues[i % 8]), range(40)))
    assert sorted(found) == sorted(f"L0N{i}" for i in range(40))


def test_batches_are_found_by_a_part_of_their_id(database: ResultsDatabase) -> None:
    with pytest.raises(BadInput, match="there is no batch 'last'"):
        find_batch(database, "last")
    assert not database.path.exists()
    one, other = batch_of(database), batch_of(database)
    assert [batch.batch_id for batch in all_batches(database)] == sorted([one.batch_id, other.batch_id])
    assert find_batch(database, "last") == max(one, other, key=lambda batch: batch.batch_id)
    assert find_batch(database, one.batch_id[-6:]) == one
    with pytest.raises(BadInput, match="fits 2 batches"):
        find_batch(database, "mini")
    with pytest.raises(BadInput, match="there is no batch 'x'"):
        find_batch(database, "x")


def test_a_newer_database_is_refused(database: ResultsDatabase) -> None:
    batch = batch_of(database)
    connection = sqlite3.connect(database.path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    for use in (lambda: batch_of(database), lambda: all_batches(database), Queue(database, batch).claim):
        with pytest.raises(StorageError, match="upgrade the program"):
            use()


def test_batches_and_their_runs_sort_as_they_were_made_whatever_the_clock_says(
    database: ResultsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = batch_of(database)
    earlier = Queue(database, first).claim()

    class Early(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2001, 1, 1, tzinfo=tz)

    monkeypatch.setattr("traces.events.runs.datetime", Early)
    second = batch_of(database, fingerprint="g")
    assert find_batch(database, "last") == second
    later = Queue(database, second).claim()
    assert earlier is not None
    assert later is not None
    assert str(later.run_id) > str(earlier.run_id)
