"""Learn a rule that adds up directions of the subject model's own embedding and cuts once.

A neuron of a transformer weighs what its token and the tokens before say, adds that up and cuts at zero. So does this
rule: one clause for the token itself, one for the token before and one for the last 16, each a direction named by
tokens that it points to and tokens that it points away from. Which tokens name a direction best is what is searched
for here.

Tokens are added one at a time where the loss of the cut sum falls most, strengths fitted anew each time; later, the
tokens that are worth least for their words are taken out and better ones found: an exchange.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tools.rules.clauses import MAX_LISTED_TOKENS, MAX_WORDS, After, Clause, Nearer, Relation, Rule
from tools.rules.language import words_of
from tools.rules.simulate import AMID_WINDOW
from tools.rules.strengths import Strengths
from tools.rules.vocabulary import NEARER_GAIN, Vocabulary

PLACES: tuple[Relation | None, ...] = (None, "right after", "amid")
"""Where a direction may be looked for: at the token, at the one before, and over the last 16."""

_DISTANCES: dict[Relation | None, range] = {
    None: range(1),
    "right after": range(1, 2),
    "amid": range(1, AMID_WINDOW + 1),
}
_LEAST_COUNT = 3
"""Times that a token stands in the sample before it may name a direction."""

_TRIED_PLACES = 3
"""New clauses whose exact worth is looked at, at each step, beside the tokens that promise most."""

_SPREAD_SHARE = 0.4
"""No column is taken to vary less than this share of the median one, or rare accidents would promise most."""

_MEASURED = 32
"""Candidates whose column is built to find out how much more a window varies than independent tokens."""

_SILENT = 0.1
"""Level 0 is the value below which a tenth of the text lies."""

_FLOOR = 0.2
"""Chance of being looked at of a token at the mean, beside one as far from it as tokens are on average."""

PRICE_OF_A_NAME = 0.0005
"""Share of the variance that a word has to explain. Less than a clause of other rules has to: here many small shares
add up to one direction."""

_CACHED = 400
"""Columns that are kept, each float32 [n_rows]."""

_FREED = (6, 12, 3)
"""Words that an exchange frees at first, and after one that did not pay."""

Vector = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Group:
    """One clause: members are (candidate, 1 or -1).

    Attributes:
        place: where.
        members: what names the direction.
        direction: the sum of their directions, [d_model].
        column: the sum of their columns, [n_rows], times the root of the weight of the rows.
    """

    place: Relation | None
    members: tuple[tuple[int, int], ...]
    direction: Vector
    column: Vector

    @property
    def feature(self) -> Vector:
        return self.column / max(float(np.linalg.norm(self.direction)), 1e-6)

    @property
    def words(self) -> int:
        signs = {sign for _, sign in self.members}
        return _overhead(self.place) + len(self.members) + (len(signs) > 1)


@dataclass(frozen=True)
class _Sum:
    """Clauses with their strengths, what holds everywhere first, and the loss of the cut sum."""

    groups: tuple[_Group, ...]
    strengths: Floats
    loss: float

    @property
    def words(self) -> int:
        return _FIXED_WORDS + sum(group.words for group in self.groups)

    @property
    def cost(self) -> float:
        """The loss and the price of the words."""
        return self.loss + PRICE_OF_A_NAME * self.words

    @property
    def named(self) -> int:
        return sum(len(group.members) for group in self.groups)


@dataclass(frozen=True)
class _Change:
    """A token that may be named: in the clause at `group`, or in a new one where that is None."""

    promise: float
    group: int | None
    place: Relation | None
    candidate: int
    sign: int


@dataclass(frozen=True)
class Effort:
    """How hard directions are looked for.

    Attributes:
        n_rows: tokens of the sample that are looked at, about. A token is the likelier drawn, the further the neuron
            is from its mean there.
        n_candidates: tokens that may name a direction, the most frequent ones of the sample.
        n_tried: those whose exact worth is looked at, at each step.
    """

    n_rows: int
    n_candidates: int
    n_tried: int


class Directions:
    """Learns sums of directions for one neuron from one weighted sample of explore text.

    Args:
        tokens: int32 [n, pos], -1 past the end.
        values: raw activations, float32 [n, pos].
        weights: one weight per token, float [n, pos].
        vocabulary: the subject model's.
        rng: draws the tokens that are looked at.
        effort: how hard it looks.
        named: tokens that must be among the candidates.
    """

    def __init__(
        self,
        tokens: NDArray[np.int32],
        values: Vector,
        weights: NDArray[np.float64],
        vocabulary: Vocabulary,
        rng: np.random.Generator,
        effort: Effort,
        named: Sequence[str] = (),
    ) -> None:
        self._vocabulary, self._n_tried = vocabulary, effort.n_tried
        mask = tokens >= 0
        drawn, weight = _drawn(values, np.where(mask, weights, 0), rng, effort.n_rows)
        self._root = np.sqrt(weight / weight.sum()).astype(np.float32)
        seen, target = self._root**2, values[drawn].astype(np.float64)
        spread = np.sqrt(max(float(seen @ (target - seen @ target) ** 2), 1e-18))
        self._target: Vector = ((target - _quantile(target, seen, _SILENT)) / spread).astype(np.float32)
        met = {place: _before(tokens, drawn, _DISTANCES[place]) for place in PLACES}
        present = np.unique(np.concatenate([np.array([-1], np.int32), *(part.ravel() for part in met.values())]))
        # The first row is for places before the text, which are nowhere in the embedding.
        self._directions = vocabulary.directions[np.maximum(present, 0)] * (present >= 0)[:, None]
        self._before = {place: np.searchsorted(present, part) for place, part in met.items()}
        self._candidates = self._common(tokens[mask], effort.n_candidates, named)
        self._anchors = vocabulary.directions[self._candidates]
        self._columns: dict[tuple[Relation | None, int], Vector] = {}
        self._spread = {place: self._spread_of(place) for place in PLACES}

    def learn(self, start: Rule | None = None, exchanges: int = 0) -> Rule:
        """The best sum of directions that was found; empty when no direction says anything.

        Args:
            start: a rule whose clauses on directions are gone on from, the first of each place, their strengths fitted
                anew. The tokens that it names must be candidates: see `named`.
            exchanges: how often tokens are taken out and better ones looked for, at most.
        """
        state = self._grown(self._fitted(self._groups_of(start), None))
        failed = 0
        for _ in range(exchanges):
            other = self._grown(self._thinned(state, _FREED[failed % len(_FREED)]))
            if other.cost < state.cost:
                state = other
            elif (failed := failed + 1) == len(_FREED):
                break
        return self._rule(state)

    def _common(self, tokens: NDArray[np.int32], most: int, named: Sequence[str]) -> Ints:
        counts = np.bincount(tokens, minlength=len(self._vocabulary))
        common = np.argsort(-counts, kind="stable")[:most]
        asked = np.array([self._vocabulary.id_of(token) for token in named], dtype=np.int64)
        return np.unique(np.concatenate([common[counts[common] >= _LEAST_COUNT], asked]))

    def _spread_of(self, place: Relation | None) -> Vector:
        """About how much the column of each candidate varies, without building all of them, [n_candidates]."""
        if not len(self._candidates):
            return np.empty(0, np.float32)
        units = self._before[place]
        n = units.shape[1]
        by_unit = np.bincount(units.ravel(), np.repeat(self._root**2 / n, n), len(self._directions))
        mean = by_unit @ self._directions
        moments = (self._directions * by_unit[:, None].astype(np.float32)).T @ self._directions
        moments = moments.astype(np.float64) - np.outer(mean, mean)
        variance = np.maximum(np.einsum("ij,ij->i", self._anchors @ moments.astype(np.float32), self._anchors), 1e-9)
        # Tokens that stand together are alike: a window varies more than independent tokens would.
        some = np.unique(np.linspace(0, len(self._candidates) - 1, _MEASURED).astype(np.int64))
        exact = [max(self._variance(self._column(place, int(i))), 0.0) for i in some]
        spread: Floats = np.sqrt(variance * float(np.median(np.array(exact) / variance[some])))
        # Above 0 also where nothing varies, as before texts of one token each.
        return np.maximum(spread, max(_SPREAD_SHARE * float(np.median(spread)), 1e-6)).astype(np.float32)

    def _variance(self, column: Vector) -> float:
        return float(column @ column) - float(column @ self._root) ** 2

    def _column(self, place: Relation | None, candidate: int) -> Vector:
        """The cosines with a candidate at a place, times the root of the weight; those of a window added up and divided
        by the root of its length."""
        key = (place, int(candidate))
        if key not in self._columns:
            if len(self._columns) >= _CACHED:
                self._columns.clear()
            units = self._before[place]
            cosines = self._directions @ self._anchors[candidate]
            self._columns[key] = self._root * (cosines[units].sum(axis=1) / np.float32(np.sqrt(units.shape[1])))
        return self._columns[key]

    def _pull(self, place: Relation | None, values: Vector) -> Vector:
        """How far the column of each candidate goes along with `values`, [n_candidates]."""
        units = self._before[place]
        n = units.shape[1]
        by_unit = np.bincount(units.ravel(), np.repeat(self._root * values, n), len(self._directions))
        direction = (by_unit / np.sqrt(n)).astype(np.float32) @ self._directions
        return np.asarray(self._anchors @ direction)

    def _group(self, place: Relation | None, members: Sequence[tuple[int, int]]) -> _Group:
        signs = np.array([sign for _, sign in members], dtype=np.float32)
        direction = signs @ self._anchors[[candidate for candidate, _ in members]]
        column = np.zeros_like(self._root)
        for candidate, sign in members:
            column = column + np.float32(sign) * self._column(place, candidate)
        return _Group(place, tuple(members), direction, column)

    def _changed(self, group: _Group, candidate: int, sign: int) -> _Group:
        return replace(
            group,
            members=(*group.members, (candidate, sign)),
            direction=group.direction + np.float32(sign) * self._anchors[candidate],
            column=group.column + np.float32(sign) * self._column(group.place, candidate),
        )

    def _fitted(self, groups: Sequence[_Group], strengths: Floats | None, steps: int = 3) -> _Sum:
        """Gauss-Newton steps on the squared loss of the cut sum, from given strengths or from the mean alone."""
        columns = np.stack([self._root, *(group.feature for group in groups)])
        wanted = self._root * self._target
        if strengths is None:
            strengths = np.zeros(len(columns))
            strengths[0] = max(float(wanted @ self._root), 1e-3)

        def loss_of(some: Floats) -> float:
            return float(((wanted - np.maximum(some.astype(np.float32) @ columns, 0)) ** 2).sum())

        loss = loss_of(strengths)
        for _ in range(steps):
            above = (strengths.astype(np.float32) @ columns) > 0
            held = columns[:, above]
            products = (held @ held.T).astype(np.float64) + 1e-6 * np.eye(len(columns))
            step = np.linalg.solve(products, (held @ wanted[above]).astype(np.float64)) - strengths
            tried = ((share, loss_of(strengths + share * step)) for share in (1.0, 0.5, 0.25, 0.125))
            better = next(((share, less) for share, less in tried if less < loss - 1e-7), None)
            if better is None:
                break
            strengths, loss = strengths + better[0] * step, better[1]
        return _Sum(tuple(groups), strengths, loss)

    def _grown(self, state: _Sum) -> _Sum:
        """Name tokens until nothing helps, or the sentence is full."""
        while state.named < MAX_LISTED_TOKENS:
            found = [self._applied(state, change) for change in self._promising(state)]
            best = min((o for o in found if o.words <= MAX_WORDS), key=lambda o: o.cost, default=state)
            if best.cost >= state.cost:
                break
            state = self._fitted(best.groups, best.strengths, steps=2)
        return state

    def _promising(self, state: _Sum) -> list[_Change]:
        """What may lower the loss most, going by its slope; those that open a clause apart, as they are dear."""
        columns = np.stack([self._root, *(group.feature for group in state.groups)])
        predicted = state.strengths.astype(np.float32) @ columns
        residual = np.where(predicted > 0, self._root * self._target - predicted, 0).astype(np.float32)
        changes = list(self._changes(state, residual))
        changes.sort(key=lambda change: -change.promise)
        fresh = [change for change in changes if change.group is None]
        return list(dict.fromkeys([*changes[: self._n_tried], *fresh[:_TRIED_PLACES]]))

    def _changes(self, state: _Sum, residual: Vector) -> Iterator[_Change]:
        places = {group.place: k for k, group in enumerate(state.groups)}
        for place in PLACES:
            slope = self._pull(place, residual) / self._spread[place]
            k = places.get(place)
            known = {candidate for candidate, _ in state.groups[k].members} if k is not None else set()
            for candidate in np.argsort(-np.abs(slope), kind="stable")[: self._n_tried + len(known)]:
                if candidate in known:
                    continue
                sign = 1 if k is None or (slope[candidate] > 0) == (state.strengths[k + 1] > 0) else -1
                yield _Change(float(slope[candidate] ** 2), k, place, int(candidate), sign)

    def _applied(self, state: _Sum, change: _Change) -> _Sum:
        groups = list(state.groups)
        if change.group is None:
            groups.append(self._group(change.place, [(change.candidate, change.sign)]))
            return self._fitted(groups, np.append(state.strengths, 0.0), steps=2)
        groups[change.group] = self._changed(groups[change.group], change.candidate, change.sign)
        return self._fitted(groups, state.strengths, steps=2)

    def _thinned(self, state: _Sum, n_words_freed: int) -> _Sum:
        """Take out tokens and clauses, those first that explain least for their words, until so many are free."""
        target_words = state.words - n_words_freed
        while state.words > target_words and state.groups:
            without = list(self._without_one(state))
            state = min(without, key=lambda other: (other.loss - state.loss) / (state.words - other.words))
            state = self._fitted(state.groups, state.strengths, steps=2)
        return state

    def _without_one(self, state: _Sum) -> Iterator[_Sum]:
        for k, group in enumerate(state.groups):
            rest = [other for j, other in enumerate(state.groups) if j != k]
            yield self._fitted(rest, np.delete(state.strengths, k + 1))
            for m, (candidate, sign) in enumerate(group.members) if len(group.members) > 1 else ():
                left = replace(
                    group,
                    members=group.members[:m] + group.members[m + 1 :],
                    direction=group.direction - np.float32(sign) * self._anchors[candidate],
                    column=group.column - np.float32(sign) * self._column(group.place, candidate),
                )
                yield self._fitted([*state.groups[:k], left, *state.groups[k + 1 :]], state.strengths, steps=1)

    def _groups_of(self, rule: Rule | None) -> list[_Group]:
        place_of = {int(token): i for i, token in enumerate(self._candidates)}
        groups: dict[Relation | None, _Group] = {}
        for clause in rule.clauses if rule else ():
            found = direction_of(clause)
            if found is not None:
                # A token named on both sides cancels out, or what is left without the others were no direction.
                names = Counter(found[1].anchors)
                names.subtract(found[1].others)
                signs = [(token, 1 if n > 0 else -1) for token, n in names.items() for _ in range(abs(n))]
                members = [(place_of[self._vocabulary.id_of(token)], sign) for token, sign in signs]
                groups.setdefault(found[0], self._group(found[0], members))
        return list(groups.values())

    def _rule(self, state: _Sum) -> Rule:
        """The sentence's own rule, with whole-number strengths."""
        if not state.groups:
            return Rule(())
        # A window is written as 4/16 of the sum of its values, and stands here as 1/4 of it.
        columns = np.stack([NEARER_GAIN * group.feature for group in state.groups] + [self._root]) / self._root
        weight = self._root**2
        mean = float(weight @ self._target)
        sums = Strengths(columns, weight, self._target - np.float32(mean))
        raw = np.append(state.strengths[1:] / NEARER_GAIN, state.strengths[0])
        sizes = [np.abs(raw).max(), np.abs(raw[:-1]).max(), 2 * np.abs(raw[:-1]).max(), np.median(np.abs(raw))]
        whole, best = sums.best([raw * (10 / max(float(size), 1e-9)) for size in sizes])
        found = [_clause(int(s), g, self._names) for s, g in zip(whole[:-1], state.groups, strict=True) if s]
        if not found or best <= 0:
            return Rule(())
        everywhere = [Clause(int(whole[-1]))] if whole[-1] else []
        return Rule(tuple(sorted(found, key=lambda clause: -clause.strength) + everywhere))

    def _names(self, candidates: list[int]) -> tuple[str, ...]:
        return tuple(self._vocabulary.strings[self._candidates[candidate]] for candidate in candidates)


def direction_of(clause: Clause) -> tuple[Relation | None, Nearer] | None:
    """The place and the direction that a clause is about, if it is about a direction at one of `PLACES` and nothing
    else."""
    match clause:
        case Clause(token=Nearer() as nearer, context=None):
            return None, nearer
        case Clause(token=None, context=After(relation, Nearer() as nearer), unless=False, also=None) if (
            relation in PLACES
        ):
            return relation, nearer
    return None


def _clause(strength: int, group: _Group, names: Callable[[list[int]], tuple[str, ...]]) -> Clause:
    anchors = names([candidate for candidate, sign in group.members if sign > 0])
    others = names([candidate for candidate, sign in group.members if sign < 0])
    if not anchors or (strength < 0 and others):
        strength, anchors, others = -strength, others, anchors
    nearer = Nearer(anchors, others)
    if group.place is None:
        return Clause(strength, nearer)
    return Clause(strength, None, After(group.place, nearer))


def _drawn(
    values: Vector, weights: Floats, rng: np.random.Generator, n_rows: int
) -> tuple[tuple[NDArray[np.intp], ...], Floats]:
    """Places drawn for about `n_rows` tokens, and weights under which they stand for all."""
    # Nothing is drawn where there is no text, or where the neuron does the same everywhere.
    share = weights / max(float(weights.sum()), 1e-30)
    off = np.abs(values - (share * values).sum())
    pull = np.sqrt(weights) * (off + _FLOOR * (share * off).sum())
    chance = np.minimum(1, n_rows * pull / max(float(pull.sum()), 1e-30))
    drawn = np.nonzero(rng.random(values.shape) < chance)
    return drawn, weights[drawn] / chance[drawn]


def _before(tokens: NDArray[np.int32], drawn: tuple[NDArray[np.intp], ...], distances: range) -> NDArray[np.int32]:
    """For each drawn token the tokens so many places before it, [n, n_distances]; -1 before the text."""
    rows, columns = drawn
    at = [np.where(columns >= back, tokens[rows, np.maximum(columns - back, 0)], -1) for back in distances]
    return np.stack(at, axis=1)


def _quantile(values: Floats, weights: Vector, share: float) -> float:
    if not len(values):
        return 0.0
    order = np.argsort(values, kind="stable")
    return float(values[order[min(int(np.searchsorted(np.cumsum(weights[order]), share)), len(order) - 1)]])


@lru_cache(maxsize=len(PLACES))
def _overhead(place: Relation | None) -> int:
    """Words of a clause on a direction, without the tokens that name it and the word between the two sides."""
    nearer = Nearer(("a",))
    return words_of(Clause(1, nearer) if place is None else Clause(1, None, After(place, nearer))) - 1


_FIXED_WORDS = 1 + words_of(Clause(1))
