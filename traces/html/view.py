"""What the page of a trace shows, worked out from the story: every number of the page comes from here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from traces.causal import causal_details, causal_lines
from traces.html import drawing
from traces.html.experiments import ShownRound, rounds_of
from traces.html.heat import Excerpts, shown_excerpts
from traces.refutations import BASE_RATE, LOOKUP, Blow, Fate, fates, runner_up, winner_of
from traces.story import Story, Trial
from traces.text import score_text

KINDS = ("predicted positive", "predicted negative", "minimal pair")
GENERATORS = ("minimal_pair", "truncation", "vocabulary_sweep", "neighbours", "retrieval", "look_alike", "sampled")
"""What experiments come from where no LLM writes any."""

_BASELINES = {
    "token_lookup_30": ("token-lookup-30", "a table of 30 tokens, as long as an explanation"),
    "null": ("null", "the best of as many explanations of other neurons as this run tried"),
    "token_lookup_full": ("token-lookup-full", "a table of all tokens, which nobody could read; for reference"),
}
_OTHER_SCORES = {
    "random_only": "random excerpts only", "openai_top_random": "OpenAI's 5 + 5 excerpts",
    "explained_variance": "explained variance", "rsquared": "R squared about zero",
    "absolute_dev_explained": "absolute deviation explained", "detection": "detection, balanced accuracy",
    "detection_auc": "detection, area under the curve", "fuzzing": "fuzzing, balanced accuracy",
    "fuzzing_auc": "fuzzing, area under the curve",
}  # fmt: skip
_N_BLOWS, _N_PEAKS, _N_LAST = 5, 8, 12
_MOST_ROUNDS = 60


@dataclass(frozen=True)
class ScoreRow:
    """A final score beside what it must beat; scores are dicts with value, low and high, or a reason."""

    label: str
    about: str
    score: dict[str, Any]
    gain: dict[str, Any] | None


@dataclass(frozen=True)
class Answer:
    """One of the questions that a reader comes with; `anchor` leads to the part of the page that says more."""

    question: str
    words: str
    anchor: str


@dataclass(frozen=True)
class Rival:
    """A hypothesis, how it ended, and the experiments that spoke most for the winner and against it."""

    name: str
    form: str
    sentence: str
    parent: str | None
    belief: float | None
    fate: Fate
    blows: list[Blow]
    nats: float


@dataclass(frozen=True)
class Role:
    """What the calls of an LLM in one role took."""

    name: str
    n_calls: int
    n_failed: int
    tokens: int
    usd: float | None


@dataclass(frozen=True)
class ToolUse:
    """What the calls of one tool took."""

    name: str
    n_calls: int
    n_failed: int
    texts: int
    tokens: int
    units: int
    seconds: float


def _development(fate: Fate) -> str:
    return f"{score_text(fate.score)} on development text" if fate.score else "no development score"


def _chance(trial: Trial, name: str) -> str:
    """The probability that a rival gave to what came out."""
    p = trial.predicted[name]
    return f"{p if trial.fired else 1 - p:.0%}"


class View:
    """The page of one story. `prefix` begins every id, so that several can stand on one page."""

    def __init__(self, story: Story, run_id: str, manifest: dict[str, Any] | None, prefix: str = "") -> None:
        self.story, self.run_id, self.manifest, self.prefix = story, run_id, manifest or {}, prefix
        self.result: dict[str, Any] = story.result
        self.winner = winner_of(story)
        self.fates = fates(story)
        self.second = runner_up(story)
        self.rounds: list[ShownRound] = rounds_of(story)
        self.excerpts: Excerpts | None = shown_excerpts(story)

    @property
    def title(self) -> str:
        """Model and neuron."""
        begun = self.story.started
        return f"{begun.model}/{begun.neuron}" if begun else self.story.path.parent.name

    @property
    def verdict(self) -> str:
        """The verdict, or the state of a run that has none."""
        return str(self.result.get("verdict") or self.story.state)

    @property
    def explanation(self) -> str | None:
        """The sentence; of an unfinished run what leads so far."""
        found = self.result.get("explanation")
        return str(found) if found else None

    @property
    def leader(self) -> str | None:
        """Of a run without a result, who is believed most."""
        if self.result or not self.story.beliefs:
            return None
        return max(self.story.beliefs, key=lambda name: (self.story.beliefs[name], name))

    @property
    def score(self) -> dict[str, Any]:
        """The sealed score; with a reason where there is none."""
        if self.result.get("score"):
            return dict(self.result["score"])
        return {"value": None, "reason": "the sealed split is scored at the end of a run, and this one has not ended"}

    @property
    def scores(self) -> list[ScoreRow]:
        """The sealed score and its baselines on the same excerpts."""
        if not self.result:
            return []
        rows = [ScoreRow("this explanation", "", self.score, None)]
        baselines, gains = self.result.get("baselines") or {}, self.result.get("gains") or {}
        for name, (label, about) in _BASELINES.items():
            if name in baselines:
                rows.append(ScoreRow(label, about, baselines[name], gains.get(name)))
        if previous := self.result.get("previous"):
            about = f"the explanation of the run {previous.get('run_id')}, on this run's sealed text"
            rows.append(ScoreRow("the earlier one", about, previous.get("score") or {}, gains.get("previous")))
        return rows

    @property
    def score_plot(self) -> Markup | None:
        """The scores that there are, as a drawing."""
        bars = [
            drawing.Bar(row.label, row.score["value"], row.score["low"], row.score["high"], at == 0)
            for at, row in enumerate(self.scores)
            if row.score.get("value") is not None
        ]
        return drawing.intervals(bars) if bars else None

    @property
    def other_scores(self) -> list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], str]]:
        """(label, explanation, token-lookup-30, null, protocol)."""
        found = self.result.get("scores") or {}
        out = []
        for name, label in _OTHER_SCORES.items():
            row = found.get(name) or ({"explanation": self.result[name]} if self.result.get(name) else None)
            if row:
                own = row.get("explanation") or {}
                out.append(
                    (label, own, row.get("token_lookup_30") or {}, row.get("null") or {}, own.get("protocol", ""))
                )
        return out

    @property
    def answers(self) -> list[Answer]:
        """The five questions of a reader in a hurry."""
        return [
            Answer("What does the neuron do?", self._what(), "sentence"),
            Answer("How sure are we?", self._how_sure(), "scores"),
            Answer("Which experiment killed the runner-up?", self._who_killed(), "rivals"),
            Answer("What was never tested?", self._untested(), "tests"),
            Answer("What did it cost?", self._cost(), "cost"),
        ]

    def _what(self) -> str:
        if self.explanation is None:
            if self.verdict == "dead":
                return "Nothing on this text: it never goes above the firing threshold."
            if (leader := self.leader) is not None:
                return f"Not settled. {leader} leads so far: {self.story.hypotheses[leader].sentence}"
            return "No explanation holds."
        output = ((self.result.get("causal") or {}).get("output") or {}).get("sentence")
        peaks = ", ".join(f"`{token}`" for token in self.peaks)
        seen = f" In its top sealed excerpts it peaks on {peaks}." if peaks else ""
        return f"{self.explanation}{seen}{f' {output}' if output else ''}"

    @property
    def peaks(self) -> list[str]:
        """The tokens on which it peaks in the top sealed excerpts."""
        from traces.html.writing import token

        found = [
            max(p.true, key=lambda c: c.value)
            for p in (self.excerpts.pairs if self.excerpts else [])
            if p.stratum == "top"
        ]
        return list(dict.fromkeys(token(cell.token) for cell in found))[:_N_PEAKS]

    def _how_sure(self) -> str:
        if not self.result:
            return f"Not at all yet: the run is {self.story.state}."
        reason = self.result.get("reason")
        text = f"{self.verdict.capitalize()}{f': {reason}' if reason else ''}. Sealed score {score_text(self.score)}"
        n = self.score.get("n_excerpts")
        gains = self.result.get("gains") or {}
        over = [
            f"{score_text(gains[name])} over {label}"
            for name, (label, _) in _BASELINES.items()
            if name != "token_lookup_full" and (gains.get(name) or {}).get("value") is not None
        ]
        gained = f"; it gains {' and '.join(over)}" if over else ""
        again = self.result.get("sealed_reused")
        reused = " That text had been opened by an earlier run, so this says less." if again else ""
        return f"{text}{f' on {n} excerpts' if n else ''}{gained}.{reused}"

    def _who_killed(self) -> str:
        second = self.second
        if second is None or self.winner is None:
            return "There was no runner-up."
        if second.blows:
            return self._lost(second)
        told = (
            f"None: {second.name} ({_development(second)}) entered when no experiment was left to come, and lost on "
            "that score alone."
        )
        others = [fate for fate in self.fates if fate.blows and fate.name not in (BASE_RATE, LOOKUP)]
        return f"{told} Of the others, {self._lost(others[0])}" if others else told

    def _lost(self, fate: Fate) -> str:
        """The experiment that did most to refute a rival, in words."""
        blow, winner = fate.blows[0], str(self.winner)
        trial = blow.trial
        text = "".join(trial.experiment.tokens[-_N_LAST:]) or trial.experiment.text
        n = len(fate.blows)
        return (
            f"{fate.name} ({_development(fate)}) lost most on {trial.experiment.id} in round {blow.round}: at the end "
            f"of “…{text}” the neuron {'fired' if trial.fired else 'stayed silent'}, for which {fate.name} had given "
            f"{_chance(trial, fate.name)} and {winner} {_chance(trial, winner)}. "
            f"{n} experiment{'' if n == 1 else 's'} spoke against it."
        )

    def _untested(self) -> str:
        parts = []
        kinds = [kind for kind, tests in self.tests.items() if not tests["passed"] + tests["failed"]]
        if kinds:
            parts.append(f"no test of the kind {', '.join(kinds)}")
        never = [claim for claim in self.claims if not claim["right"] + claim["wrong"]]
        if never:
            clauses = [c for c in never if c["token"] is None]
            tokens = [c for c in never if c["token"] is not None]
            if clauses:
                parts.append(f"{len(clauses)} of its clauses: {'; '.join(c['clause'] for c in clauses)}")
            if tokens:
                shown = ", ".join(f"`{c['token'].replace(' ', '␣')}`" for c in tokens[:12])
                parts.append(f"the listed tokens {shown}{f' and {len(tokens) - 12} more' if len(tokens) > 12 else ''}")
        if unused := self.unused_generators:
            parts.append(f"nothing came from {', '.join(name.replace('_', ' ') for name in unused)}")
        if self.result and not self.claims:
            parts.append("which parts of the sentence were tested is not on record in this trace")
        if not self.result:
            return "The run has not ended, so that is not settled."
        output = (self.result.get("causal") or {}).get("output") or {}
        if self.result and not (output.get("test") or {}).get("value"):
            parts.append("what it does to the output")
        if not parts:
            return "Every clause, every kind of test and every generator of experiments was used at least once."
        return f"{'; '.join(parts)}."[0].upper() + f"{'; '.join(parts)}."[1:]

    def _cost(self) -> str:
        limit = (self.result.get("budget") or {}).get("limit")
        if limit is None and self.story.started:
            limit = self.story.started.config.get("budget")
        units = f"{self.story.budget_used} units{f' of {limit}' if limit else ''}"
        seconds = self.result.get("seconds")
        time = f", {seconds:.0f} s" if isinstance(seconds, int | float) else ""
        roles = self.roles
        if not roles:
            return f"{units}{time}; no LLM was asked."
        tokens = sum(role.tokens for role in roles)
        usd = None if any(role.usd is None for role in roles) else sum(role.usd or 0 for role in roles)
        return f"{units}{time}; {tokens:,} LLM tokens, {'price unknown' if usd is None else f'{usd:.4f} US dollars'}."

    @property
    def tests(self) -> dict[str, dict[str, int]]:
        """Per kind of test, carriers that bore the explanation out and that did not."""
        found = self.result.get("tests") or {}
        return {kind: found.get(kind) or {"passed": 0, "failed": 0} for kind in KINDS} if self.result and found else {}

    @property
    def claims(self) -> list[dict[str, Any]]:
        """The parts of the explanation, those that were never tested first."""
        found = list(self.result.get("claims") or [])
        return sorted(found, key=lambda claim: bool(claim["right"] + claim["wrong"]))

    @property
    def unused_generators(self) -> list[str]:
        """Generators that no experiment came from."""
        used = {
            trial.experiment.generator for this in self.story.rounds.values() for trial in this.experiments.values()
        }
        return [name for name in GENERATORS if name not in used] if used else []

    @property
    def rivals(self) -> list[Rival]:
        """The winner, the runner-up, and so on."""
        out = []
        for fate in self.fates:
            proposed = self.story.hypotheses[fate.name]
            out.append(
                Rival(
                    fate.name, proposed.form, proposed.sentence, proposed.parent, self.story.beliefs.get(fate.name),
                    fate, fate.blows[:_N_BLOWS], sum(blow.nats for blow in fate.blows),
                )
            )  # fmt: skip
        return out

    @property
    def belief_rounds(self) -> list[int]:
        """Rounds after which belief was noted."""
        return [number for number, this in sorted(self.story.rounds.items()) if this.beliefs]

    @property
    def belief_table(self) -> list[tuple[str, list[float | None]]]:
        """Per rival that was ever believed, its belief after each of `belief_rounds`."""
        rounds = [self.story.rounds[number].beliefs for number in self.belief_rounds]
        return [(f.name, [b.get(f.name) for b in rounds]) for f in self.fates if any(f.name in b for b in rounds)]

    @property
    def shown_belief_rounds(self) -> list[int]:
        """Places in `belief_rounds` that the table shows: of many rounds some, the last among them."""
        n = len(self.belief_rounds)
        step = -(-n // _MOST_ROUNDS) or 1
        return sorted({*range(0, n, step), n - 1}) if n else []

    @property
    def belief_plot(self) -> Markup | None:
        """Belief over rounds as a drawing."""
        table = self.belief_table
        if not table:
            return None
        return drawing.beliefs([name for name, _ in table], self.belief_rounds, [values for _, values in table])

    @property
    def calibration(self) -> list[tuple[str, list[drawing.Bin]]]:
        """The winner's registered predictions in bins: of its own experiments, and of the fixed probe set."""
        found = self.result.get("registered") or {}
        labels = {"chosen": "experiments that the run chose", "probe": "fixed probe set"}
        return [(label, drawing.bins_of(found[name])) for name, label in labels.items() if found.get(name)]

    @property
    def calibration_plot(self) -> Markup | None:
        """The same as a drawing."""
        return drawing.calibration(self.calibration) if self.calibration else None

    @property
    def skills(self) -> list[tuple[str, dict[str, Any], dict[str, Any], int]]:
        """(which predictions, skill against base rate, sign accuracy, how many)."""
        labels = {"chosen": "its own experiments", "probe": "fixed probe set"}
        found = self.result.get("predictions") or {}
        return [
            (label, found[name].get("skill") or {}, found[name].get("sign_accuracy") or {}, found[name].get("n", 0))
            for name, label in labels.items()
            if found.get(name)
        ]

    @property
    def causal(self) -> list[str]:
        """The causal evidence in sentences."""
        found = self.result.get("causal")
        return [*causal_lines(found), *causal_details(found)] if found else []

    @property
    def output(self) -> dict[str, Any]:
        """What the output weights say: tokens promoted and suppressed, each with its direct weight."""
        return self.story.output or (self.result.get("causal") or {}).get("output") or {}

    @property
    def tools(self) -> list[ToolUse]:
        """What each tool took, the costliest first."""
        by_name: dict[str, list[Any]] = {}
        for call in self.story.calls:
            by_name.setdefault(call.tool, []).append(call)
        out = [
            ToolUse(
                name, len(own), sum(call.error is not None for call in own), sum(c.texts for c in own),
                sum(c.subject_tokens for c in own), sum(c.units for c in own if c.charged), sum(c.seconds for c in own),
            )
            for name, own in by_name.items()
        ]  # fmt: skip
        return sorted(out, key=lambda use: (-use.units, -use.seconds, use.name))

    @property
    def roles(self) -> list[Role]:
        """What LLMs took, by role."""
        asked = [call for event in self.story.calls for call in event.llm]
        out = []
        for name in dict.fromkeys(call.role for call in asked):
            own = [call for call in asked if call.role == name]
            known = [call.usd for call in own if call.usd is not None]
            out.append(
                Role(
                    name, len(own), sum(call.reply is None for call in own),
                    sum(call.input_tokens + call.output_tokens for call in own),
                    sum(known) if len(known) == len(own) else None,
                )
            )  # fmt: skip
        return out

    @property
    def llm_errors(self) -> list[tuple[str, int]]:
        """Why LLMs gave nothing, and how often."""
        reasons = Counter(call.error for event in self.story.calls for call in event.llm if call.error)
        return [(reason or "", n) for reason, n in reasons.most_common(20)]

    @property
    def decisions(self) -> list[Any]:
        """What the judge decided, in order."""
        return [decided for number in sorted(self.story.rounds) for decided in self.story.rounds[number].decisions]

    @property
    def facts(self) -> Iterator[tuple[str, str]]:
        """What the run was made with."""
        begun = self.story.started
        if begun is None:
            return
        yield "run", self.run_id
        yield "model", f"{begun.model} (weights {begun.model_fingerprint[:16]})"
        yield "corpus", f"{begun.corpus.name} ({begun.corpus.fingerprint[:16]})"
        yield "variant", str(begun.config.get("variant", "–"))
        yield (
            "explainer, simulator",
            " / ".join(str(self.result.get(key) or begun.config.get(key) or "–") for key in ("explainer", "simulator")),
        )
        yield "seed", str(begun.seed)
        if index := self.manifest.get("index"):
            yield "activation index", f"{index.get('folder')} ({str(index.get('fingerprint'))[:16]})"
        yield "started", f"{begun.at}, last event {self.story.ended_at}"
        yield "program", f"commit {begun.commit or 'unknown'}"
        yield "versions", ", ".join(f"{name} {version}" for name, version in begun.versions.items())

    @property
    def config(self) -> list[tuple[str, str]]:
        """All settings."""
        begun = self.story.started
        return [(name, str(value)) for name, value in begun.config.items()] if begun else []


def view_of(story: Story, run_id: str, manifest: dict[str, Any] | None, prefix: str = "") -> View:
    """The page of a story, see `View`."""
    return View(story, run_id, manifest, prefix)
