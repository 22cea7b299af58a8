"""Joining a real Ray cluster of two machines, each of one processor, one of which is lost."""

from __future__ import annotations

import threading
import time

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")

from tests.integration import engine_jobs as jobs  # noqa: E402
from tools.engine.open import open_engine  # noqa: E402
from tools.errors import BadInput  # noqa: E402


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 1})
    yield made
    made.shutdown()


def test_a_cluster_is_joined_and_left_as_it_was(cluster):
    for _ in range(2):
        with open_engine("ray", address=cluster.address) as engine:
            assert engine.n_workers == 1
            assert dict(engine.run(jobs.double, [(1,), (2,)])) == {0: 2, 1: 4}
        assert not ray.is_initialized()


def test_a_worker_that_needs_a_gpu_has_one_of_its_own_and_another_has_none(cluster):
    for gpus, expected in ((True, "0"), (False, None)):
        with open_engine("ray", address=cluster.address, gpus=gpus) as engine:
            assert dict(engine.run(jobs.environment, [("CUDA_VISIBLE_DEVICES",)])) == {0: [expected]}


def test_a_worker_with_another_program_is_refused_and_both_are_named(cluster, monkeypatch):
    monkeypatch.setattr("tools.engine.ray.program", lambda: "neuron-agent 0.0.7")
    with (
        open_engine("ray", address=cluster.address) as engine,
        pytest.raises(BadInput, match=r"a Ray worker runs neuron-agent .*source.*, and here is neuron-agent 0\.0\.7"),
    ):
        list(engine.run(jobs.double, [(1,)]))


def test_what_others_use_is_not_waited_for_for_ever(cluster, monkeypatch):
    class Other:
        """Holds a processor and does nothing."""

    monkeypatch.setattr("tools.engine.schedule.START_S", 1)
    with open_engine("ray", address=cluster.address) as engine:
        other = ray.remote(Other).options(num_cpus=1).remote()
        ray.get(other.__ray_ready__.remote())
        with pytest.raises(BadInput, match="no worker has started in 1 s"):
            list(engine.run(jobs.double, [(1,)]))


def test_a_machine_that_is_lost_costs_its_job_a_second_try(cluster, tmp_path):
    folder = str(tmp_path)
    ray.init(address=cluster.address, log_to_driver=False)  # on the first machine, which is the only one yet
    try:
        second = cluster.add_node(num_cpus=1)

        def lose():
            while not (jobs.begun(folder, 0) and jobs.begun(folder, 1)):
                time.sleep(0.05)
            cluster.remove_node(second, allow_graceful=False)

        losing = threading.Thread(target=lose)
        losing.start()
        with open_engine("ray", address=cluster.address) as engine:
            assert engine.n_workers == 2
            found = dict(engine.run(wait_for_the_loss_of, [(folder, n, second.node_id) for n in range(4)]))
        losing.join()
    finally:
        ray.shutdown()
    assert found == {n: n * n for n in range(4)}
    assert sorted(len(jobs.begun(folder, n)) for n in range(4)) == [1, 1, 1, 2]


def wait_for_the_loss_of(folder, n, machine):
    """Of jobs 0 and 1, the one that is on the machine does not end, and the other ends once both have begun."""
    if n > 1:
        return jobs.say(folder, n)
    if ray.get_runtime_context().get_node_id() == machine:
        return jobs.say(folder, n, 60)
    return jobs.say_and_wait_for_another(folder, n, 1 - n, 1)
