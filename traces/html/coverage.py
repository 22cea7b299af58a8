"""Which parts of an explanation were tested, and which were not."""

from __future__ import annotations

from tools.records.coverage import Claim, Count
from tools.records.hypothesis import TEST_KINDS
from tools.records.result import PartialResult, Unscored
from traces.analysis.story import Story
from traces.html.writing import token

_N_NAMED = 12
"""How many untested words a sentence names; beyond that it gives their number."""


def tests_of(result: PartialResult) -> dict[str, Count]:
    """Per kind of test, carriers that supported the explanation and carriers that did not; may be empty."""
    found = result.tests or {}
    return {kind: found.get(kind) or Count(passed=0, failed=0) for kind in TEST_KINDS} if found else {}


def claims_of(result: PartialResult) -> list[Claim]:
    """The parts of the explanation, untested ones first."""
    return sorted(result.claims or [], key=lambda claim: bool(claim.n))


def unused_generators(story: Story) -> list[str]:
    """Generators of which the run wanted texts, and got none in any round."""
    used = {trial.experiment.generator for this in story.rounds.values() for trial in this.experiments.values()}
    wanted = dict.fromkeys(name for this in story.rounds.values() for name in this.without_text)
    return [name for name in wanted if name not in used]


def untested(story: Story) -> str:
    """What was never tested, as a sentence."""
    result = story.result
    if not story.has_result:
        return "Open until the run has ended."
    parts = [*_kinds(result), *_claims(result)]
    if unused := unused_generators(story):
        parts.append(f"nothing came from {', '.join(name.replace('_', ' ') for name in unused)}")
    if result.explanation and not result.claims:
        parts.append("this trace does not record which parts of the explanation were tested")
    if result.causal is None or isinstance(result.causal.output.test, Unscored):
        parts.append("what it does to the output")
    if not parts:
        return "Every part of it, every kind of test and every generator of experiments was used at least once."
    told = f"{'; '.join(parts)}."
    return told[0].upper() + told[1:]


def _kinds(result: PartialResult) -> list[str]:
    never = [kind for kind, tests in tests_of(result).items() if not tests.n]
    return [f"no test of the kind {', '.join(never)}"] if never else []


def _claims(result: PartialResult) -> list[str]:
    never = [claim for claim in claims_of(result) if not claim.n]
    clauses = [claim.clause for claim in never if claim.token is None]
    tokens = [f"`{token(claim.token)}`" for claim in never if claim.token is not None]
    parts = [f"{len(clauses)} of its parts: {'; '.join(clauses)}"] if clauses else []
    if tokens:
        more = f" and {len(tokens) - _N_NAMED} more" if len(tokens) > _N_NAMED else ""
        parts.append(f"of the listed tokens {', '.join(tokens[:_N_NAMED])}{more}")
    return parts
