"""A real Ray of two workers on this machine, and what happens when one of them is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")

from tests.integration import engine_jobs as jobs
from tools.engine.open import open_engine
from tools.engine.protocol import Died
from tools.errors import BadInput

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def engine():
    with open_engine("ray", 2) as made:
        yield made


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_outcomes_are_what_was_returned_and_raised(engine):
    found = dict(engine.run(jobs.double, [(1,), (-1,), (3,)]))
    assert (found[0], found[2]) == (2, 6)
    assert isinstance(found[1], BadInput)
    assert str(found[1]) == "no"
    assert dict(engine.run(jobs.double, [])) == {}
    assert (engine.name, engine.n_workers) == ("ray", 2)


def test_a_worker_keeps_its_modules_state_and_reads_its_jobs_late(engine):
    found = dict(engine.run(jobs.count_calls, [() for _ in range(6)]))
    by_worker: dict[int, list[int]] = {}
    for pid, n in found.values():
        by_worker.setdefault(pid, []).append(n)
    assert len(by_worker) == 2
    assert all(sorted(calls) == list(range(1, len(calls) + 1)) for calls in by_worker.values())


def test_a_killed_worker_costs_its_job_a_second_try_and_the_others_nothing(engine, tmp_path):
    def kill_when_it_says_where_it_is():
        while not (tmp_path / "1").exists():
            time.sleep(0.02)
        os.kill(int((tmp_path / "1").read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill_when_it_says_where_it_is)
    killer.start()
    found = dict(engine.run(jobs.slow_the_first_time, [(str(tmp_path), n) for n in range(4)]))
    killer.join()
    assert found == {n: n * n for n in range(4)}


def test_a_job_that_kills_every_worker_is_given_up_and_no_other(engine):
    found = dict(engine.run(jobs.leave_if_three, [(n,) for n in range(5)]))
    assert isinstance(found.pop(3), Died)
    assert found == {n: n for n in (0, 1, 2, 4)}


def test_closing_early_ends_the_workers(engine, tmp_path):
    with closing(engine.run(jobs.say_and_sleep, [(str(tmp_path), n, 0 if n == 0 else 60) for n in range(3)])) as found:
        next(found)
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.02)
    pids = [int(path.read_text()) for path in tmp_path.iterdir()]
    deadline = time.monotonic() + 20
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, pids))


def test_more_than_there_is_and_no_cluster_at_all_are_refused_at_once(engine):
    with pytest.raises(BadInput, match="cannot be reached"), open_engine("ray", 1, "127.0.0.1:1"):
        pass
    with pytest.raises(BadInput, match="--ray-address is for --engine ray"), open_engine("local", 1, "auto"):
        pass
