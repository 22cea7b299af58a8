"""What it saves to simulate several excerpts in one LLM call, and what that costs in accuracy.

python benchmarks/llm_batching.py L5N131 "fires on month names" --simulator openai:gpt-4o-mini
python benchmarks/llm_batching.py                      # no LLM: a script in its place, which makes no mistakes

For 1, 2, 5 and 10 excerpts a call: tokens and dollars an excerpt, excerpts that could not be simulated, and the score
on the same development excerpts. With the script the tokens are guessed at four characters each, and what differs in
the score is what parsing loses; whether an LLM gets worse over long replies only an LLM can tell.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent.setup.config import RunConfig
from agent.setup.evidence import open_study
from tools.records.result import Unscored
from traces.text.console import QuietDisplay

PER_CALL = (1, 2, 5, 10)


@contextlib.contextmanager
def endpoint(given: argparse.Namespace) -> Iterator[str | None]:
    """What was asked for, or a script that knows one thing: numbers."""
    from tests.integration.scripted_llm import Script, scripted_llm

    if given.simulator:
        yield given.llm_url
        return
    with scripted_llm(Script(level=lambda _, tokens: 8 if tokens[-1].strip().isdigit() else 0)) as served:
        yield served.url


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="?", default="L0N5")
    parser.add_argument("sentence", nargs="?", default="fires on numbers")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--simulator", metavar="openai:MODEL")
    parser.add_argument("--llm-url")
    parser.add_argument("--excerpts", type=int, default=30)
    given = parser.parse_args()
    with endpoint(given) as url:
        print(f"{given.model}/{given.target}, {given.sentence!r}, simulated by {given.simulator or 'a script'}")
        print(f"{'a call':>6} {'calls':>6} {'in':>8} {'out':>8} {'USD':>10} {'unscored':>9}   score")
        whole: int | None = None
        for per_call in PER_CALL:
            config = RunConfig.checked(
                target=given.target, model=given.model, simulator=given.simulator or "openai:script",
                simulated_excerpts=given.excerpts, excerpts_per_call=per_call,
                llm={"url": url} if url else {},
            )  # fmt: skip
            study = open_study(config, QuietDisplay())
            assert study.meters is not None
            study.meters.account.share = 1.0
            part = study.simulations.on(given.sentence, study.development)
            spent = study.meters.account.by_role["simulator"]
            tokens_in, tokens_out = (n / given.excerpts for n in (spent.input_tokens, spent.output_tokens))
            whole = whole or spent.tokens
            usd = "unknown" if spent.usd is None else f"{spent.usd / given.excerpts:.6f}"
            if isinstance(part, Unscored):
                unscored, score = given.excerpts, part.reason
            else:
                found = part.sample.correlation(part.levels)
                unscored = part.n_unscored
                score = found.reason if isinstance(found, Unscored) else f"{found.value:.3f}"
            row = f"{per_call:>6} {spent.n_calls:>6} {tokens_in:>8.0f} {tokens_out:>8.0f} {usd:>10} {unscored:>9}"
            print(f"{row}   {score}   {spent.tokens / whole:.2f} of the tokens")


if __name__ == "__main__":
    main()
