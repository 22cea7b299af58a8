"""How long `agent trace open` takes for a trace of 10,000 events, how large its page is, and how fast it loads.

python benchmarks/trace_page.py
python benchmarks/trace_page.py --rounds 500 --repeats 3

The trace is made from a real run of the bundled model (`tests/fixtures/trace_v3`): its start, its rivals, its second
round again and again with new ids, new numbers and 64 experiments, as many as a real round has (the fixture keeps
fewer), then its end. A revision enters in each of the first 20 rounds. What is left of the 10,000 events are small tool
calls between the rounds, as an LLM that chooses its tools makes them: five texts read, and one question to an LLM.
By default 100 rounds: 6,400 experiments, of which the page shows 3,000.

Targets: opens in under 2 s, under 5 MB. `Opens` is the command, from its start to its end, and then the browser, from
asking for the file until everything in it is loaded and drawn.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from traces.events.kinds import SCHEMA_VERSION, event_from_line, predictions_sha256  # noqa: E402

FIXTURE = ROOT / "tests" / "fixtures" / "trace_v3" / "events.jsonl"
N_EVENTS, N_EXPERIMENTS, N_REVISED = 10_000, 64, 20
MOST_SECONDS, MOST_BYTES = 2.0, 5_000_000

Event = dict[str, Any]


def long_trace(n_rounds: int) -> list[Event]:
    """10,000 events, see above."""
    events: list[Event] = [json.loads(line) for line in FIXTURE.read_bytes().splitlines()]
    starts = [i for i, e in enumerate(events) if e["type"] == "stage" and e.get("round") == 2]
    designed = [i for i, e in enumerate(events) if e["type"] == "experiments_designed"]
    first, after = starts[0], designed[2] - 2  # the fixed probe set comes next
    head, model_round, tail = events[:first], events[first:after], events[after:]
    pool = [one for i in designed[:2] for one in events[i]["experiments"]]
    numbers = random.Random(0)
    rounds = [one_round(model_round, number, pool, numbers) for number in range(2, n_rounds + 2)]
    n_small = N_EVENTS - len(head) - sum(map(len, rounds)) - len(tail)
    if n_small < 0:
        raise SystemExit(f"{n_rounds} rounds are more than {N_EVENTS} events")
    out = list(head)
    for at, this in enumerate(rounds):
        out += this
        until = (at + 1) * n_small // n_rounds
        out += [small_call(numbers, n) for n in range(at * n_small // n_rounds, until)]
    for event in tail:
        if isinstance(event.get("round"), int) and event["round"] > 2:
            event["round"] += n_rounds - 1
    out += tail
    for seq, event in enumerate(out):
        event["seq"] = seq
    assert len(out) == N_EVENTS
    assert events[0]["schema_version"] == SCHEMA_VERSION
    return out


def one_round(model_round: list[Event], number: int, pool: list[Event], numbers: random.Random) -> list[Event]:
    """A round like the given one, with new ids, texts in another order, and new numbers."""
    texts = [copy.deepcopy(one) for one in itertools.islice(itertools.cycle(pool), N_EXPERIMENTS)]
    numbers.shuffle(texts)
    for i, one in enumerate(texts):
        one["id"], one["carrier"] = f"r{number}e{i}", f"explore-{numbers.randrange(50_000)}"
    ids = [one["id"] for one in texts]
    values = [[round(numbers.gauss(0, 1.2), 5) for _ in one["tokens"]] for one in texts]
    read = [
        max(row) if one["position"] is None else row[one["position"]] for one, row in zip(texts, values, strict=True)
    ]
    out = []
    for event in copy.deepcopy(model_round):
        if "round" in event:
            event["round"] = number
        match event["type"]:
            case "hypothesis_proposed" | "scored" if number > N_REVISED + 1:
                continue
            case "hypothesis_proposed" | "scored":
                event["hypothesis"] = f"H{number + 4}"
                event["sentence" if "sentence" in event else "protocol"] += f" ({number})"
            case "decided":
                event |= {"action": "stop", "reason": f"revision {number} is not better"}
            case "experiments_designed":
                event["experiments"] = texts
            case "predictions_registered":
                before = event["experiment_ids"][0].endswith("-before")
                event["experiment_ids"] = [f"{name}-before" for name in ids] if before else ids
                for name in event["predictions"]:
                    event["predictions"][name] = [round(numbers.uniform(0.02, 0.98), 5) for _ in ids]
                event["sha256"] = predictions_sha256(event["predictions"])
            case "readings_revealed":
                event |= {"experiment_ids": ids, "values": read, "fired": [value > 1 for value in read]}
            case "belief_updated":
                event["beliefs"] = {name: round(numbers.random(), 6) for name in event["beliefs"]}
            case "tool_call" if event["tool"].startswith("read_"):
                event["result"]["values"] = values
                event["arguments"]["texts"] = [[numbers.randrange(50_000) for _ in one["tokens"]] for one in texts]
            case "tool_call" if event["tool"] == "design_experiments":
                event["result"] = {"experiments": [{k: one[k] for k in ("id", "carrier", "text")} for one in texts]}
        out.append(event)
    return out


def small_call(numbers: random.Random, n: int) -> Event:
    """Five texts read, as an LLM asked for it."""
    asked = {
        "role": "agent", "model": "openai:made-up", "prompt": "agent/1", "key": f"{n:064x}",
        "question": f"[{n}] Which of the rivals do these texts tell apart? " * 4,
        "reply": json.dumps({"tool": "read_activations", "texts": ["a text to read"] * 5}),
        "input_tokens": 900, "output_tokens": 60, "usd": 0.0004, "seconds": 0.8,
    }  # fmt: skip
    return {
        "at": "2026-01-31T12:00:00.000+00:00", "type": "tool_call", "call_id": f"{n:05}-read_activations",
        "tool": "read_activations", "arguments": {"texts": [[numbers.randrange(50_000) for _ in range(12)]] * 5},
        "outcome": "ok", "result": {"values": [[round(numbers.gauss(0, 1), 5) for _ in range(12)]] * 5}, "texts": 5,
        "subject_tokens": 60, "units": 1, "budget_used": n, "seconds": 0.05, "llm": [asked],
    }  # fmt: skip


def open_it(runs: Path, page: Path) -> float:
    """Seconds of the command, as a user runs it."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "agent.cli", "trace", "open", "made", "--no-browser", "--out", str(page)]
    subprocess.run([*command, "--runs-dir", str(runs)], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


_TIMES = """async () => {
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const n = performance.getEntriesByType("navigation")[0];
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return {load: n.loadEventEnd / 1000, paint: paint ? paint.startTime / 1000 : null, drawn: performance.now() / 1000};
}"""


def load_it(page: Path, repeats: int) -> list[dict[str, float]]:
    """From asking for the file: first paint, load event, and two frames after it (`drawn`)."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    found = []
    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, names)))
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for _ in range(repeats):
            tab = browser.new_page()
            tab.goto(page.as_uri(), wait_until="load")
            found.append(tab.evaluate(_TIMES))
            tab.close()
        browser.close()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave trace and page there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        trace = folder / "runs" / "20260131T120000.000Z-mini-L5N131-made" / "neurons" / "mini.L5N131" / "events.jsonl"
        trace.parent.mkdir(parents=True, exist_ok=True)
        events = long_trace(given.rounds)
        lines = [json.dumps(event, ensure_ascii=False).encode() for event in events]
        for number, line in enumerate(lines):
            event_from_line(line, f"line {number}")
        trace.write_bytes(b"\n".join(lines) + b"\n")
        (trace.parents[2] / "run.json").write_text("{}")
        n_experiments = sum(len(e["experiments"]) for e in events if e["type"] == "experiments_designed")
        size = trace.stat().st_size / 1e6
        print(f"{len(events):,} events, {n_experiments:,} experiments in {given.rounds} rounds, {size:.1f} MB")
        page = folder / "page.html"
        open_it(folder / "runs", page)  # the first one brings files into memory
        commands = [open_it(folder / "runs", page) for _ in range(given.repeats)]
        loads = load_it(page, given.repeats + 1)[1:]
        median = statistics.median
        command = median(commands)
        print(f"agent trace open      {command:6.2f} s  (slowest {max(commands):.2f})")
        for key, name in (("paint", "first paint"), ("load", "load event"), ("drawn", "loaded and drawn")):
            values = [load[key] for load in loads]
            print(f"Chromium, {name:<16} {median(values):5.2f} s  (slowest {max(values):.2f})")
        whole = command + median(load["drawn"] for load in loads)
        print(f"opens (both)          {whole:6.2f} s  target under {MOST_SECONDS} s: {verdict(whole < MOST_SECONDS)}")
        weight = page.stat().st_size
        print(f"page                  {weight / 1e6:6.2f} MB target under 5 MB: {verdict(weight < MOST_BYTES)}")


def verdict(is_met: bool) -> str:
    """Met or missed."""
    return "met" if is_met else "MISSED"


if __name__ == "__main__":
    main()
