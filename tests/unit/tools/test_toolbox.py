"""The one door: what it charges, what it records, and what it serves again."""

import time

import numpy as np
import pytest
from pydantic import ValidationError

from tools.errors import BadInput, BudgetSpent, StorageError
from tools.toolbox import Arguments, CallRecord, Outcome, Tool, Toolbox, ToolFailed, units_of
from traces.events.recorder import TraceRecorder
from traces.events.store import TraceWriter


class Texts(Arguments):
    n_texts: int = 1
    n_tokens: int = 1


class Number(Outcome):
    value: float


class Memory:
    """A recorder that only remembers."""

    def __init__(self, served=()):
        self.served = {call.call_id: call for call in served}
        self.calls: list[CallRecord] = []

    def recorded(self, call_id):
        return self.served.get(call_id)

    def record(self, call):
        self.calls.append(call)


class Shop:
    """Tools that count how often they are really run."""

    def __init__(self):
        self.n_run = 0
        size = {"size": lambda a: (a.n_texts, a.n_tokens)}
        self.tools = [
            Tool("draw", "", Texts, Number, self.draw, **size),
            Tool("free", "", Texts, Number, self.draw, charged=False, **size),
            Tool("small", "", Texts, Number, self.draw),
            Tool("refuse", "", Texts, Number, self.refuse),
            Tool("crash", "", Texts, Number, self.crash),
            Tool("nan", "", Texts, Number, lambda a, rng: Number.model_construct(value=float("nan"))),
            Tool("slow", "", Texts, Number, self.slow),
        ]

    def box(self, recorder=None, limit=None, max_seconds=None, seed=7):
        return Toolbox(self.tools, recorder or Memory(), seed, limit, max_seconds)

    def draw(self, arguments, rng):
        self.n_run += 1
        return Number(value=float(rng.random()))

    def refuse(self, arguments, rng):
        self.n_run += 1
        raise BadInput("not like this.")

    def crash(self, arguments, rng):
        raise ZeroDivisionError

    def slow(self, arguments, rng):
        time.sleep(0.03)
        return self.draw(arguments, rng)


@pytest.fixture
def shop():
    return Shop()


@pytest.mark.parametrize(
    ("texts", "tokens", "units"),
    [(0, 0, 1), (1, 1, 1), (64, 4096, 1), (65, 1, 2), (1, 4097, 2), (128, 8192, 2), (129, 4096, 3), (64, 12289, 4)],
)
def test_units(texts, tokens, units, shop):
    assert units_of(texts, tokens) == units
    box = shop.box()
    box.call("draw", Texts(n_texts=texts, n_tokens=tokens))
    assert (box.used, box.recorder.calls[0].units) == (units, units)
    assert (box.recorder.calls[0].texts, box.recorder.calls[0].subject_tokens) == (texts, tokens)


def test_what_would_go_past_the_budget_is_not_done(shop):
    box = shop.box(limit=3)
    box.call("draw", Texts(n_texts=128))
    with pytest.raises(BudgetSpent, match="draw needs 2 units and 1 are left"):
        box.call("draw", Texts(n_texts=65))
    assert (box.used, box.left, shop.n_run, len(box.recorder.calls)) == (2, 1, 1, 1)
    box.call("draw", Texts(n_texts=64))
    assert box.left == 0
    with pytest.raises(BudgetSpent):
        box.call("small", Texts())


def test_uncharged_tools_cost_nothing_and_work_when_all_is_spent(shop):
    box = shop.box(limit=1)
    box.call("draw", Texts())
    box.call("free", Texts(n_texts=10**6))
    call = box.recorder.calls[-1]
    assert (box.used, call.units, call.charged, call.budget_used) == (1, 0, False, 1)


def test_no_limit(shop):
    assert shop.box().left == float("inf")


def test_every_call_draws_from_a_generator_of_its_own(shop):
    first, second, other = shop.box(), shop.box(), shop.box(seed=8)
    values = [first.call("draw", Texts()).value for _ in range(3)]
    assert len(set(values)) == 3
    second.call("small", Texts())
    assert [second.call("draw", Texts()).value for _ in range(2)] == values[1:]
    assert other.call("draw", Texts()).value != values[0]


def test_an_error_is_on_record_is_charged_and_is_served_again(shop):
    box = shop.box(limit=5)
    with pytest.raises(ToolFailed, match="refuse: not like this"):
        box.call("refuse", Texts())
    (call,) = box.recorder.calls
    assert (call.error, call.result, call.units) == (("BadInput", "not like this."), None, 1)
    again = shop.box(Memory([call]), limit=5)
    with pytest.raises(ToolFailed, match="refuse: not like this"):
        again.call("refuse", Texts())
    assert (shop.n_run, again.used) == (1, box.used)


@pytest.mark.parametrize(("tool", "error"), [("crash", ZeroDivisionError), ("nan", ValueError)])
def test_what_is_no_refusal_is_neither_recorded_nor_hidden(tool, error, shop):
    box = shop.box()
    with pytest.raises(error):
        box.call(tool, Texts())
    assert box.recorder.calls == []


def test_an_unknown_tool_and_unknown_arguments(shop):
    with pytest.raises(BadInput, match="there is no tool 'dig'; there are crash, draw, "):
        shop.box().call("dig", Texts())
    with pytest.raises(ValidationError):
        Texts(n_text=3)


def test_recorded_results_are_served_and_nothing_is_run(shop):
    first = shop.box(limit=9)
    values = [first.call(name, Texts(n_texts=65)).value for name in ("draw", "free", "small")]
    again = shop.box(Memory(first.recorder.calls), limit=9)
    assert [again.call(name, Texts(n_texts=65)).value for name in ("draw", "free", "small")] == values
    assert shop.n_run == 3
    assert again.recorder.calls == first.recorder.calls  # the seconds too
    assert (again.used, again.seconds) == (first.used, first.seconds)
    fresh, expected = again.call("draw", Texts()).value, first.call("draw", Texts()).value
    assert fresh == expected


def test_time_stops_charged_calls_where_it_stopped_them_before(shop):
    first = shop.box(max_seconds=0.05)
    n_done = 0
    while first.left:
        first.call("slow", Texts())
        n_done += 1
    assert n_done == 2
    with pytest.raises(BudgetSpent):
        first.call("slow", Texts())
    first.call("free", Texts())
    again = shop.box(Memory(first.recorder.calls), max_seconds=0.05)  # served at once, and yet the time is up
    for _ in range(n_done):
        assert again.left > 0
        again.call("slow", Texts())
    with pytest.raises(BudgetSpent):
        again.call("slow", Texts())
    assert shop.n_run == 3


def test_on_a_trace(shop, tmp_path):
    """Through the real recorder: served from the file, and refused when a call is another than the recorded one."""
    path = tmp_path / "events.jsonl"
    with TraceWriter(path) as writer:
        box = shop.box(TraceRecorder(writer))
        value = box.call("draw", Texts()).value
        with pytest.raises(ToolFailed):
            box.call("refuse", Texts())
    with TraceWriter(path, resume=True) as writer:
        box = shop.box(TraceRecorder(writer))
        assert box.call("draw", Texts()).value == value
        with pytest.raises(ToolFailed):
            box.call("refuse", Texts())
        assert shop.n_run == 2
        assert not writer.is_replaying
    with TraceWriter(path, resume=True) as writer, pytest.raises(StorageError, match=r"arguments\.n_texts"):
        shop.box(TraceRecorder(writer)).call("draw", Texts(n_texts=2))
    assert shop.n_run == 2


def test_results_are_what_a_replay_reads(shop):
    """Live results go through JSON as well: a float32 or a tuple must not differ between first run and replay."""

    class Odd(Outcome):
        pairs: list[tuple[str, float]]

    tool = Tool("odd", "", Texts, Odd, lambda a, rng: Odd(pairs=[("x", float(np.float32(0.1)))]))
    box = Toolbox([tool], Memory(), 0, None, None)
    live = box.call("odd", Texts())
    assert Odd.model_validate(box.recorder.calls[0].result) == live
