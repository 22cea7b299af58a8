"""Two runs side by side: what differs between their settings, verdicts and scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agent.review.places import Place
from traces.results import ResultsDatabase
from traces.story import Story
from traces.text import one_line, score_text, shorten

_LONGEST = 600
_SCORES = (
    ("score on sealed text", ("score",)),
    ("score on development text", ("development_score",)),
    ("30-token lookup", ("baselines", "token_lookup_30")),
    ("full token lookup", ("baselines", "token_lookup_full")),
    ("matched null", ("baselines", "null")),
    ("gain over the 30-token lookup", ("gains", "token_lookup_30")),
    ("OpenAI's 5 + 5 excerpts", ("openai_top_random",)),
    ("detection", ("scores", "detection", "explanation")),
    ("ablation", ("causal", "ablation_score")),
)


@dataclass(frozen=True)
class Difference:
    """One thing that both runs say; `is_same` where they say the same."""

    what: str
    a: str
    b: str
    is_same: bool


@dataclass(frozen=True)
class Other:
    """Another run on the same neuron."""

    place: Place
    variant: str
    verdict: str
    score: str


def outcomes(a: Story, b: Story) -> list[Difference]:
    """Verdicts, scores, and what they cost; those that neither run has are left out."""
    rows = [_row("state", a.state, b.state)]
    rows += [_row(name, a.result.get(name), b.result.get(name)) for name in ("verdict", "explanation", "stop_reason")]
    for label, path in _SCORES:
        one, other = _at(a.result, path), _at(b.result, path)
        if one is not None or other is not None:
            rows.append(_row(label, _score(one), _score(other)))
    rows += [
        _row("threshold of firing", a.theta, b.theta),
        _row("sealed fold", a.result.get("sealed_fold"), b.result.get("sealed_fold")),
        _row("budget used", a.budget_used, b.budget_used),
        _row("seconds", a.result.get("seconds"), b.result.get("seconds")),
        _row("LLM tokens", _at(a.result, ("cost", "tokens")), _at(b.result, ("cost", "tokens"))),
        _row("US dollars", _at(a.result, ("cost", "usd")), _at(b.result, ("cost", "usd"))),
    ]
    return rows


def settings(a: Story, b: Story) -> list[Difference]:
    """Settings, versions, model and corpus that differ, by their names; equal ones are left out."""
    one, other = dict(_flat(_started(a))), dict(_flat(_started(b)))
    names = [*one, *(name for name in other if name not in one)]
    rows = [_row(name, one.get(name), other.get(name)) for name in names]
    return [row for row in rows if not row.is_same]


def others(database: ResultsDatabase, model: str, neuron: str, place: Place) -> list[Other]:
    """The other runs on the same neuron that have ended, the latest first.

    Raises:
        StorageError: the database cannot be used.
    """
    question = (
        "SELECT run_id, variant, verdict, score, low, high FROM results WHERE (model, neuron) = (?, ?) "
        "ORDER BY run_id DESC"
    )
    with database.reading() as connection:
        rows = [] if connection is None else connection.execute(question, (model, neuron)).fetchall()
    found = [
        Other(
            Place.of(run_id, model, neuron), variant, verdict,
            "no score" if score is None else score_text({"value": score, "low": low, "high": high}),
        )
        for run_id, variant, verdict, score, low, high in rows
    ]  # fmt: skip
    return [other for other in found if other.place != place]


def _started(story: Story) -> dict[str, Any]:
    started = story.started
    if started is None:
        return {}
    return {
        **started.config,
        "versions": started.versions,
        "commit": started.commit,
        "model fingerprint": started.model_fingerprint,
        "corpus": started.corpus.model_dump(mode="json"),
    }


def _flat(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _at(result: dict[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = result
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _score(found: Any) -> str:
    return "–" if found is None else score_text(found)


def _row(what: str, a: Any, b: Any) -> Difference:
    return Difference(what.replace("_", " "), _shown(a), _shown(b), a == b)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shorten(one_line(text), _LONGEST)
