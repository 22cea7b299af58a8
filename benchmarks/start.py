"""How long a fresh process takes to its first reading of a neuron, against booting TransformerLens in one.

python benchmarks/start.py
python benchmarks/start.py --rounds 9

GPT-2 small's shape with random weights. `agent read` is run as a user runs it, and its first line of output ends the
time; `agent explain`, on a layer that was read over a small corpus before, ends when it has its neuron's first values;
TransformerLens ends when its model is there, before any reading. Processes take turns; wall-clock seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.corpus_memory import write_corpus
from benchmarks.gpt2_shape import LAYER, save_gpt2_shape

N_TOKENS = 30_000

TORCH = "import torch; print('ready', flush=True)"
TRANSFORMER_LENS = """
import sys, torch
from transformer_lens.model_bridge import TransformerBridge
TransformerBridge.boot_transformers(sys.argv[1], device="cpu", dtype=torch.float32)
print("ready", flush=True)
"""

EXPLAIN = """
import os, sys
from agent.cli import main
from tools.subject.gpt2 import LeanGPT2
read = LeanGPT2.neuron_values
def first(*arguments):
    read(*arguments)
    os.write(1, b"ready\\n")
    os._exit(0)
LeanGPT2.neuron_values = first
sys.exit(main(sys.argv[1:]))
"""


def seconds(command: list[str], cache: str) -> float:
    """From the start of a process to the first line on its stdout."""
    environment = os.environ | {"OMP_WAIT_POLICY": "passive", "HF_HUB_OFFLINE": "1", "NEURON_AGENT_CACHE": cache}
    # compiled once, as it is for whoever calls a program for the second time
    environment = environment | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{cache}/compiled"}
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit(f"{command} ended without a word")
        elapsed = time.perf_counter() - start
        process.stdout.read()
    return elapsed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        save_gpt2_shape(Path(folder))
        corpus = Path(folder) / "corpus.jsonl"
        write_corpus(corpus, N_TOKENS)
        runs, neuron = str(Path(folder) / "runs"), [f"L{LAYER}N131", "--model", folder]
        explain = ["explain", *neuron, "--corpus", str(corpus), "--runs-dir", runs, "--quiet"]
        python = [sys.executable, "-c"]
        ways = {
            "import torch": [*python, TORCH],
            "agent read": [sys.executable, "-m", "agent.cli", "read", *neuron, "hello"],
            "agent explain": [*python, EXPLAIN, *explain],
            "TransformerLens": [*python, TRANSFORMER_LENS, folder],
        }
        found: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(given.rounds + 1):  # the first one brings files into memory
            for name, command in ways.items():
                took = seconds(command, str(Path(folder) / "cache"))
                if number:
                    found[name].append(took)
    whole = statistics.median(found["TransformerLens"])
    for name, values in found.items():
        median = statistics.median(values)
        print(f"{name:<16} {median:6.2f} s (best {min(values):.2f})   {median / whole:.2f} of TransformerLens")
    for name in ("agent read", "agent explain"):
        ratio = statistics.median(a / b for a, b in zip(found[name], found["TransformerLens"], strict=True))
        print(f"{name}, start to first reading: {ratio:.2f} of booting TransformerLens (median over rounds)")


if __name__ == "__main__":
    main()
