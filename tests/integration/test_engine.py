"""What an engine promises: processes keep it, and so does a real Ray of two workers, also when one is killed."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.integration import engine_jobs as jobs
from tools.engine.open import open_engine
from tools.engine.protocol import Died
from tools.errors import BadInput


@pytest.fixture(scope="module", params=["local", "ray"])
def engine(request):
    if request.param == "ray":
        pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    with open_engine(request.param, 2) as made:
        yield made


of_ray = pytest.mark.parametrize("engine", ["ray"], indirect=True)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(is_so, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_outcomes_are_what_was_returned_and_raised(engine):
    found = dict(engine.run(jobs.double, [(1,), (-1,), (3,)]))
    assert (found[0], found[2]) == (2, 6)
    assert type(found[1]) is BadInput
    assert str(found[1]) == "no"
    assert dict(engine.run(jobs.double, [])) == {}
    assert engine.n_workers == 2


def test_an_unexpected_error_tells_where_it_was(engine):
    ((_, error),) = engine.run(jobs.divide, [(0,)])
    assert type(error) is ZeroDivisionError
    assert "engine_jobs.py" in "".join(error.__notes__)


def test_what_cannot_be_sent_costs_its_job_alone(engine):
    ((_, raised),) = engine.run(jobs.raise_unsendable, [()])
    assert (type(raised), str(raised)) == (RuntimeError, "Unsendable: cannot travel")
    ((_, returned),) = engine.run(jobs.return_unsendable, [()])
    assert isinstance(returned, (AttributeError, pickle.PicklingError))
    found = dict(engine.run(jobs.double, [(1,), (lambda: None,), (2,)]))
    assert isinstance(found.pop(1), (AttributeError, pickle.PicklingError))
    assert found == {0: 2, 2: 4}
    ((_, left),) = engine.run(jobs.leave, [(3,)])
    assert (type(left), str(left)) == (RuntimeError, "it called sys.exit(3)")


def test_a_worker_keeps_the_state_of_its_modules(engine):
    found = dict(engine.run(jobs.count_calls, [() for _ in range(8)]))
    by_worker = {}
    for pid, n in found.values():
        by_worker.setdefault(pid, []).append(n)
    assert len(by_worker) <= 2
    assert os.getpid() not in by_worker
    assert all(sorted(calls) == list(range(1, len(calls) + 1)) for calls in by_worker.values())


def test_arrays_that_arrive_can_be_written_to(engine):
    large = np.ones(300_000, np.float32)  # so large that Ray would share it, read-only
    ((_, found),) = engine.run(jobs.triple_in_place, [(large,)])
    found += 1
    assert set(found.tolist()) == {4.0}
    assert set(large.tolist()) == {1.0}


class Counted(Sequence):
    def __init__(self, n):
        self.n, self.read = n, []

    def __len__(self):
        return self.n

    def __getitem__(self, number):
        self.read.append(number)
        return (number,)


def test_a_job_is_read_when_its_turn_has_come(engine):
    counted, n_ended = Counted(40), 0
    for _ in engine.run(jobs.double, counted):
        n_ended += 1
        assert len(counted.read) <= n_ended + 4
    assert sorted(counted.read) == list(range(40))
    assert n_ended == 40


def test_a_killed_worker_costs_its_job_a_second_try_and_no_other_job_anything(engine, tmp_path):
    folder = str(tmp_path)

    def kill():
        wait_until(lambda: jobs.begun(folder, 1))
        os.kill(jobs.begun(folder, 1)[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    # Job 0 is under way until job 1 is done again.
    work = [(folder, 0, 1, 2), (folder, 1), (folder, 2)]
    found = dict(engine.run(first_waits_for_second, work))
    killer.join()
    assert found == {n: n * n for n in range(3)}
    assert [len(jobs.begun(folder, n)) for n in range(3)] == [1, 2, 1]
    assert len(set(jobs.begun(folder, 1))) == 2


def first_waits_for_second(folder, n, *waiting_for):
    if waiting_for:
        return jobs.say_and_wait_for_another(folder, n, *waiting_for)
    return jobs.say_and_wait_the_first_time(folder, n) if n == 1 else jobs.say(folder, n)


def second_dies(folder, n):
    return jobs.say_and_die(folder, n) if n == 1 else jobs.say(folder, n)


def test_a_job_that_always_kills_its_worker_is_given_up_after_three_tries_and_no_other(engine, tmp_path, capfd):
    found = dict(engine.run(second_dies, [(str(tmp_path), n) for n in range(5)]))
    assert isinstance(found.pop(1), Died)
    assert found == {n: n * n for n in (0, 2, 3, 4)}
    assert [len(jobs.begun(str(tmp_path), n)) for n in range(5)] == [1, 3, 1, 1, 1]
    time.sleep(0.5)  # Ray tells of a lost worker late, and would do so on stdout, which is for the result
    assert capfd.readouterr().out == ""


def test_closing_early_ends_the_workers(engine, tmp_path):
    folder = str(tmp_path)
    with closing(engine.run(both_at_work, [(folder, n) for n in range(3)])) as found:
        assert next(found) == (0, 0)
        wait_until(lambda: jobs.begun(folder, 1) and jobs.begun(folder, 2))
    pids = {pid for n in range(3) for pid in jobs.begun(folder, n)}
    wait_until(lambda: not any(map(is_alive, pids)))


def both_at_work(folder, n):
    return jobs.say(folder, n, 60) if n else jobs.say_and_wait_for_another(folder, 0, 1, 1)


def test_a_job_that_cannot_be_read_ends_the_work(engine, tmp_path):
    class Unreadable(Counted):
        def __getitem__(self, number):
            if number == 2:
                raise BadInput("it is damaged")
            return str(tmp_path), number

    with pytest.raises(BadInput, match="it is damaged"):
        list(engine.run(jobs.say, Unreadable(4)))
    pids = {pid for n in range(2) for pid in jobs.begun(str(tmp_path), n)}
    wait_until(lambda: not any(map(is_alive, pids)))


def test_the_last_try_of_a_job_has_the_machine_to_itself(tmp_path):
    with open_engine("local", 3) as engine:
        found = dict(engine.run(jobs.die_in_company, [(str(tmp_path), n) for n in range(8)]))
    assert found == dict.fromkeys(range(8), True)


def test_threads_are_shared_out_or_chosen(monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY")
    for threads, expected in ((None, str(os.cpu_count() or 1)), (3, "3")):
        with open_engine("local", 4, threads=threads) as engine:  # one job: one process, with all processors
            ((_, found),) = engine.run(jobs.environment, [names])
        assert found == [expected, expected, "passive"]


def test_workers_end_when_the_process_that_asked_is_killed(tmp_path):
    script = tmp_path / "asks.py"
    script.write_text(
        "from tests.integration import engine_jobs as jobs\n"
        "from tools.engine.local import LocalEngine\n"
        "if __name__ == '__main__':\n"
        f"    list(LocalEngine(2).run(jobs.say, [({str(tmp_path)!r}, n, 60.0) for n in range(2)]))\n"
    )
    root = Path(__file__).parents[2]
    asks = subprocess.Popen([sys.executable, script], env=os.environ | {"PYTHONPATH": str(root)})
    wait_until(lambda: jobs.begun(str(tmp_path), 0) and jobs.begun(str(tmp_path), 1))
    asks.kill()
    asks.wait()
    pids = [pid for n in range(2) for pid in jobs.begun(str(tmp_path), n)]
    wait_until(lambda: not any(map(is_alive, pids)))


@of_ray
def test_a_ray_worker_is_told_its_share_of_processors_before_it_imports_anything(engine):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY", "CUDA_VISIBLE_DEVICES")
    with open_engine("ray", 1) as alone:
        ((_, found),) = alone.run(jobs.first_environment, [names])
        ((_, n_threads),) = alone.run(jobs.n_torch_threads, [()])
    n_cpus = max(2, os.cpu_count() or 1)
    assert found == [str(n_cpus), os.environ.get("OPENBLAS_NUM_THREADS", str(n_cpus)), "passive", None]
    assert n_threads == n_cpus


@of_ray
def test_a_cluster_too_small_is_refused_at_once(engine):
    for n_workers, gpus in ((1000, False), (1, True)):
        with pytest.raises(BadInput, match=f"of {n_workers} workers"), open_engine("ray", n_workers, gpus=gpus):
            pass


@of_ray
def test_no_other_ray_can_be_joined_meanwhile(engine):
    with pytest.raises(BadInput, match="has joined another Ray"), open_engine("ray", 1, "127.0.0.1:1"):
        pass
