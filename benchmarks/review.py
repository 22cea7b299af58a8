"""How fast `agent review` answers: many results with explanations like real ones, the real server, over HTTP and in
Chromium.

    python benchmarks/review.py
    python benchmarks/review.py --results 20000 --folders
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from tools.mini.text import texts_of
from tools.records.result import Result
from traces.database.results import ResultsDatabase, _insert
from traces.database.token_index import Tokens, named_in, put_tokens
from traces.events.runs import RunFolder

VERDICTS = ("supported", "split", "unresolved", "noise", "dead")
REPEATS = 15
PAGES = {
    "first page": "/",
    "filter: verdict and layer": "/?verdict=supported&layer=3",
    "filter: score below 0.3": "/?below=0.3&sort=score",
    "search in explanations": "/?q=import",
    "search for a token": "/?token=import",
    "search for a token that begins": "/?token=im*",
    "not reviewed": "/?review=none",
    "all runs, sorted by score": "/?runs=all&sort=-score",
    "last page": "/?page=100000",
    "batches": "/batches",
    "without a result": "/unfinished",
}


def main() -> None:
    """Make the database, start the server, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=int, default=5_000, metavar="N")
    parser.add_argument("--folders", action="store_true", help="a folder on disk for every result, with a result.json")
    parser.add_argument("--keep", metavar="DIR", help="make them here, and leave them")
    parser.add_argument("--no-browser", action="store_true", help="measure over HTTP alone")
    arguments = parser.parse_args()
    folder = Path(arguments.keep or tempfile.mkdtemp(prefix="review-benchmark-"))
    try:
        if not (folder / "results.sqlite").exists():
            began = time.perf_counter()
            fill(folder, arguments.results, arguments.folders)
            print(f"made {arguments.results:,} results in {time.perf_counter() - began:.1f} s")
        print(f"results.sqlite: {(folder / 'results.sqlite').stat().st_size / 1e6:.1f} MB, {os.cpu_count()} cores")
        with_server(folder, is_browser_wanted=not arguments.no_browser)
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)


def fill(folder: Path, n: int, has_folders: bool) -> None:
    """`n` results: two variants of some neurons, explanations of the lengths that real ones have, tokens of each."""
    rng = random.Random(0)
    words = _words()
    database = ResultsDatabase(folder)
    with database.transaction() as connection:
        for number in range(n):
            result = result_of(rng, words, number)
            _insert(connection, result)
            fired = tuple(dict.fromkeys(rng.choices(words, k=60)))
            tokens = Tokens(fired, named_in(result.explanation or ""))
            put_tokens(connection, (result.run_id, result.model, result.neuron), tokens)
            if has_folders:
                run = RunFolder.create(folder, result.run_id, {"config": {"target": result.neuron}})
                place = run.folder_of(result.model, result.neuron)
                place.path.mkdir(parents=True)
                place.result.write_text(result.model_dump_json())
        for number in range(0, n, 7):
            connection.execute(
                "INSERT INTO reviews (run_id, model, neuron, opinion, note, reviewer, explanation, reviewed_at) SELECT "
                "run_id, model, neuron, ?, 'a note', 'R', explanation, '2026-01-31T12:00:00+00:00' FROM results "
                "LIMIT 1 OFFSET ?",
                (rng.choice(("agree", "disagree", "unclear")), number),
            )


def _words() -> list[str]:
    text = next(text for _, text in texts_of("corpus"))
    found = sorted(set(re.findall(r"[A-Za-z_]{2,9}", text)))
    return [*(f"␣{word}" for word in found), *found]


def result_of(rng: random.Random, words: list[str], number: int) -> Result:
    """A result such as a run leaves behind."""
    neuron = f"L{rng.randrange(12)}N{rng.randrange(3072)}"
    verdict = rng.choices(VERDICTS, (35, 10, 35, 12, 8))[0]
    usual = 0.45 if verdict == "supported" else 0.2
    value = None if verdict == "dead" else min(0.98, max(-0.1, rng.gauss(usual, 0.15)))
    clauses = [
        "tokens nearer " + ", ".join(f"`{w}`" for w in rng.sample(words, 11)) + f" ({rng.randrange(2, 11)})"
        for _ in range(rng.randrange(1, 4))
    ]
    score: dict[str, Any] = {"value": None, "reason": "the neuron never fires on explore text"}
    if value is not None:
        score = {
            "value": round(value, 6), "low": round(value - 0.05, 6), "high": round(value + 0.05, 6),
            "protocol": "simulation, correlation over top, quantile and random excerpts", "split": "sealed",
            "n_excerpts": 201, "n_unscored": 0,
        }  # fmt: skip
    day, second = divmod(number * 17, 86_400)
    return Result.model_validate(
        {
            "schema_version": 1,  # explanations as long as those of the past are the harder case
            "run_id": f"202601{1 + day:02d}T{second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}.000Z-gpt2-"
            f"{neuron}-{number:06x}",
            "model": rng.choice(("gpt2", "gpt2", "gpt2", "mini")),
            "neuron": neuron,
            "verdict": verdict,
            "explanation": None if verdict == "dead" else "Fires on " + "; on ".join(clauses) + ".",
            "stop_reason": "plateau",
            "score": score,
            "development_score": score,
            "baselines": {name: {"value": None, "reason": "none"} for name in
                          ("token_lookup_30", "token_lookup_full", "null")},
            "budget": {"limit": 20, "used": 10},
            "seconds": 17.2,
            "rivals": [],
            "explainer": "rules",
            "simulator": "rules",
            "variant": rng.choice(("tournament", "one-shot")),
            "seed": 0,
            "corpus": {"name": "openwebtext", "fingerprint": "c0ffee"},
            "trace": "events.jsonl",
        }
    )  # fmt: skip


def with_server(folder: Path, *, is_browser_wanted: bool) -> None:
    """Start `agent review` and measure every page."""
    code = "import sys; from agent.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "review", "--runs-dir", str(folder), "--port", "0", "--no-browser"]
    began = time.perf_counter()
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = re.search(r"http://\S+?(?=/ )", server.stdout.readline())
        assert url is not None
        fetch(url[0] + "/batches")
        print(f"agent review answers {time.perf_counter() - began:.2f} s after it was started\n")
        print(f"{'over HTTP':34}{'median':>9}{'slowest':>9}{'KB':>8}")
        for name, path in PAGES.items():
            times, size = [], 0
            for _ in range(REPEATS):
                began = time.perf_counter()
                size = len(fetch(url[0] + path))
                times.append(time.perf_counter() - began)
            print(f"{name:34}{statistics.median(times):8.3f}s{max(times):8.3f}s{size / 1000:8.0f}")
        if is_browser_wanted:
            in_chromium(url[0])
    finally:
        server.terminate()
        server.wait(10)


def fetch(url: str) -> bytes:
    """What the server answers."""
    with urllib.request.urlopen(url, timeout=60) as reply:
        return bytes(reply.read())


def in_chromium(url: str) -> None:
    """From asking for a page until everything in it is drawn."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    print(f"\n{'in Chromium, until loaded':34}{'median':>9}{'slowest':>9}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        for name, address in PAGES.items():
            times = []
            for _ in range(REPEATS):
                began = time.perf_counter()
                page.goto(url + address)
                times.append(time.perf_counter() - began)
            print(f"{name:34}{statistics.median(times):8.3f}s{max(times):8.3f}s")
        browser.close()


if __name__ == "__main__":
    main()
