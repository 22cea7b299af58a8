"""What a batch adds to each neuron: queue, leases, jobs and runs found again, beside the same neurons explained alone.

    python benchmarks/batch_overhead.py                                          # about two minutes on two free cores
    python benchmarks/batch_overhead.py --neurons 40 --budget 20 --rounds 4      # as batches are

Turn by turn, a batch with one worker and a bare loop in one process that shares what it has opened explain the same
neurons of `mini`, each in a new folder of runs, with evidence in the cache. Starting and the first neuron are told
apart. Wall time moves with whatever else the machine does, so the CPU time of both, starting included, stands beside
it, and what can be read off a batch alone: how much of its time was not spent inside `agent.run.runner.start_run`.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from agent.batch.plan import Plan
from agent.batch.run import EngineChoice, begin, work_through
from agent.run.runner import start_run
from agent.setup.config import RunConfig
from agent.setup.evidence import open_study
from agent.setup.resources import Resources
from tools.engine.local import LocalEngine
from tools.errors import AgentError
from traces.database.batches import Entry, results_of
from traces.database.results import ResultsDatabase
from traces.text.console import QuietDisplay

Settings = list[dict[str, object]]


@dataclass(frozen=True)
class Turn:
    """Seconds: until the first neuron was done, of all others, of those inside start_run, and of CPU in all."""

    first: float
    rest: float
    inside: float
    cpu: float


class Stamps(QuietDisplay):
    """Notes when each neuron was done."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def advance(self, n: int) -> None:
        """So many are done now."""
        self.at += [time.perf_counter()] * n


def cpu_seconds() -> float:
    """Of this process and of all its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def bare_loop(settings: Settings, folder: str) -> list[float]:
    """Seconds of each neuron, explained one after the other in this process."""
    resources, seconds = Resources(), []
    for one in settings:
        began = time.perf_counter()
        start_run(RunConfig.checked(**one), Path(folder), QuietDisplay(), resources)
        seconds.append(time.perf_counter() - began)
    return seconds


def in_a_loop(settings: Settings) -> Turn:
    """All neurons, in a process as an engine starts it."""
    cpu, began = cpu_seconds(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        with closing(LocalEngine(1).run(bare_loop, [(settings, folder)])) as outcomes:
            ((_, outcome),) = outcomes
        if isinstance(outcome, Exception):
            raise outcome
    rest = sum(outcome[1:])
    return Turn(time.perf_counter() - began - rest, rest, rest, cpu_seconds() - cpu)


def in_a_batch(plan: Plan) -> Turn:
    """All neurons, in a batch with one worker."""
    cpu, began, stamps = cpu_seconds(), time.perf_counter(), Stamps()
    with tempfile.TemporaryDirectory() as folder:
        batch = begin(plan, {}, Path(folder))
        work_through(batch, Path(folder), EngineChoice("local", 1), stamps, Resources())
        found = results_of(ResultsDatabase(folder), batch.batch_id)
    if len(found) != len(plan.entries):
        raise AgentError("a neuron failed")
    inside = sum(found[entry.neuron].seconds for entry in plan.entries[1:])
    return Turn(stamps.at[0] - began, stamps.at[-1] - stamps.at[0], inside, cpu_seconds() - cpu)


def planned(n: int, config: RunConfig) -> Plan:
    """Neurons of two layers, which are read here, so that neither side reads one."""
    entries, resources = [], Resources()
    for number in range(n):
        layer = 1 + (number >= n // 2)
        entries.append(Entry(f"L{layer}N{7 * number}", layer, 7 * number))
    for entry in entries:
        study = open_study(config.model_copy(update={"target": entry.neuron}), QuietDisplay(), resources=resources)
    return Plan(study.subject.name, study.subject.fingerprint, config, entries)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, default=6, help="of each turn (default: 6)")
    parser.add_argument("--budget", type=int, default=3, help="of each neuron (default: 3)")
    parser.add_argument("--corpus-tokens", type=int, default=30_000, help="(default: 30,000)")
    parser.add_argument("--rounds", type=int, default=2, help="of two turns each (default: 2)")
    options = parser.parse_args()
    config = RunConfig.checked(
        target="L0N0", model="mini", corpus_tokens=options.corpus_tokens, index="none", budget=options.budget
    )
    plan = planned(options.neurons, config)
    settings = [config.model_dump(mode="json") | {"target": entry.neuron} for entry in plan.entries]
    in_a_loop(settings)  # not counted: it leaves in the cache what runs keep there
    turns: dict[str, list[Turn]] = {"batch": [], "loop": []}
    for number in range(options.rounds):
        for side in ("batch", "loop") if number % 2 == 0 else ("loop", "batch"):
            turn = in_a_batch(plan) if side == "batch" else in_a_loop(settings)
            turns[side].append(turn)
            said = f"first neuron after {turn.first:.1f} s, the others {turn.rest:.2f} s, CPU {turn.cpu:.2f} s"
            print(f"{side:<5}  {said}", flush=True)
    n = (options.neurons - 1) * options.rounds
    rest, cpu = ({side: sum(getattr(t, name) for t in turns[side]) for side in turns} for name in ("rest", "cpu"))
    outside = rest["batch"] - sum(turn.inside for turn in turns["batch"])
    print(
        f"a neuron: {rest['batch'] / n:.3f} s in a batch, {rest['loop'] / n:.3f} s in a loop; "
        f"ratio of wall time {rest['batch'] / rest['loop']:.3f}, of CPU time {cpu['batch'] / cpu['loop']:.3f}\n"
        f"not inside a run: {outside / rest['batch']:.2%} of the batches' time, {1000 * outside / n:.0f} ms a neuron"
    )


if __name__ == "__main__":
    main()
