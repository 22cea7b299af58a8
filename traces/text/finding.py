"""The finding on a neuron in a few lines, for a screen or a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tools.records.costs import LLMReport
from tools.records.effects import CausalFindings, Push
from tools.records.gated import full_explanation
from tools.records.result import Example, PartialResult, ScoreValue
from tools.records.scores import number_of
from traces.text.formatting import one_line, shorten, visible

N_EXAMPLES = 3
_N_TOKENS = 4
_LONGEST_REASON = 200

_EARLIER_NAMES = (
    ("not surely above token_lookup_30", "it is not surely better than a list of 30 words"),
    ("no comparison with token_lookup_30", "it could not be compared with a list of 30 words"),
    ("not surely above null", "explanations of other neurons may do as well"),
    ("no comparison with null", "it could not be compared with explanations of other neurons"),
    ("token_lookup_30", "a list of 30 words"),
    ("token-lookup-30", "a list of 30 words"),
    ("token lookup", "table of all tokens"),
    ("predicted positives", "where it should fire"),
    ("predicted negatives", "where it should not fire"),
    ("minimal pairs", "one word changed"),
    ("predicted positive", "where it should fire"),
    ("predicted negative", "where it should not fire"),
    ("minimal pair", "one word changed"),
)
"""Plain words for names in reasons that earlier versions wrote; reasons are written in these words now."""


class Piece(NamedTuple):
    """A stretch of text, and whether the neuron fires there."""

    text: str
    fires: bool


@dataclass(frozen=True)
class Finding:
    """The head of a result.

    Attributes:
        label: a few words; None without an explanation and in results of version 1.
        sentence: the explanation, or a sentence that there is none.
        verdict: in plain words.
        score: of the explanation on unseen text, and the reader.
        examples: at most three excerpts; none in results of version 1.
        output: what the neuron does to the model's output; may be empty.
        better: what predicts better than the explanation; may be empty.
        failed: the LLM that failed on every call, to be shown first; may be empty.
    """

    label: str | None
    sentence: str
    verdict: str
    score: str
    examples: list[Example]
    output: str
    better: str
    failed: str = ""


def own_reader(result: PartialResult) -> str:
    """A warning if the explainer also simulated its explanation; else empty."""
    if not result.reads_its_own:
        return ""
    return (
        f"{one_line(str(result.reader))} wrote this explanation and also simulated it, so it may see more in it than "
        "others would; --simulator names another LLM as the reader."
    )


_SOURCES = {
    "rules": "learnt as rules", "results": "from other runs' results",
    "kept": "from the LLM's replies in other runs", "asked": "asked of the LLM",
}  # fmt: skip


def null_line(result: PartialResult) -> str:
    """The origin of the other neurons' explanations among which the null is the best; empty if unknown."""
    found = result.null_from or {}
    parts = [f"{found[source]} {how}" for source, how in _SOURCES.items() if source in found]
    by_twins = result.null_by_twins
    judged = f"; {by_twins} were scored by their lexical twins, and the best was simulated" if by_twins else ""
    return f"null: explanations of other neurons, {', '.join(parts)}{judged}" if parts else ""


def finding_of(result: PartialResult) -> Finding:
    """The finding of a result, as far as the result can be read."""
    told = result.explanation
    return Finding(
        label=one_line(result.label) if result.label else None,
        sentence=full_explanation(told, result.always_on is not None) if told else _no_explanation(result),
        verdict=_verdict(result),
        score=_score(result),
        examples=_examples(result.examples or []),
        output=_output(result.causal),
        better=_better(result),
        failed=_failed(result.llm),
    )


def pieces_of(example: Example, before: int, after: int) -> list[Piece]:
    """The text around an example's largest value, with at most so many characters before and after it.

    Neighbouring tokens that fire are one piece, without the space before the first word.
    """
    texts = [visible(token) for token in example.tokens]
    if not texts:
        return []
    first = at = max(range(len(texts)), key=example.values.__getitem__)
    last = at + 1
    while first > 0 and len(texts[first - 1]) <= before:
        first -= 1
        before -= len(texts[first])
    while last < len(texts) and len(texts[last]) <= after:
        after -= len(texts[last])
        last += 1
    pieces = [*([Piece("…", False)] if first > 0 else []), *_parted(texts, example.fires, first, last)]
    return _joined([*pieces, *([Piece("…", False)] if last < len(texts) else [])])


def _parted(texts: Sequence[str], fires: Sequence[bool], first: int, last: int) -> Iterator[Piece]:
    for i in range(first, last):
        word = texts[i].lstrip(" ")
        if fires[i] and word and not (i > first and fires[i - 1]):
            yield Piece(" " * (len(texts[i]) - len(word)), False)
            yield Piece(word, True)
        else:
            yield Piece(texts[i], fires[i])


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    out: list[Piece] = []
    for piece in pieces:
        if not piece.text:
            continue
        if out and out[-1].fires == piece.fires:
            out[-1] = Piece(out[-1].text + piece.text, piece.fires)
        else:
            out.append(piece)
    return out


def _examples(every: list[Example]) -> list[Example]:
    """One example of each level, the strongest first; more if levels are missing."""
    firsts = list({example.level: example for example in reversed(every)}.values())
    chosen = [*firsts, *(example for example in every if example not in firsts)][:N_EXAMPLES]
    return sorted(chosen, key=every.index)


def _no_explanation(result: PartialResult) -> str:
    why = ": the neuron never fires on this text" if result.verdict == "dead" else ""
    return f"There is no explanation{why}."


def _verdict(result: PartialResult) -> str:
    verdict = result.verdict or "not settled"
    reason = one_line(result.reason or "")
    match verdict:
        case "supported":
            return "supported: it predicts text that the search never saw, and the experiments confirm it"
        case "split":
            n = len(result.meanings or [])
            many = f"{n} unrelated meanings" if n > 1 else "several unrelated meanings"
            return f"supported, with {many}, each confirmed by experiments"
        case "noise":
            return "noise: it fires, but nothing in the nearby text predicts when"
        case "dead":
            return "dead: it never fires on this text"
    for name, words in _EARLIER_NAMES:
        reason = reason.replace(name, words)
    return f"{verdict}: {reason}" if reason else verdict


def _score(result: PartialResult) -> str:
    score = result.score
    if not isinstance(score, ScoreValue):
        return f"no score on unseen text: {one_line(score.reason) if score else 'no reason given'}"
    reader = result.reader or result.simulator
    again = ", which an earlier run had opened" if result.sealed_reused else ""
    return (
        f"r = {score.value:.2f} on unseen text ({score.low:.2f} to {score.high:.2f}){again}"
        f"{f', read by {one_line(reader)}' if reader else ''}"
    )


def _output(causal: CausalFindings | None) -> str:
    if causal is None:
        return ""
    output = causal.output
    more, less = _tokens(output.promoted), _tokens(output.suppressed)
    if not more:
        return ""
    rest = f", and {less} less likely" if less else ""
    told = f"makes {more} more likely{rest}"
    if output.holds:
        return f"Where it fires, it {told}."
    is_tested = isinstance(output.test, Push)
    return f"By its output weights, it {told}; {'a test did not confirm that' if is_tested else 'not tested'}."


def _tokens(ranking: Sequence[tuple[str, float]]) -> str:
    """The first few tokens of a ranking, ignoring spaces and case."""
    met: dict[str, str] = {}
    for token, _ in ranking:
        if token.strip():
            met.setdefault(token.strip().lower(), f"“{visible(token.strip())}”")
    return ", ".join(list(met.values())[:_N_TOKENS])


def _better(result: PartialResult) -> str:
    """The reference that predicts better than the explanation, on the same excerpts."""
    own = number_of(result.score)
    listed = number_of(result.baselines.token_lookup_30 if result.baselines else None)
    ruled = number_of(result.predictor.score if result.predictor else None)
    known = (("a list of 30 words", listed), ("a rule that only a machine can read", ruled))
    found = [(what, f"(r = {value:.2f})") for what, value in known if value is not None and value > (own or 0)]
    if found and own is None and result.explanation:  # what has no score cannot be worse
        listing = " and ".join(f"{what} {r}" for what, r in found)
        return f"{listing[0].upper()}{listing[1:]} could be scored here."
    if not found:
        return ""
    (what, how), *others = found
    more = "".join(f", and so does {other} {r}" for other, r in others)
    return f"{what.capitalize()} predicts better {how}{more}."


def _failed(llm: LLMReport | None) -> str:
    """A note on an LLM that wrote or simulated nothing although it was asked."""
    if llm is None:
        return ""
    for one in llm.silent or ():
        often = "when it was asked" if one.times <= 1 else f"all {one.times} times that it was asked"
        why = shorten(one_line(one.reason or "no reason given"), _LONGEST_REASON)
        return (
            f"{one_line(one.explainer)} failed {often} and wrote no explanation: {why}. What follows was found "
            "without it."
        )
    simulated = llm.by_role.get("simulator")
    if simulated is not None and simulated.calls and simulated.calls == simulated.failed:
        return f"All {simulated.calls} simulations by an LLM failed, so no explanation in free text could be scored."
    return ""
