"""An upper bound on what the LLM calls of a run cost, given before the first of them.

It assumes that every explanation is simulated, every round takes place, and questions and replies have their usual
lengths. Reasoning tokens are unknown beforehand and not included.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from agent.setup.config import MOST_ASKED, MOST_FINALISTS, ROUND_COST, TEST_COST, RunConfig
from tools.catalogue.experiments import N_PROBED
from tools.catalogue.null import MOST_NEURONS_ASKED
from tools.free_text.explainer import N_REVISED
from tools.free_text.simulator import TEXTS_A_CALL
from tools.llm.chat import ChatRequest, Usage
from tools.llm.prices import price_of
from tools.llm.settings import access
from tools.llm.wire import size_of
from tools.prompts import simulator, simulator_last, simulator_lines, simulator_token
from tools.prompts.answers import MOST_EXCERPTS
from tools.records.excerpts import EXCERPT_TOKENS

_SENTENCE = "a" * 150
_WORD = " wordy"
_TEXT_TOKENS = 24
"""Tokens of an experiment's text, or of a corpus excerpt that an explainer is shown."""

_OF_THE_ALLOWED = 0.25
"""A simulation's reply, as a share of the longest allowed one, if every eighth token is active."""

_EVIDENCE = Usage(4_000, 1_800)
_SHORT = Usage(1_000, 100)
"""The short question about another neuron, for the null, and its reply."""

_WRITTEN = Usage(2_500, 2_300)
"""A question with evidence or with results of experiments, and the hypotheses or texts in reply."""

_JUDGED = Usage(900, 160)
"""A question of detection or fuzzing."""

_CLAIMED = 1.5
"""Extra excerpts: those drawn because explanations claim them, and those simulated again when the claims change."""

_OPENING, _TURN = 5_000, 800
"""For an LLM that decides: the start of its conversation, and what each turn adds."""

_TURNS_A_UNIT, _TURNS_BESIDE = 3, 10


@dataclass(frozen=True)
class LLMCost:
    """Tokens in and out of one run, and US dollars; None where a price is not known."""

    tokens: int
    usd: float | None

    def in_words(self) -> str:
        """In a few words."""
        money = "" if self.usd is None else f", {self.usd:,.2f} US dollars"
        return f"{_rounded(self.tokens):,} LLM tokens{money}"


def most_llm_cost(config: RunConfig) -> LLMCost | None:
    """An upper bound on the LLM calls of one run; None if no LLM is asked.

    Raises:
        BadInput: a file of prices cannot be read.
    """
    wrote, read = _written(config), _read(config)
    parts = [(config.explainer_llm, wrote), (config.simulator_llm, read)]
    asked = [(name, usage) for name, usage in parts if name is not None]
    if not asked:
        return None
    tokens = sum(usage.input_tokens + usage.output_tokens for _, usage in asked)
    prices = [(price_of(access(config.llm).url, name), usage) for name, usage in asked]
    money = [price.of(usage) for price, usage in prices if price is not None]
    usd = sum(money) if len(money) == len(prices) else None
    share = 1.0 if config.max_tokens is None else min(1.0, config.max_tokens / tokens)
    usd = None if usd is None else usd * share
    if config.max_usd is not None and usd is not None:
        usd = min(usd, config.max_usd)
    return LLMCost(round(tokens * share), usd)


def _n_rounds(config: RunConfig) -> tuple[int, int]:
    """Rounds of experiments that the budget holds, with and without a revision."""
    if config.max_rounds == 0:
        return 0, 0
    with_revision = max(0, config.budget // ROUND_COST)
    most = with_revision if config.max_rounds is None else min(config.max_rounds, with_revision)
    return most, max(most, config.budget // TEST_COST if config.max_rounds is None else most)


def _written(config: RunConfig) -> Usage:
    if config.explainer_llm is None:
        return Usage(0, 0)
    null = _times(_SHORT, min(2 * _n_null(config), MOST_NEURONS_ASKED))
    if config.policy == "react":
        turns = _TURNS_BESIDE + _TURNS_A_UNIT * config.budget
        talk = Usage(turns * _OPENING + _TURN * turns * (turns - 1) // 2, _TURN * turns)
        return _sum(talk, null)
    revisions, rounds = _n_rounds(config)
    writes = rounds if config.quotas_of_a_round()["written"] else 0
    return _sum(_times(_EVIDENCE, 1 + (revisions if config.revision else 0)), _times(_WRITTEN, writes), null)


def _read(config: RunConfig) -> Usage:
    if config.simulator_llm is None:
        return Usage(0, 0)
    ends = _last()
    rounds = config.budget // TEST_COST if config.policy == "react" else _n_rounds(config)[1]
    reads_all = config.reads == "rivals"
    n_read = _n_sentences(config) if reads_all else MOST_FINALISTS + len(config.rivals)
    n_read += 0 if _judges_by_twins(config) else _n_null(config)
    on_development = _times(_sentence(config), ceil(n_read * _CLAIMED))
    on_sealed = _times(_sentence(config), 3)  # the explanation, the null's and an earlier run's; and 5 + 5 excerpts
    # A round's texts, and the originals of its minimal pairs, are one question each.
    experiments = _times(ends, rounds * MOST_ASKED * 2 * reads_all)
    probe = _times(ends, 2 * ceil(N_PROBED / TEXTS_A_CALL))
    return _sum(
        on_development, on_sealed, experiments, probe, _times(_JUDGED, 2 * ceil(2 * config.judged / MOST_EXCERPTS))
    )


def _n_sentences(config: RunConfig) -> int:
    """The highest number of rivals in free text."""
    if config.policy == "react":
        return config.budget
    own = config.n_rivals + N_REVISED * _n_rounds(config)[0] * config.revision if config.explainer_llm else 0
    return own + len(config.rivals)


def _n_null(config: RunConfig) -> int:
    return min(_n_sentences(config), MOST_NEURONS_ASKED) if config.explainer_llm else 0


def _judges_by_twins(config: RunConfig) -> bool:
    return config.twins and config.rules_compete and config.policy != "react"


def _sentence(config: RunConfig) -> Usage:
    """One explanation simulated on as many excerpts as a score takes."""
    excerpt = [_WORD] * EXCERPT_TOKENS
    match config.simulation:
        case "excerpt":
            n = config.excerpts_per_call
            one = _usage(simulator.request(_SENTENCE, [excerpt] * n), _OF_THE_ALLOWED)
            return _times(one, ceil(config.simulated_excerpts / n))
        case "all-at-once":
            return _times(_usage(simulator_lines.request(_SENTENCE, excerpt)), config.simulated_excerpts)
        case "token-by-token":
            each = _usage(simulator_token.request(_SENTENCE, excerpt, EXCERPT_TOKENS // 2))
            return _times(each, config.simulated_excerpts * EXCERPT_TOKENS)


def _last() -> Usage:
    return _usage(simulator_last.request(_SENTENCE, [[_WORD] * _TEXT_TOKENS] * TEXTS_A_CALL))


def _usage(request: ChatRequest, share: float = 1.0) -> Usage:
    return Usage(size_of(request), round(request.max_tokens * share))


def _times(usage: Usage, n: int) -> Usage:
    return Usage(usage.input_tokens * n, usage.output_tokens * n)


def _sum(*usages: Usage) -> Usage:
    return Usage(sum(one.input_tokens for one in usages), sum(one.output_tokens for one in usages))


def _rounded(tokens: int) -> int:
    """Rounded up to two digits from ten thousand on: more would be false precision."""
    unit = 10 ** max(0, len(str(tokens)) - 2) if tokens >= 10_000 else 1
    return -(-tokens // unit) * unit
