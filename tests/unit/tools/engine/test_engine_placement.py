"""How many workers a cluster has room for, before Ray is asked for what it would wait for without end."""

from __future__ import annotations

import sys
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.engine.open import open_engine
from tools.engine.placement import placed
from tools.errors import BadInput

machine = st.fixed_dictionaries({"CPU": st.integers(0, 5).map(float)}, optional={"GPU": st.integers(0, 3).map(float)})


def fits(machines, n, cpus, gpus):
    """Put down one by one, wherever there is still room."""
    left = [(int(m.get("CPU", 0)), int(m.get("GPU", 0))) for m in machines]
    for _ in range(n):
        for at, (c, g) in enumerate(left):
            if c >= cpus and g >= gpus:
                left[at] = c - cpus, g - gpus
                break
        else:
            return False
    return True


@given(
    st.lists(machine, min_size=1, max_size=4),
    st.none() | st.integers(1, 9),
    st.none() | st.integers(1, 3),
    st.booleans(),
)
def test_workers_have_as_much_as_fits(machines, n_workers, threads, gpus):
    possible = [
        (n, cpus)
        for n, cpus in product([n_workers] if n_workers else range(1, 21), [threads] if threads else range(1, 6))
        if fits(machines, n, cpus, int(gpus))
    ]
    if possible:
        assert placed(machines, n_workers, threads, gpus) == max(possible)
    else:
        with pytest.raises(BadInput):
            placed(machines, n_workers, threads, gpus)


def test_a_refusal_says_what_there_is_and_what_to_do():
    with pytest.raises(BadInput) as error:
        placed([{"CPU": 2.0}, {"CPU": 4.0, "GPU": 1.0}], 3, None, True)
    assert str(error.value) == (
        "the Ray cluster (machines: 2, processors: 6, GPUs: 1) has room for 1 of 3 workers, as each needs a GPU and "
        "processors: 1. Lower `workers`, or join another machine with `ray start --address=HOST:PORT`."
    )


def test_where_ray_is_not_installed_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "tools.engine.ray", raising=False)
    with (
        pytest.raises(BadInput, match=r"`engine=ray` needs Ray .*: pip install -e '.\[ray\]'\."),
        open_engine("ray", 2),
    ):
        pass


def test_an_address_is_for_ray():
    with pytest.raises(BadInput, match="`ray_address` is for `engine=ray`"), open_engine("local", 1, "auto"):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "HOST:PORT"])
def test_a_cluster_that_does_not_answer_is_said_at_once(address):
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    said = f"the Ray cluster at {address} cannot be joined .*`ray start --head`"
    with pytest.raises(BadInput, match=said), open_engine("ray", 1, address):
        pass
