"""Where the seconds of `agent explain` go: whole processes, and the tool calls in their traces, by stage.

python benchmarks/explain_stages.py --corpus FILE               # mini, and SmolLM2 at layers 2, 8 and 20
python benchmarks/explain_stages.py --corpus FILE --target gpt2/L5N131

Each target is run twice with the same seed: the first run may have to read the layer over the corpus and to learn the
explanations of the matched null; the second finds both in the cache. Give a cache of its own with NEURON_AGENT_CACHE
to see a first time that is one. Seconds of the wall, so nothing else should run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from traces.events.kinds import ToolCall
from traces.events.runs import RunFolder, run_ids
from traces.events.store import load_trace

TARGETS = ("mini/L5N131", "smollm2/L2N321", "smollm2/L8N321", "smollm2/L20N321")
STAGES = {
    "gather": "hypotheses", "lookup": "hypotheses", "propose": "hypotheses", "revise": "hypotheses",
    "score": "hypotheses", "agreement": "hypotheses", "design_experiments": "design", "predict_before": "experiments",
    "read_activations": "experiments", "null": "null", "confirm": "confirm", "causal_check": "causal",
    "claim_output": "causal",
}  # fmt: skip
COLUMNS = ("total", "start and read", "hypotheses", "design", "experiments", "probe set", "null", "confirm", "causal")


def seconds_of(target: str, corpus: str | None, budget: int, runs: Path) -> dict[str, float]:
    """Seconds by stage of one run, as a process of its own."""
    text = ["--corpus", corpus] if corpus and not target.startswith("mini/") else []
    command = [sys.executable, "-m", "agent.cli", "explain", target, "--budget", str(budget), "--quiet", *text]
    started = time.monotonic()
    subprocess.run([*command, "--runs-dir", str(runs)], check=True, stdout=subprocess.DEVNULL)
    total = time.monotonic() - started
    [neuron] = RunFolder(runs / run_ids(runs)[-1]).neurons()
    found: Counter[str] = Counter()
    for event in load_trace(neuron.events).events:
        if isinstance(event, ToolCall):
            found[STAGES.get(event.tool, "probe set")] += event.seconds
    return {"total": total, "start and read": total - sum(found.values()), **found}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", help="for every model but mini, which has its own")
    parser.add_argument("--target", action="append", help=f"MODEL/L5N131 (default: {', '.join(TARGETS)})")
    parser.add_argument("--budget", type=int, default=20)
    given = parser.parse_args()
    print(f"{'seconds':<34}" + "".join(f"{column:>15}" for column in COLUMNS))
    with tempfile.TemporaryDirectory() as folder:
        for target in given.target or TARGETS:
            for which in ("first", "again"):
                found = seconds_of(target, given.corpus, given.budget, Path(folder) / "runs")
                row = "".join(f"{found.get(column, 0.0):>15.1f}" for column in COLUMNS)
                print(f"{target[-26:] + ', ' + which:<34}{row}", flush=True)


if __name__ == "__main__":
    main()
