"""Learn a rule from explore text: greedy forward selection of clauses with a price on length.

A neuron adds up evidence and cuts at zero, and so does a rule; so clauses are found as in a regression. At each step
every kind of condition is screened by its gain in explained variance, the best few are evaluated exactly, the best of
these and the clauses chosen before are narrowed down by one more condition, and what has the largest gain less the
price of its words enters. A clause that later ones have made needless leaves. At the end strengths become whole numbers
by coordinate descent on the correlation of what the sentence then predicts.

What is maximised is a weighted correlation: the weights make the sample stand for the mix of top, quantile and random
excerpts on which explanations are scored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tools.rules.candidates import Candidate, Wanted
from tools.rules.clauses import (
    MAX_CLAUSES,
    MAX_LISTED_TOKENS,
    MAX_WORDS,
    After,
    Clause,
    Early,
    Listed,
    Range,
    Rule,
    TokenClass,
    Words,
)
from tools.rules.language import n_words, render, words_of
from tools.rules.pairs import Sums, Vector
from tools.rules.screen import Gated, Screen
from tools.rules.simulate import Batch
from tools.rules.strengths import Strengths
from tools.rules.vocabulary import Vocabulary

Form = Literal["tokens", "context", "mixed"]

PRICE_PER_WORD = 0.002
"""Share of the variance that a word of the sentence has to explain to be worth saying."""

NOTHING = Rule(())
"""The rule that never fires, from which learning starts."""

_EVERYWHERE_WORDS = 2
_MOST_EXACT = 14
_MOST_EXACT_NARROWED = 8
_GATES_NEW, _GATES_CHOSEN = 2, 3
_MOST_OF_A_KIND = 4
_MOST_ADDED = 4
_MOST_STEPS = 3 * MAX_CLAUSES
_OPENERS, _LONGEST_OPENER = 2, 3
_STEPS_WITH_BETWEEN = 3
_HOPELESS = 0.7
_HOPELESS_GROWING = 0.3


@dataclass(frozen=True)
class _Fit:
    """Weighted least squares: columns and residual times the root of the weight, strengths with the intercept first."""

    columns: Vector
    inverse: NDArray[np.float64]
    strengths: NDArray[np.float64]
    residual: Vector

    def gain(self, column: Vector) -> float:
        """Explained variance that one more column, times the root of the weight, brings."""
        along = (self.columns @ column).astype(np.float64)
        norm = float(column @ column) - float(along @ self.inverse @ along)
        return float(column @ self.residual) ** 2 / norm if norm > 1e-6 * float(column @ column) + 1e-9 else 0.0

    def losses(self) -> NDArray[np.float64]:
        """What each clause alone explains, [n_clauses]."""
        return np.asarray(self.strengths[1:] ** 2 / np.maximum(np.diag(self.inverse)[1:], 1e-12))


class Learner:
    """Learns rules of several forms for one neuron from one weighted sample of explore text.

    Args:
        tokens: int32 [n, pos], -1 past the end.
        values: raw activations, float32 [n, pos].
        weights: one weight per token, float [n, pos].
        vocabulary: the subject model's.
        neighbourhoods: whether tokens may be named by closeness in the embedding.
    """

    def __init__(
        self,
        tokens: NDArray[np.int32],
        values: Vector,
        weights: NDArray[np.float64],
        vocabulary: Vocabulary,
        neighbourhoods: bool = True,
    ) -> None:
        self.neighbourhoods = neighbourhoods
        self.batch = Batch(tokens, vocabulary)
        self.mask = self.batch.mask
        weight = weights[self.mask].astype(np.float64)
        self.weight = (weight / weight.sum()).astype(np.float32)
        self._root = np.sqrt(self.weight)
        target = values[self.mask].astype(np.float32)
        target = target - np.average(target, weights=self.weight)
        self.target: Vector = target / max(float(np.sqrt(np.average(target**2, weights=self.weight))), 1e-9)
        self.screen = Screen(self.batch, self.weight)
        self._features: dict[Clause, Vector] = {}
        self._gated: dict[Clause | None, Gated] = {}

    def feature(self, clause: Clause) -> Vector:
        """The clause's condition at every position of the sample, flat, in 0..1."""
        bare = replace(clause, strength=1)
        if bare not in self._features:
            self._features[bare] = self.batch.clause(bare)[self.mask]
        return self._features[bare]

    def learn(
        self,
        form: Form,
        start: Rule = NOTHING,
        max_clauses: int = MAX_CLAUSES,
        max_listed: int = MAX_LISTED_TOKENS,
        max_words: int = MAX_WORDS,
        price: float = PRICE_PER_WORD,
    ) -> Rule:
        """A rule of one form, grown from the clauses of `start`. May be empty: then nothing was worth saying."""
        chosen = [replace(clause, strength=1) for clause in start.clauses]
        dropped: set[Clause] = set()
        for _ in range(_MOST_STEPS):
            fit = self._fit(chosen)
            needless = self._needless(chosen, fit, price)
            if needless is not None:
                dropped.add(chosen.pop(needless))
                continue
            listed = max_listed - Rule(tuple(chosen)).listed()
            words = max_words - n_words(render(Rule(tuple(chosen)))) - _EVERYWHERE_WORDS
            wanted = Wanted(
                tokens=form != "context",
                contexts=form in ("context", "mixed"),
                positions=not any(_says_position(clause) for clause in chosen),
                neighbourhoods=form != "tokens" and self.neighbourhoods,
                room=min(listed, words),
                price=price,
            )
            best, worth = self._extended(chosen, fit, wanted)
            # The last clause is `everywhere`, which polishing may add.
            if len(chosen) < max_clauses - 1:
                for found in self._found(chosen, dropped, fit, wanted):
                    if found.worth(price) > worth and found.words <= words and found.clause.listed() <= listed:
                        best, worth = [*chosen, found.clause], found.worth(price)
            if worth <= 0:
                break
            chosen = best
        return self._polish(chosen, max_words)

    def correlation(self, rule: Rule) -> float:
        """Weighted, of what the rule says of the sample with what the neuron did; -1 where it says the same of all."""
        levels = self.batch.levels(rule)[self.mask]
        levels = levels - self.weight @ levels
        spread = float(np.sqrt(self.weight @ levels**2))
        return float((self.weight * levels) @ self.target) / spread if spread > 1e-9 else -1.0

    def _fit(self, chosen: list[Clause]) -> _Fit:
        columns = np.stack([self._root, *(self._root * self.feature(clause) for clause in chosen)])
        products = (columns @ columns.T).astype(np.float64)
        scaled = self._root * self.target
        inverse = np.linalg.pinv(products, rcond=1e-6, hermitian=True)
        strengths = inverse @ (columns @ scaled).astype(np.float64)
        return _Fit(columns, inverse, strengths, scaled - strengths.astype(np.float32) @ columns)

    @staticmethod
    def _needless(chosen: list[Clause], fit: _Fit, price: float) -> int | None:
        """The clause that explains least for its words, if that is less than they cost."""
        if len(chosen) < 2:
            return None
        worth = fit.losses() - price * np.array([words_of(clause) for clause in chosen])
        least = int(np.argmin(worth))
        return least if worth[least] < 0 else None

    def _gate(self, clause: Clause | None) -> Gated:
        if clause not in self._gated:
            self._gated[clause] = Gated(self.screen, clause, None if clause is None else self.feature(clause))
        return self._gated[clause]

    def _found(self, chosen: list[Clause], dropped: set[Clause], fit: _Fit, wanted: Wanted) -> list[Candidate]:
        """The most promising clauses with their exact gains."""
        pull = self._root * fit.residual
        tried = dropped.union(chosen)
        screened = list(self.screen.candidates(pull, self._gate(None), wanted))
        exact = self._exactly(screened, fit, wanted, _MOST_EXACT, tried)
        if not wanted.contexts:
            return exact
        if len(chosen) < _STEPS_WITH_BETWEEN:
            openers = _openers(screened, wanted.price)
            between = list(self.screen.between(pull, openers, wanted))
            exact += self._exactly(between, fit, wanted, len(between), tried)
        exact.sort(key=lambda found: -found.worth(wanted.price))
        gates = [found.clause for found in exact if found.worth(wanted.price) > 0][:_GATES_NEW]
        order = np.argsort(-fit.losses(), kind="stable")
        gates += [chosen[k] for k in order if chosen[k].token or chosen[k].context][:_GATES_CHOSEN]
        narrowed: list[Candidate] = []
        for gate in dict.fromkeys(gates):
            if gate.also is None or gate.token is None:
                held = self._gate(gate)
                words = words_of(gate)
                narrowed += [
                    Candidate(found.clause, found.gain, found.words + words, found.grow)
                    for found in self.screen.candidates(pull, held, wanted)
                ]
        worth = exact[0].worth(wanted.price) if exact else 0
        return exact + self._exactly(narrowed, fit, wanted, _MOST_EXACT_NARROWED, tried, worth)

    def _exactly(
        self,
        screened: Iterable[Candidate],
        fit: _Fit,
        wanted: Wanted,
        most: int,
        tried: set[Clause],
        worth: float = 0,
    ) -> list[Candidate]:
        """The best of the screened clauses, each with its exact gain and number of words."""
        found: list[Candidate] = []
        met: set[Clause] = set()
        kinds: Counter[object] = Counter()
        for candidate in sorted(screened, key=lambda c: -c.worth(wanted.price)):
            if len(met) >= most or candidate.worth(wanted.price) < worth * (
                _HOPELESS_GROWING if candidate.grow else _HOPELESS
            ):
                break
            if candidate.clause in met or candidate.clause in tried:
                continue
            kind = _kind(candidate)
            if kinds[kind] >= _MOST_OF_A_KIND:
                continue
            kinds[kind] += 1
            met.add(candidate.clause)
            clause = candidate.grow() if candidate.grow else candidate.clause
            gain = fit.gain(self._root * self.feature(clause))
            found.append(Candidate(clause, gain, words_of(clause)))
            worth = max(worth, found[-1].worth(wanted.price))
        return found

    def _extended(self, chosen: list[Clause], fit: _Fit, wanted: Wanted) -> tuple[list[Clause], float]:
        """`chosen` with tokens added to one of its lists, and what that is worth: a token costs one word there.

        A token is added where its own mean residual asks for about the strength that the clause has already.
        """
        best, worth = chosen, 0.0
        if wanted.room < 1:
            return best, worth
        pull = self._root * fit.residual
        for k, strength in enumerate(fit.strengths[1:]):
            for part, tokens in _lists(chosen[k]):
                gate = _without(chosen[k], part)
                held = self.feature(gate) if gate else np.ones_like(pull)
                relation = None if part == "token" else getattr(chosen[k], part).relation
                pairs = self._gate(None).pairs
                top = self._per_name(pairs.of(relation, pull * held), tokens)
                bottom = self._per_name(pairs.of(relation, self.weight * held**2), tokens)
                gains = 2 * strength * top - strength**2 * bottom - wanted.price
                names = self._names(tokens)
                listed = tokens.words if isinstance(tokens, Words) else tokens.tokens
                known = set(listed)
                order = [j for j in np.argsort(-gains, kind="stable")[: len(known) + _MOST_ADDED] if gains[j] > 0]
                order = [j for j in order if names[j] and names[j] not in known][: min(wanted.room, _MOST_ADDED)]
                if float(gains[order].sum()) > worth:
                    more = (*listed, *(names[j] for j in order))
                    longer: TokenClass = Words(more) if isinstance(tokens, Words) else Listed(more)
                    grown = _with(chosen[k], part, longer)
                    best, worth = [*chosen[:k], grown, *chosen[k + 1 :]], float(gains[order].sum())
        return best, worth

    def _names(self, tokens: Listed | Words) -> list[str]:
        return self.screen.folded[0] if isinstance(tokens, Words) else self.screen.strings

    def _per_name(self, sums: Sums, tokens: Listed | Words) -> Sums:
        return np.asarray(self.screen.alphabets(sums[None])[1 if isinstance(tokens, Words) else 0][0])

    def _polish(self, chosen: list[Clause], max_words: int) -> Rule:
        """Whole-number strengths by coordinate descent on the weighted correlation of the cut sum; zeros drop out."""
        if not chosen:
            return Rule(())
        clauses = [*chosen, Clause(1)]
        strengths = self._fit(chosen).strengths
        sums = Strengths.of(np.stack([self.feature(clause) for clause in clauses]), self.weight, self.target)
        fitted = float((strengths[1:] @ sums.columns[:-1]).min())
        # What level 0 stands for: the value where no clause holds, or what lies lowest in the rule or in the text.
        bases = dict.fromkeys((0.0, -fitted, float(strengths[0] - self.target.min())))
        starts = [
            raw * (10 / max(float(size), 1e-9))
            for raw in (np.append(strengths[1:], everywhere) for everywhere in bases)
            for size in (np.abs(raw).max(), np.percentile(np.abs(raw), 75))
        ]
        whole, best = sums.best(starts)
        kept = [replace(c, strength=int(s)) for c, s in zip(clauses, whole, strict=True) if s]
        rule = Rule(tuple(sorted(kept, key=lambda clause: -clause.strength)))
        while n_words(render(rule)) > max_words:
            weakest = min(rule.clauses, key=lambda clause: abs(clause.strength))
            rule = Rule(tuple(clause for clause in rule.clauses if clause is not weakest))
        return rule if best > 0 else Rule(())


def _says_position(clause: Clause) -> bool:
    return any(
        isinstance(context, Early) or (isinstance(context, Range) and context.measure == "position")
        for context in (clause.context, clause.also)
    )


def _kind(candidate: Candidate) -> object:
    """What candidates have in common that differ in tokens alone: not all places are for them."""
    clause = candidate.clause
    context = clause.also or clause.context
    relation = context.relation if isinstance(context, After) else context
    return relation, bool(clause.token), clause.unless, clause.also_unless, bool(candidate.grow)


def _openers(screened: list[Candidate], price: float) -> list[TokenClass]:
    """What may begin a stretch: whatever stands before, somewhere."""
    found: dict[TokenClass, None] = {}
    for candidate in sorted(screened, key=lambda c: -c.worth(price)):
        context = candidate.clause.context
        if isinstance(context, After) and context.relation in ("right after", "on lines with", "anywhere after"):
            match context.tokens:
                case Listed(tokens):
                    found.setdefault(Listed(tokens[:_LONGEST_OPENER]))
                case Words(words):
                    found.setdefault(Words(words[:_LONGEST_OPENER]))
    return list(found)[:_OPENERS]


_NEAR = ("right after", "two after")


def _lists(clause: Clause) -> list[tuple[str, Listed | Words]]:
    """The lists of a clause that more tokens can be added to one by one, by where they stand."""
    found: list[tuple[str, Listed | Words]] = []
    if isinstance(clause.token, Listed | Words):
        found.append(("token", clause.token))
    for part, unless in (("context", clause.unless), ("also", clause.also_unless)):
        context = getattr(clause, part)
        near = isinstance(context, After) and context.relation in _NEAR and not unless
        if near and isinstance(context.tokens, Listed | Words):
            found.append((part, context.tokens))
    return found


def _without(clause: Clause, part: str) -> Clause | None:
    """The clause without one of its conditions; None when that was all."""
    match part:
        case "token":
            rest = replace(clause, token=None)
        case "context":
            rest = replace(clause, context=clause.also, unless=clause.also_unless, also=None, also_unless=False)
        case _:
            rest = replace(clause, also=None, also_unless=False)
    return rest if rest.token or rest.context else None


def _with(clause: Clause, part: str, tokens: TokenClass) -> Clause:
    """The clause with other tokens in one of its conditions."""
    match part:
        case "token":
            return replace(clause, token=tokens)
        case "context":
            assert isinstance(clause.context, After)
            return replace(clause, context=After(clause.context.relation, tokens))
        case _:
            assert isinstance(clause.also, After)
            return replace(clause, also=After(clause.also.relation, tokens))
