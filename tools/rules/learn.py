"""Learn a rule from explore text: greedy forward selection of clauses with a price on length.

A neuron adds up evidence and cuts at zero, and so does a rule; so clauses are found as in a regression. At each step
every kind of condition is screened by its gain in explained variance, computed from sums per token of the residual,
the best few are evaluated exactly, and the one with the largest gain less the price of its words enters. At the end
strengths become whole numbers by coordinate descent on the correlation of what the sentence then predicts.

What is maximised is a weighted correlation: the weights make the sample stand for the mix of top, quantile and random
excerpts on which explanations are scored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tools.rules.clauses import (
    MAX_CLAUSES,
    MAX_LISTED_TOKENS,
    MAX_WORDS,
    After,
    Clause,
    Context,
    Early,
    Enclosure,
    Inside,
    Like,
    Listed,
    Repeated,
    Rule,
    TokenClass,
    Width,
)
from tools.rules.language import n_words, render
from tools.rules.simulate import Batch
from tools.rules.slots import RELATIONS, Slot, Vector, make_slots
from tools.rules.vocabulary import Vocabulary, ramp

Form = Literal["tokens", "neighbourhoods", "context", "mixed"]

PRICE_PER_WORD = 0.002
"""Share of the variance that a word of the sentence has to explain to be worth saying."""

NOTHING = Rule(())
"""The rule that never fires, from which learning starts."""

_EVERYWHERE_WORDS = 2
_LEAST_GAIN = 1e-4
_SHORTLIST = 64
_ANCHORS = 96
_MOST_IN_SET = 12
_MOST_ADDED = 4
_MOST_ANCHORS = 6
_HOPELESS = 0.7
_HOPELESS_GROWING = 0.3


@dataclass(frozen=True)
class _Candidate:
    """A clause that may be worth saying. One with anchors may `grow` more of them, which is done for the best only."""

    clause: Clause
    gain: float
    words: int
    grow: Callable[[], Clause] | None = None

    def worth(self, price: float) -> float:
        return self.gain - price * self.words


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
        self.vocabulary = vocabulary
        self.neighbourhoods = neighbourhoods
        self.batch = Batch(tokens, vocabulary)
        mask = self.batch.mask
        self.mask = mask
        weight = weights[mask].astype(np.float64)
        self.weight = (weight / weight.sum()).astype(np.float32)
        target = values[mask].astype(np.float32)
        target = target - np.average(target, weights=self.weight)
        self.target: Vector = target / max(float(np.sqrt(np.average(target**2, weights=self.weight))), 1e-9)
        # Tokens that occur, renumbered: every sum below is over these alone.
        self.present, local = np.unique(tokens[mask], return_inverse=True)
        self.local = local.astype(np.int32)
        self.slots = dict(make_slots(self.batch, self.local))
        self.class_matrix = vocabulary.class_matrix[:, self.present]
        self._cosines: dict[int, Vector] = {}
        self._directions = vocabulary.directions[self.present]
        self._features: dict[Clause, Vector] = {}

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
        while True:
            residual, basis = self._residual(chosen)
            listed = max_listed - Rule(tuple(chosen)).listed()
            words = max_words - n_words(render(Rule(tuple(chosen)))) - _EVERYWHERE_WORDS
            best, worth = self._extended(chosen, residual, min(listed, words), price)
            # The last clause is `everywhere`, which polishing may add.
            screened = (
                self._screen(form, chosen, residual, min(listed, words), price) if len(chosen) < max_clauses - 1 else []
            )
            for found in screened:
                if found.worth(price) < (_HOPELESS_GROWING if found.grow else _HOPELESS) * worth:
                    continue  # exact evaluation does not help that much
                clause = found.grow() if found.grow else found.clause
                cost = n_words(render(Rule((clause,)))) - 1
                exact = _Candidate(clause, self._exact_gain(clause, residual, basis), cost)
                if cost <= words and clause.listed() <= listed and exact.worth(price) > worth:
                    best, worth = [*chosen, clause], exact.worth(price)
            if worth <= 0:
                break
            chosen = best
        return self._polish(chosen, max_words)

    def _extended(self, chosen: list[Clause], residual: Vector, room: int, price: float) -> tuple[list[Clause], float]:
        """`chosen` with tokens added to one of its lists, and what that is worth: a token costs one word there.

        A token is added where its own mean residual asks for about the strength that the clause has already.
        """
        best, worth = chosen, 0.0
        if not chosen or room < 1:
            return best, worth
        n = len(self.present)
        for k, strength in enumerate(self._coefficients(chosen)[1:]):
            clause = chosen[k]
            match clause:
                case Clause(token=Listed() as tokens, context=context):
                    slot, gate = self.slots[None], Clause(1, None, context, clause.unless) if context else None
                case Clause(
                    token=token,
                    context=After("right after" | "two after" as relation, Listed() as tokens),
                    unless=False,
                ):
                    slot, gate = self.slots[relation], Clause(1, token) if token else None
                case _:
                    continue
            held = self.feature(gate) if gate else np.ones_like(residual)
            top = slot.sums(self.weight * residual * held, n)
            gains = 2 * strength * top - strength**2 * slot.sums(self.weight * held**2, n) - price
            gains[np.isin(self.present, [self.vocabulary.ids[token] for token in tokens.tokens])] = 0
            order = _largest(gains, min(room, _MOST_ADDED))
            order = order[gains[order] > 0]
            if float(gains[order].sum()) > worth:
                longer = Listed((*tokens.tokens, *self._listed(order).tokens))
                after = replace(clause.context, tokens=longer) if isinstance(clause.context, After) else None
                grown = replace(clause, context=after) if slot.relation else replace(clause, token=longer)
                best, worth = [*chosen[:k], grown, *chosen[k + 1 :]], float(gains[order].sum())
        return best, worth

    def _residual(self, chosen: list[Clause]) -> tuple[Vector, Vector]:
        """The residual of the weighted least-squares fit, and an orthonormal basis [k, n] of what is fitted."""
        root = np.sqrt(self.weight)
        columns = np.stack([root, *(root * self.feature(clause) for clause in chosen)])
        basis, upper = np.linalg.qr(columns.T.astype(np.float64))
        basis = basis[:, np.abs(np.diag(upper)) > 1e-9].T
        scaled = root * self.target
        rest = scaled - (basis @ scaled) @ basis
        return (rest / np.maximum(root, 1e-12)).astype(np.float32), basis.astype(np.float32)

    def _exact_gain(self, clause: Clause, residual: Vector, basis: Vector) -> float:
        root = np.sqrt(self.weight)
        column = root * self.feature(clause)
        column = column - (basis @ column) @ basis
        norm = float(column @ column)
        return float(column @ (root * residual)) ** 2 / norm if norm > 1e-9 else 0.0

    def _screen(self, form: Form, chosen: list[Clause], residual: Vector, room: int, price: float) -> list[_Candidate]:
        """The most promising clauses, by sums per token of the residual."""
        found: list[_Candidate] = []
        pull = self.weight * residual
        if form != "context":
            found += self._token_candidates(self.slots[None], None, pull, self.weight, form, room, price)
        if form in ("context", "mixed"):
            gates: list[Clause | None] = [None]
            if form == "mixed":
                seen = [Clause(1, clause.token) for clause in chosen if clause.token is not None]
                gates += list(dict.fromkeys(seen))[:4]
            for gate in gates:
                value = self.feature(gate) if gate else None
                g_pull = pull * value if value is not None else pull
                g_weight = self.weight * value**2 if value is not None else self.weight
                token = gate.token if gate else None
                for relation in RELATIONS:
                    found += self._token_candidates(self.slots[relation], token, g_pull, g_weight, form, room, price)
                for context in self._plain_contexts():
                    feature = self.feature(Clause(1, None, context))
                    top, bottom = float(g_pull @ feature), float(g_weight @ feature**2)
                    found.append(_Candidate(Clause(1, token, context), top**2 / max(bottom, 1e-9), 4))
        best: dict[Clause, _Candidate] = {}
        taken = {replace(clause, strength=1) for clause in chosen}
        for candidate in sorted(found, key=lambda c: -c.worth(price)):
            if candidate.clause not in taken:
                best.setdefault(candidate.clause, candidate)
        return list(best.values())[:_SHORTLIST]

    @staticmethod
    def _plain_contexts() -> list[Context]:
        inside: list[Context] = [Inside(what) for what in get_args(Enclosure)]
        return [*inside, Early(1), Early(4), Early(16), Repeated(False), Repeated(True)]

    def _token_candidates(
        self, slot: Slot, gate: TokenClass | None, pull: Vector, weight: Vector, form: Form, room: int, price: float
    ) -> list[_Candidate]:
        n = len(self.present)
        top, bottom = slot.sums(pull, n), slot.weights(gate, weight, n)
        both = np.stack([top, bottom], axis=1).astype(np.float32)
        out: list[_Candidate] = []

        def clause_of(tokens: TokenClass) -> Clause:
            return Clause(1, tokens) if slot.relation is None else Clause(1, gate, After(slot.relation, tokens))

        def add(tokens: TokenClass, gain: float, words: int, grow: Callable[[], Clause] | None = None) -> None:
            out.append(_Candidate(clause_of(tokens), gain, words + (0 if slot.relation is None else 2), grow))

        if room < 1:
            return out
        strings = self.vocabulary.strings
        if form != "neighbourhoods":
            mean = top / (bottom + 2e-5)
            for sign in (1, -1):
                order = _largest(sign * mean, min(room, _MOST_IN_SET))
                order = order[sign * top[order] > 0]
                if len(order):
                    gains = np.cumsum(top[order]) ** 2 / np.maximum(np.cumsum(bottom[order]), 1e-9)
                    # Large sets of rare tokens and small ones of frequent tokens: also by what each adds alone.
                    size = int(np.argmax(gains - price * np.arange(1, len(order) + 1))) + 1
                    add(self._listed(order[:size]), float(gains[size - 1]), size + 2)
                alone = np.where(sign * top > 0, top**2 / np.maximum(bottom, 1e-9), 0)
                heavy = _largest(alone, min(room, _MOST_IN_SET))
                heavy = heavy[alone[heavy] > 0]
                if len(heavy):
                    heavy = heavy[np.argsort(-sign * mean[heavy], kind="stable")]
                    gains = np.cumsum(top[heavy]) ** 2 / np.maximum(np.cumsum(bottom[heavy]), 1e-9)
                    size = int(np.argmax(gains - price * np.arange(1, len(heavy) + 1))) + 1
                    add(self._listed(heavy[:size]), float(gains[size - 1]), size + 2)
            spelled = _gains(self.class_matrix, self.class_matrix, both)  # membership is 0 or 1: its own square
            for j in _largest(spelled, 2):
                add(self.vocabulary.classes[j], float(spelled[j]), 4)
        if form != "tokens" and self.neighbourhoods:
            anchors = _largest(top**2 / (bottom + 1e-4), _ANCHORS)
            cosines = self._cosine(anchors)
            # What several anchors together could reach: the direction in which the residual pulls the embedding.
            pull_direction = top.astype(np.float32) @ self._directions
            along = self._directions @ (pull_direction / max(float(np.linalg.norm(pull_direction)), 1e-9))
            for width in get_args(Width):
                reach = np.stack([ramp(along, width), ramp(-along, width)])
                potential = float(_gains(reach, reach**2, both).max())
                member = ramp(cosines, width)
                near = _gains(member, member**2, both)
                best = int(np.argmax(near))

                def grow(first: int = best, width: Width = width) -> Clause:
                    tokens = self._grow(anchors, cosines, first, width, both, min(room, _MOST_ANCHORS), price)
                    return clause_of(Like(tuple(strings[self.present[a]] for a in tokens), width))

                add(Like((strings[self.present[anchors[best]]],), width), max(potential, float(near[best])), 5, grow)
        return out

    def _listed(self, local: NDArray[np.int64]) -> Listed:
        return Listed(tuple(self.vocabulary.strings[token] for token in self.present[local]))

    def _cosine(self, anchors: NDArray[np.int64]) -> Vector:
        missing = [int(a) for a in anchors if int(a) not in self._cosines]
        if missing:
            for anchor, row in zip(missing, self._directions[missing] @ self._directions.T, strict=True):
                self._cosines[anchor] = row
        return np.stack([self._cosines[int(a)] for a in anchors])

    def _grow(
        self,
        anchors: NDArray[np.int64],
        cosines: Vector,
        first: int,
        width: Width,
        both: Vector,
        room: int,
        price: float,
    ) -> list[int]:
        """Add anchors to a neighbourhood while the mean of them explains more than the word costs."""
        chosen, total = [first], cosines[first].copy()
        member = ramp(cosines[first], width)[None]
        gain = float(_gains(member, member**2, both)[0])
        while len(chosen) < room:
            # |a + b + c| from the pairwise cosines, so that candidates need no new product with the vocabulary.
            inner = cosines[chosen][:, anchors[chosen]].sum()
            norms = np.sqrt(np.maximum(inner + 1 + 2 * cosines[:, anchors[chosen]].sum(1), 1e-6))
            members = ramp((total[None] + cosines) / norms[:, None], width)
            gains = _gains(members, members**2, both)
            gains[chosen] = 0
            best = int(np.argmax(gains))
            if gains[best] - gain <= price:
                break
            chosen.append(best)
            total, gain = total + cosines[best], float(gains[best])
        return [int(anchors[c]) for c in chosen]

    def _coefficients(self, chosen: list[Clause]) -> NDArray[np.float64]:
        """Weighted least-squares strengths, the intercept first."""
        root = np.sqrt(self.weight)
        columns = np.stack([root, *(root * self.feature(clause) for clause in chosen)]).astype(np.float64)
        return np.asarray(np.linalg.lstsq(columns.T, root * self.target, rcond=None)[0])

    def _polish(self, chosen: list[Clause], max_words: int) -> Rule:
        """Whole-number strengths by coordinate descent on the weighted correlation of the cut sum; zeros drop out."""
        if not chosen:
            return Rule(())
        clauses = [*chosen, Clause(1)]
        columns = np.stack([self.feature(clause) for clause in clauses])
        coefficients = self._coefficients(chosen)
        base = float(self.target.min())  # a silent token's value, which level 0 stands for
        raw = np.append(coefficients[1:], coefficients[0] - base)
        scales = [10 / max(float(np.abs(raw).max()), 1e-9), 10 / max(float(np.percentile(np.abs(raw), 75)), 1e-9)]
        starts = [np.clip(np.rint(raw * scale), -10, 10) for scale in scales]
        start = max(starts, key=lambda s: self._correlation(s @ columns))
        strengths, best = self._descend(start, columns)
        kept = [replace(c, strength=int(s)) for c, s in zip(clauses, strengths, strict=True) if s]
        rule = Rule(tuple(sorted(kept, key=lambda clause: -clause.strength)))
        while n_words(render(rule)) > max_words:
            weakest = min(rule.clauses, key=lambda clause: abs(clause.strength))
            rule = Rule(tuple(clause for clause in rule.clauses if clause is not weakest))
        return rule if best > 0 else Rule(())

    def _descend(self, start: Vector, columns: Vector) -> tuple[Vector, float]:
        strengths = start.astype(np.float32)
        total = strengths @ columns
        best = self._correlation(total)
        for _ in range(4):
            improved = False
            for k in range(len(strengths)):
                for step in (-3, -1, 1, 3):
                    value = float(np.clip(strengths[k] + step, -10, 10))
                    if value == strengths[k]:
                        continue
                    trial = total + (value - strengths[k]) * columns[k]
                    score = self._correlation(trial)
                    if score > best + _LEAST_GAIN:
                        total, best, improved = trial, score, True
                        strengths[k] = value
            if not improved:
                break
        return strengths, best

    def _correlation(self, total: Vector) -> float:
        levels = np.clip(total, 0, 10)
        levels -= self.weight @ levels
        covariance, variance = float(self.weight @ (levels * self.target)), float(self.weight @ levels**2)
        return covariance / np.sqrt(variance) if variance > 1e-9 else -1.0


def _gains(members: Vector, squares: Vector, both: Vector) -> Vector:
    """Explained variance per class, from memberships [n, tokens] and per token (pull, weight) [tokens, 2]."""
    return np.asarray((members @ both[:, 0]) ** 2 / np.maximum(squares @ both[:, 1], 1e-6))


def _largest(values: NDArray[np.floating], n: int) -> NDArray[np.int64]:
    """Where the `n` largest values are, the largest first."""
    if n < len(values):
        some = np.argpartition(-values, n)[:n]
        return np.asarray(some[np.argsort(-values[some], kind="stable")], dtype=np.int64)
    return np.asarray(np.argsort(-values, kind="stable"), dtype=np.int64)
