"""The finding on a neuron in a few lines, for a screen or a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from tools.records.result import Example
from tools.records.sides import as_told
from traces.text.formatting import one_line, shorten, visible

N_EXAMPLES = 3
_N_TOKENS = 4
_LONGEST_REASON = 200
_EXAMPLES = TypeAdapter(list[Example])

_IN_WORDS = (
    ("not surely above token_lookup_30", "it is not surely better than a list of 30 words"),
    ("no comparison with token_lookup_30", "it could not be compared with a list of 30 words"),
    ("not surely above null", "explanations of other neurons may do as well"),
    ("no comparison with null", "it could not be compared with explanations of other neurons"),
    ("token_lookup_30", "a list of 30 words"),
    ("token-lookup-30", "a list of 30 words"),
    ("beats null", "it beats explanations of other neurons"),
    ("token lookup", "table of all tokens"),
    ("predicted positive", "where it should fire"),
    ("predicted negative", "where it should not fire"),
    ("minimal pair", "one word changed"),
)
"""What the policy's reasons say in names of its own, and how a person would say it."""


class Piece(NamedTuple):
    """Text of one or several tokens, and whether the neuron fires there."""

    text: str
    fires: bool


@dataclass(frozen=True)
class Finding:
    """The first thing to show of a result.

    Attributes:
        label: a few words; None without an explanation, and in results of version 1.
        sentence: the explanation; or that there is none.
        verdict: in a person's words.
        score: of the explanation on unseen text, and who read it.
        examples: at most three excerpts; none in results of version 1.
        output: what the neuron does to the model's output; empty where that is not known.
        better: what predicts better than the explanation; empty where nothing does.
        failed: which LLM was asked throughout and gave nothing, which is to be said before all else; empty where none.
    """

    label: str | None
    sentence: str
    verdict: str
    score: str
    examples: list[Example]
    output: str
    better: str
    failed: str = ""


def own_reader(result: Mapping[str, Any]) -> str:
    """That who wrote the explanation also read it, where it is so; else empty."""
    if not result.get("reads_its_own"):
        return ""
    return (
        f"{one_line(str(result.get('reader')))} wrote this explanation and read it too, and may see more in it than "
        "others do; --simulator names a second LLM as the reader."
    )


_SOURCES = {
    "rules": "learnt as rules", "results": "taken from the results of other runs",
    "kept": "kept from what the LLM said for other runs", "asked": "asked of the LLM",
}  # fmt: skip


def null_told(result: Mapping[str, Any]) -> str:
    """Where the explanations of other neurons come from that the null is the best of; empty where that is not known."""
    found = result.get("null_from")
    found = found if isinstance(found, Mapping) else {}
    parts = [f"{found[source]} {how}" for source, how in _SOURCES.items() if isinstance(found.get(source), int)]
    by_twins = result.get("null_by_twins")
    judged = f"; {by_twins} were judged by their lexical twins, and the best was read" if by_twins else ""
    return f"null: explanations of other neurons, {', '.join(parts)}{judged}" if parts else ""


def finding_of(result: Mapping[str, Any]) -> Finding:
    """The finding of a result as plain JSON; it may come from elsewhere, and hold anything."""
    explanation = result.get("explanation")
    label = result.get("label")
    return Finding(
        label=one_line(str(label)) if label else None,
        sentence=as_told(str(explanation), result) if explanation else _no_explanation(result),
        verdict=_verdict(result),
        score=_score(result),
        examples=_examples(result.get("examples")),
        output=_output(result),
        better=_better(result),
        failed=_failed(result),
    )


def pieces_of(example: Example, before: int, after: int) -> list[Piece]:
    """The text around an example's largest value: at most so many characters before it and after it.

    Neighbours that fire are one piece, and the space before a word is none of it.
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


def _examples(told: Any) -> list[Example]:
    """One of each level, the strongest first; more where levels are missing."""
    try:
        every = _EXAMPLES.validate_python(told or [])
    except ValidationError:
        return []
    firsts = list({example.level: example for example in reversed(every)}.values())
    chosen = [*firsts, *(example for example in every if example not in firsts)][:N_EXAMPLES]
    return sorted(chosen, key=every.index)


def _no_explanation(result: Mapping[str, Any]) -> str:
    why = ": the neuron never fires on this text" if result.get("verdict") == "dead" else ""
    return f"There is no explanation{why}."


def _verdict(result: Mapping[str, Any]) -> str:
    verdict = str(result.get("verdict") or "not settled")
    reason = one_line(str(result.get("reason") or ""))
    match verdict:
        case "supported":
            return "supported: it predicts text that the search never saw, and its experiments bore it out"
        case "split":
            n = len(result.get("meanings") or [])
            many = f"{n} unrelated meanings" if n > 1 else "several unrelated meanings"
            return f"supported, with {many}, each of which its experiments bore out"
        case "noise":
            return "noise: it fires, and nothing in the text near it tells when"
        case "dead":
            return "dead: it never fires on this text"
    for name, words in _IN_WORDS:
        reason = reason.replace(name, words)
    return f"{verdict}: {reason}" if reason else verdict


def _score(result: Mapping[str, Any]) -> str:
    score = result.get("score")
    score = score if isinstance(score, Mapping) else {}
    value, low, high = (score.get(key) for key in ("value", "low", "high"))
    if not isinstance(value, int | float):
        return f"no score on unseen text: {one_line(str(score.get('reason') or 'no reason given'))}"
    interval = f" ({low:.2f} to {high:.2f})" if isinstance(low, int | float) and isinstance(high, int | float) else ""
    reader = result.get("reader") or result.get("simulator")
    again = ", which an earlier run had opened" if result.get("sealed_reused") else ""
    return f"r = {value:.2f} on unseen text{interval}{again}{f', read by {one_line(str(reader))}' if reader else ''}"


def _output(result: Mapping[str, Any]) -> str:
    causal = result.get("causal")
    output = causal.get("output") if isinstance(causal, Mapping) else None
    if not isinstance(output, Mapping):
        return ""
    more, less = _tokens(output.get("promoted")), _tokens(output.get("suppressed"))
    if not more:
        return ""
    rest = f", and {less} less likely" if less else ""
    told = f"makes {more} more likely{rest}"
    if output.get("holds"):
        return f"Where it fires, it {told}."
    is_tested = isinstance(output.get("test"), Mapping) and output["test"].get("value") is not None
    return f"By its output weights, it {told}; {'a test did not bear that out' if is_tested else 'not tested'}."


def _tokens(pairs: Any) -> str:
    """The first few tokens of a ranking, each once however it is spaced or written."""
    met: dict[str, str] = {}
    for pair in pairs if isinstance(pairs, list) else []:
        if isinstance(pair, list | tuple) and pair and str(pair[0]).strip():
            met.setdefault(str(pair[0]).strip().lower(), f"“{visible(str(pair[0]).strip())}”")
    return ", ".join(list(met.values())[:_N_TOKENS])


def _better(result: Mapping[str, Any]) -> str:
    """What of the references predicts better than the explanation, on the same excerpts."""
    predictor, baselines = result.get("predictor"), result.get("baselines")
    own = _value(result.get("score"))
    listed = _value(baselines.get("token_lookup_30")) if isinstance(baselines, Mapping) else None
    ruled = _value(predictor.get("score")) if isinstance(predictor, Mapping) else None
    known = (("a list of 30 words", listed), ("a rule that only a machine can read", ruled))
    found = [(what, f"(r = {value:.2f})") for what, value in known if value is not None and value > (own or 0)]
    if not found:
        return ""
    (what, how), *others = found
    more = "".join(f", and so does {other} {r}" for other, r in others)
    return f"{what.capitalize()} predicts better {how}{more}."


def _failed(result: Mapping[str, Any]) -> str:
    """An LLM that wrote nothing, or one that simulated nothing, though it was asked."""
    llm = result.get("llm")
    llm = llm if isinstance(llm, Mapping) else {}
    silent = llm.get("silent")
    for one in silent if isinstance(silent, list) else ():
        if isinstance(one, Mapping) and one.get("explainer"):
            name, times = one_line(str(one["explainer"])), one.get("times") or 1
            often = "when it was asked" if times == 1 else f"all {times} times that it was asked"
            why = shorten(one_line(str(one.get("reason") or "no reason given")), _LONGEST_REASON)
            return f"{name} failed {often}, and wrote no explanation: {why}. What follows was found without it."
    roles = llm.get("by_role")
    simulated = roles.get("simulator") if isinstance(roles, Mapping) else None
    if isinstance(simulated, Mapping) and simulated.get("calls") and simulated.get("calls") == simulated.get("failed"):
        return (
            f"No simulation came back from an LLM, though {simulated['calls']} were asked for: no sentence in free "
            "words could be scored."
        )
    return ""


def _value(score: Any) -> float | None:
    value = score.get("value") if isinstance(score, Mapping) else None
    return value if isinstance(value, int | float) else None
