"""What our client of LLM endpoints costs: wall time over the least that an endpoint answering after 0.5 s allows.

    python benchmarks/llm_calls.py
    python benchmarks/llm_calls.py --only scoring

The endpoint is `benchmarks/llm_server.py` in a process of its own, and every measurement but `again` begins with an
empty store of replies, as a first run does. It takes about two minutes, and wants two cores to itself.

    scoring    an explanation on 10 excerpts of 64 tokens, 10 calls at once, up to the correlation; cold is the first
               call of the process, warm is another explanation
    small      2,000 calls, 64 at once, with replies of one sentence; again, from what is kept; and while another
               thread reads the subject model
    logprobs   the same with log probabilities of 15 alternatives at each of 128 tokens

`least` is the delay times the rounds of as many calls as there may be at once. `at once` is what the server saw. What
reading adds is told over the same calls without it, just before.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx2
import numpy as np
import openai
import torch
from llm_server import N_ALTERNATIVES, Server, running_server
from numpy.typing import NDArray

from tools.free_text.simulator import FreeTextSimulator
from tools.free_text.token_strings import TokenStrings
from tools.llm.chat import ChatFailure, ChatRequest
from tools.llm.endpoint import Endpoint
from tools.llm.exchange import Exchange
from tools.llm.replies import ReplyStore
from tools.llm.settings import LLMSettings
from tools.prompts import simulator, simulator_lines
from tools.records.excerpts import EXCERPT_TOKENS, Activations, Excerpts
from tools.records.result import Unscored
from tools.scoring.metrics import StratifiedSample
from tools.subject.load import open_subject
from tools.subject.protocol import SubjectModel
from tools.subject.resolve import resolve

DELAY_S = 0.5
N_EXCERPTS, SCORING_TARGET_S = 10, 0.65
N_CALLS, CONCURRENCY = 2_000, 64
MOST_EXTRA = 0.05
TEXTS_A_READING, READING_ALONE_S = 16, 3.0

SHEET = "{:28}{:>9}{:>8}{:>8}{:>8}{:>9}{:>8}{:>9}{:>9}  {}"


@dataclass(frozen=True)
class Asked:
    """What asking took: seconds on the clock and of our process's cores, requests that the server saw, the most of
    them at once, and readings of the subject model meanwhile."""

    seconds: float
    cpu_s: float
    requests: int
    highest: int
    n_read: int = 0


def row(
    what: str, asked: Asked, at_once: int, least_s: float = 0.0, target_s: float = math.inf, note: str = ""
) -> None:
    """Print a line of the table; a limit that was not kept is shouted."""
    print(
        SHEET.format(
            what,
            f"{asked.seconds:.3f}",
            f"{least_s:.2f}" if least_s else "",
            f"{asked.seconds / least_s:.3f}" if least_s else "",
            f"{target_s / least_s:.2f}" if math.isfinite(target_s) else "",
            "" if math.isinf(target_s) else "met" if asked.seconds <= target_s else "MISSED",
            f"{asked.cpu_s:.2f}",
            asked.requests,
            f"{asked.highest}/{at_once}" + (" TOO MANY" if asked.highest > at_once else "") if asked.requests else "",
            note,
        ).rstrip(),
        flush=True,
    )


@contextmanager
def endpoint(server: Server, store: Path, concurrency: int) -> Iterator[Endpoint]:
    """A way to the server with connections of its own."""
    shared = Exchange(ReplyStore(store), concurrency)
    try:
        yield Endpoint.open("benchmark", LLMSettings(url=server.base_url, concurrency=concurrency), shared)
    finally:
        shared.close()


def timed(server: Server, work: Callable[[], None]) -> Asked:
    """What `work` takes, alone."""
    before, cpu, started = server.counts(), time.process_time(), time.perf_counter()
    work()
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    after = server.counts()
    return Asked(seconds, cpu_s, after.requests - before.requests, after.highest_in_flight)


def timed_reading(server: Server, work: Callable[[], None], read: Callable[[], object]) -> Asked:
    """What `work` takes in a thread of its own, while this one reads."""
    n_read = 0
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(timed, server, work)
        while not asking.done():
            read()
            n_read += 1
    return replace(asking.result(), n_read=n_read)


def scoring(subject: SubjectModel) -> None:
    """Score two explanations, one after the other, on a first connection and on one that stands."""
    sample, tokens = excerpts_to_score(subject)
    texts = TokenStrings(subject.tokenizer.token_strings())

    def score(model: Endpoint, explanation: str) -> None:
        simulation = FreeTextSimulator(model, texts).simulate(explanation, tokens)
        assert not simulation.unscored, simulation.unscored
        assert not isinstance(sample.correlation(simulation.levels), Unscored)

    with (
        running_server(DELAY_S, simulated(texts.of(tokens[0]))) as server,
        tempfile.TemporaryDirectory() as folder,
        endpoint(server, Path(folder) / "replies.sqlite", N_EXCERPTS) as model,
    ):
        for what, explanation in (("cold", "fires on names"), ("warm", "fires on verbs"), ("warm", "fires on of")):
            asked = timed(server, partial(score, model, explanation))
            row(f"scoring, {what}", asked, N_EXCERPTS, DELAY_S, SCORING_TARGET_S)


def excerpts_to_score(subject: SubjectModel) -> tuple[StratifiedSample, NDArray[np.int32]]:
    """Excerpts with values made up, and their tokens: alike but for the first, so that one reply fits them all."""
    rng = np.random.default_rng(0)
    shape = N_EXCERPTS, EXCERPT_TOKENS
    tokens = np.broadcast_to(rng.integers(subject.tokenizer.d_vocab, size=EXCERPT_TOKENS), shape).astype(np.int32)
    tokens[:, 0] = rng.choice(subject.tokenizer.d_vocab, N_EXCERPTS, replace=False)
    numbers = np.arange(N_EXCERPTS, dtype=np.int32)
    excerpts = Excerpts(tokens, np.full(N_EXCERPTS, EXCERPT_TOKENS), numbers, numbers, numbers)
    activations = Activations(excerpts, rng.random(shape, dtype=np.float32))
    return StratifiedSample.draw(activations, ["top", "random"] * (N_EXCERPTS // 2), rng), tokens


def simulated(tokens: Sequence[str]) -> bytes:
    """A completion that predicts a level at each token, in the form asked for."""
    levels = [{"index": i, "token": token, "level": i % 11} for i, token in enumerate(tokens, 1)]
    text = json.dumps({"excerpts": [{"number": 1, "active": levels}]})
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 900, "completion_tokens": 700, "total_tokens": 1600}
    return json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}).encode()


def many(subject: SubjectModel, with_logprobs: bool) -> None:
    """Ask many questions at once, ask them again, and ask them while the subject model is read."""
    what, most = ("log probabilities", 1.25) if with_logprobs else ("small replies", 1.05)
    texts = TokenStrings(subject.tokenizer.token_strings())
    rng = np.random.default_rng(0)
    tokens = rng.integers(subject.tokenizer.d_vocab, size=(N_CALLS, EXCERPT_TOKENS)).astype(np.int32)
    started = time.perf_counter()
    questions = [question(texts.of(one), with_logprobs) for one in tokens]
    making_s = time.perf_counter() - started
    least_s = math.ceil(N_CALLS / CONCURRENCY) * DELAY_S
    without_rounds_s = N_CALLS / CONCURRENCY * DELAY_S

    def read() -> None:
        some = tokens[:TEXTS_A_READING]
        layer = subject.n_layers - 1
        subject.neuron_values(subject.mlp_input(some, np.full(len(some), EXCERPT_TOKENS), layer), layer, 0)

    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "replies.sqlite"
        with running_server(DELAY_S) as server:
            with endpoint(server, store, CONCURRENCY) as model:
                alone = timed(server, lambda: ask(model, questions, with_logprobs))
            note = (
                f"{alone.seconds / without_rounds_s:.3f} over {without_rounds_s:.2f}; making them {making_s:.2f} s more"
            )
            row(what, alone, CONCURRENCY, least_s, most * least_s, note)
            with endpoint(server, store, CONCURRENCY) as model:
                again = timed(server, lambda: ask(model, questions, with_logprobs))
            row("  again, from the store", again, CONCURRENCY, note="NOT KEPT" if again.requests else "")
        with running_server(DELAY_S) as server, endpoint(server, Path(folder) / "other.sqlite", CONCURRENCY) as model:
            rate_alone = readings_a_second(read)
            beside = timed_reading(server, lambda: ask(model, questions, with_logprobs), read)
        extra, rate = beside.seconds / alone.seconds - 1, beside.n_read / beside.seconds
        verdict = "" if extra <= MOST_EXTRA else f", MORE THAN {MOST_EXTRA:.0%}"
        note = f"{extra:+.1%}{verdict}; {rate:.0f} readings/s, {rate / rate_alone - 1:+.0%} on {rate_alone:.0f} alone"
        row("  while the model is read", beside, CONCURRENCY, least_s, note=note)


def question(tokens: Sequence[str], with_logprobs: bool) -> ChatRequest:
    """One of our longest, with its example and its schema; or the one that asks for log probabilities."""
    explanation = "fires on names of functions after def"
    return simulator_lines.request(explanation, tokens) if with_logprobs else simulator.request(explanation, [tokens])


def ask(model: Endpoint, questions: Sequence[ChatRequest], with_logprobs: bool) -> None:
    """Ask, and make sure of the replies."""
    for answer in model.ask(questions):
        assert not isinstance(answer, ChatFailure), answer.reason
        if with_logprobs:
            assert answer.choices is not None
            assert len(answer.choices[0].alternatives) == N_ALTERNATIVES


def readings_a_second(read: Callable[[], object]) -> float:
    """With nothing else going on."""
    n_read, started = 0, time.perf_counter()
    while time.perf_counter() - started < READING_ALONE_S:
        read()
        n_read += 1
    return n_read / (time.perf_counter() - started)


MEASUREMENTS: dict[str, Callable[[SubjectModel], None]] = {
    "scoring": scoring,
    "small": lambda subject: many(subject, with_logprobs=False),
    "logprobs": lambda subject: many(subject, with_logprobs=True),
}


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(
        description="What our client of LLM endpoints costs, against one that answers after half a second.",
        epilog="example: python benchmarks/llm_calls.py --only scoring",
    )
    parser.add_argument("--only", choices=MEASUREMENTS, help="one measurement; the default is all of them")
    given = parser.parse_args()
    torch.set_num_threads(1)
    subject = open_subject(resolve("mini"))
    print(f"openai {openai.__version__}, httpx2 {httpx2.__version__}; seconds\n")
    print(SHEET.format("", "wall", "least", "ratio", "target", "", "cpu", "requests", "at once", ""))
    for name in [given.only] if given.only else MEASUREMENTS:
        MEASUREMENTS[name](subject)


if __name__ == "__main__":
    main()
