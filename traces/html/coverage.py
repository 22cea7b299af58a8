"""Which parts of an explanation were tested, and which were not."""

from __future__ import annotations

from typing import Any

from traces.analysis.story import Story
from traces.html.writing import token

KINDS = ("predicted positive", "predicted negative", "minimal pair")
GENERATORS = (
    "unseen_member", "sister_class", "other_context", "real_sentence", "minimal_pair", "truncation", "vocabulary_sweep",
    "neighbours", "retrieval", "look_alike", "sampled",
)  # fmt: skip
"""What experiments come from where no LLM writes any."""

_N_NAMED = 12
"""Listed words that were never tested which a sentence names; of more it tells the number."""


def tests_of(result: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Per kind of test, carriers that bore the explanation out and that did not; empty where the result has none."""
    found = result.get("tests") or {}
    return {kind: found.get(kind) or {"passed": 0, "failed": 0} for kind in KINDS} if found else {}


def claims_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of the explanation (see `tools.catalogue.claims.Claim`), those that were never tested first."""
    return sorted(result.get("claims") or [], key=lambda claim: bool(claim["right"] + claim["wrong"]))


def unused_generators(story: Story) -> list[str]:
    """Generators that no experiment came from; none where there was no experiment at all."""
    used = {trial.experiment.generator for this in story.rounds.values() for trial in this.experiments.values()}
    return [name for name in GENERATORS if name not in used] if used else []


def untested(story: Story) -> str:
    """What was never tested, as a sentence."""
    result = story.result
    if not result:
        return "The run has not ended, so that is not settled."
    parts = [*_kinds(result), *_claims(result)]
    if unused := unused_generators(story):
        parts.append(f"nothing came from {', '.join(name.replace('_', ' ') for name in unused)}")
    if result.get("explanation") and not result.get("claims"):
        parts.append("which parts of the sentence were tested is not on record in this trace")
    output = (result.get("causal") or {}).get("output") or {}
    if (output.get("test") or {}).get("value") is None:
        parts.append("what it does to the output")
    if not parts:
        return "Every part of it, every kind of test and every generator of experiments was used at least once."
    told = f"{'; '.join(parts)}."
    return told[0].upper() + told[1:]


def _kinds(result: dict[str, Any]) -> list[str]:
    never = [kind for kind, tests in tests_of(result).items() if not tests["passed"] + tests["failed"]]
    return [f"no test of the kind {', '.join(never)}"] if never else []


def _claims(result: dict[str, Any]) -> list[str]:
    never = [claim for claim in claims_of(result) if not claim["right"] + claim["wrong"]]
    clauses = [claim["clause"] for claim in never if claim["token"] is None]
    tokens = [f"`{token(claim['token'])}`" for claim in never if claim["token"] is not None]
    parts = [f"{len(clauses)} of its parts: {'; '.join(clauses)}"] if clauses else []
    if tokens:
        more = f" and {len(tokens) - _N_NAMED} more" if len(tokens) > _N_NAMED else ""
        parts.append(f"of what it lists {', '.join(tokens[:_N_NAMED])}{more}")
    return parts
