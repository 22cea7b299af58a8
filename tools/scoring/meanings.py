"""Is a sentence about one thing, or about several that have nothing to do with each other?

A sentence is taken apart into atoms: each listed token, each other positive clause. Atoms are related when they hold at
the same places, or are about tokens of which one is among the other's nearest in the subject model's embedding, or
about spellings of one word. What is related, directly or through others, is one meaning; so a token set stays whole
as long as each member has a neighbour in it. Clauses that only weaken go with every meaning that they weaken.

A sentence about tokens nearer some than others adds up what speaks for and against firing before it is cut: none of its
clauses fires alone, so it is one meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from tools.records.excerpts import Readings
from tools.rules.clauses import After, Clause, Inside, Nearer, Rule, TokenClass
from tools.rules.simulate import Batch
from tools.rules.vocabulary import BRACKETS, Vocabulary
from tools.scoring.calibration import probabilities

NEAREST = 0.01
"""Tokens are neighbours when one is among this share of the common tokens that are closest to the other."""

TOGETHER = 0.5
"""Atoms that hold at this share of the firing places of the rarer one belong together."""

LINKED = 0.1
"""Classes of tokens are related when this share of the pairs, weighted by firing, are neighbours or spelled alike."""

COHERENT = 0.33
"""A class with fewer neighbours among its own tokens, as a share of pairs, is too wide to be told from anything."""

MIN_SHARE = 0.2
"""A meaning is counted when it has this share of the firing."""

_SUBJECTS = 32
_LEAST_SHARE = 0.005
_LEAST_COUNT = 5
_SHORTEST_STEM = 3


@dataclass(frozen=True)
class Meaning:
    """One of the things that a sentence is about, as a rule of its own.

    Attributes:
        rule: its clauses, and those that weaken them.
        share: of all firing tokens, those that the whole sentence says fire and this meaning most of all says so.
        tokens: what it mostly fires on, the most frequent first.
    """

    rule: Rule
    share: float
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class _Atom:
    """A piece of a sentence, where it holds among the firing tokens, and what it is about (token ids and weights)."""

    parent: int
    member: str | None
    clause: Clause
    level: NDArray[np.float32]
    share: float
    subjects: dict[int, float]
    fires_on: dict[int, float]


def meanings(rule: Rule, table: list[float], readings: Readings, theta: float, vocabulary: Vocabulary) -> list[Meaning]:
    """The meanings of a rule, the one with the largest share of the firing first; one of them where it is about one
    thing, none where it says nowhere that the neuron fires.

    Args:
        rule: what the sentence means.
        table: its probability of firing at levels 0 to 10.
        readings: text on which shares are measured.
        theta: raw value above which the neuron fires.
        vocabulary: the subject model's.
    """
    tokens, values = readings.excerpts.tokens, readings.values
    rows = np.flatnonzero(np.any((values > theta) & readings.excerpts.mask, axis=1))
    batch = Batch(tokens[rows], vocabulary)
    fires = (values[rows] > theta) & batch.mask
    if not fires.any():
        return []
    counts = np.bincount(tokens[readings.excerpts.mask], minlength=len(vocabulary))
    said = probabilities(table, batch.levels(rule)[fires]) >= 0.5
    if any(isinstance(tokens, Nearer) for clause in rule.clauses for tokens in clause.classes()):
        fired_on = _heaviest(np.bincount(batch.tokens[fires][said], minlength=len(counts)))
        named = tuple(vocabulary.strings[token] for token in fired_on)
        return [Meaning(rule, round(float(said.mean()), 6), named)] if said.any() else []
    atoms = _atoms(rule, batch, fires, said, counts)
    groups = _groups(atoms, np.flatnonzero(counts >= _LEAST_COUNT), vocabulary)
    found = []
    for group in groups:
        parts = [atoms[i] for i in group]
        fires_on: dict[int, float] = {}
        for part in parts:
            for token, weight in part.fires_on.items():
                fires_on[token] = fires_on.get(token, 0.0) + weight
        shown = sorted(fires_on, key=lambda token: -fires_on[token])[:_SUBJECTS]
        found.append(
            Meaning(
                _rule_of(rule, parts, batch),
                round(sum(part.share for part in parts), 6),
                tuple(vocabulary.strings[token] for token in shown),
            )
        )
    return sorted(found, key=lambda meaning: -meaning.share)


def _members(tokens: TokenClass | None) -> tuple[str, ...]:
    """What a class lists by name, one by one; empty where it is a class of another kind."""
    listed = [getattr(tokens, f.name) for f in fields(tokens)] if tokens is not None else []
    return listed[0] if len(listed) == 1 and isinstance(listed[0], tuple) else ()


def _of_members(tokens: TokenClass, members: tuple[str, ...]) -> TokenClass:
    """The same kind of class with these members."""
    return type(tokens)(members)  # type: ignore[call-arg, arg-type]


def _pieces(rule: Rule) -> list[tuple[int, str | None, Clause]]:
    """Every positive clause by number, one that lists tokens taken apart by token; `everywhere` is about nothing."""
    out: list[tuple[int, str | None, Clause]] = []
    for i, clause in enumerate(rule.clauses):
        if clause.strength < 0 or (clause.token is None and clause.context is None):
            continue
        listed = _listed_by(clause)
        members = _members(listed)
        if listed is None or not members:
            out.append((i, None, clause))
        else:
            out += [(i, member, _listing(clause, _of_members(listed, (member,)))) for member in members]
    return out


def _listed_by(clause: Clause) -> TokenClass | None:
    """The class of tokens that a clause is about: its own, or where it has none that which it comes after."""
    if clause.token is not None:
        return clause.token
    return clause.context.tokens if isinstance(clause.context, After) and not clause.unless else None


def _listing(clause: Clause, tokens: TokenClass) -> Clause:
    """The clause with another class in that place."""
    if clause.token is not None:
        return replace(clause, token=tokens)
    assert isinstance(clause.context, After)
    return replace(clause, context=replace(clause.context, tokens=tokens))


def _atoms(
    rule: Rule, batch: Batch, fires: NDArray[np.bool_], said: NDArray[np.bool_], counts: NDArray[np.int64]
) -> list[_Atom]:
    pieces = _pieces(rule)
    if not pieces:
        return []
    levels = np.stack([clause.strength * batch.clause(clause)[fires] for _, _, clause in pieces])
    most = np.where(said & (levels.max(0) > 0), levels.argmax(0), -1)
    at = batch.tokens[fires]
    out = []
    for i, (parent, member, clause) in enumerate(pieces):
        own = np.bincount(at[most == i], minlength=len(counts))
        fires_on = _heaviest(own)
        about = fires_on if clause.token is not None else _about(clause, batch, len(counts))
        out.append(_Atom(parent, member, clause, levels[i], float((most == i).mean()), about, fires_on))
    return out


def _about(clause: Clause, batch: Batch, d_vocab: int) -> dict[int, float]:
    """What a clause without a token of its own is about: the tokens that it comes after, or is enclosed by."""
    tokens = _listed_by(clause)
    if tokens is not None:
        held = batch.clause(Clause(1, tokens))
    elif isinstance(clause.context, Inside) and clause.context.what in BRACKETS:
        marks = [any(c in s for c in BRACKETS[clause.context.what]) for s in batch.vocabulary.strings]
        held = (np.array(marks)[batch.tokens] & batch.mask).astype(np.float32)
    else:
        return {}
    return _heaviest(np.bincount(batch.tokens[batch.mask], weights=held[batch.mask], minlength=d_vocab))


def _heaviest(weights: NDArray[np.floating] | NDArray[np.int64]) -> dict[int, float]:
    order = np.argsort(-weights, kind="stable")[:_SUBJECTS]
    order = order[weights[order] > 0]
    total = float(weights[order].sum())
    return {int(token): float(weights[token]) / total for token in order}


def _groups(atoms: list[_Atom], common: NDArray[np.int64], vocabulary: Vocabulary) -> list[list[int]]:
    """Atoms by number, those that are related to each other together; what hardly ever tells goes with the nearest."""
    telling = [i for i, atom in enumerate(atoms) if atom.share >= _LEAST_SHARE]
    near = _Nearness(sorted({t for i in telling for t in atoms[i].subjects}), common, vocabulary)
    wide = {i for i in telling if near.coherence(atoms[i].subjects) < COHERENT}
    if sum(atoms[i].share for i in wide) >= MIN_SHARE:
        return [list(range(len(atoms)))]
    telling = [i for i in telling if i not in wide]
    group = {i: i for i in telling}
    for a in telling:
        for b in telling:
            if a < b and group[a] != group[b] and _related(atoms[a], atoms[b], near):
                merged, gone = group[a], group[b]
                group = {i: merged if g == gone else g for i, g in group.items()}
    if not group:
        return []
    for i, atom in enumerate(atoms):
        if i not in group:
            group[i] = group[max(telling, key=lambda j: (_alike(atom, atoms[j], vocabulary), atoms[j].share))]
    return [sorted(i for i, g in group.items() if g == name) for name in dict.fromkeys(group.values())]


def _alike(one: _Atom, other: _Atom, vocabulary: Vocabulary) -> float:
    """Cosine in the embedding of what two atoms are about."""

    def direction(atom: _Atom) -> NDArray[np.float32]:
        named = vocabulary.ids.get(atom.member) if atom.member else None
        about = atom.subjects or ({} if named is None else {named: 1.0})
        mean = np.array(list(about.values()), np.float32) @ vocabulary.directions[list(about)]
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6))

    return float(direction(one) @ direction(other))


class _Nearness:
    """Which tokens are neighbours in the embedding or spelled alike.

    Args:
        tokens: the ids in question.
        common: ids of the tokens among which a neighbour must be near.
        vocabulary: the subject model's.
    """

    def __init__(self, tokens: list[int], common: NDArray[np.int64], vocabulary: Vocabulary) -> None:
        self.at = {token: i for i, token in enumerate(tokens)}
        self.strings = [vocabulary.strings[token].strip().casefold() for token in tokens]
        directions = vocabulary.directions[tokens]
        to_common = directions @ vocabulary.directions[common].T
        within = directions @ directions.T
        if len(common) and tokens:
            order = np.sort(to_common, axis=1)
            closer = np.stack(
                [
                    len(common) - np.searchsorted(row, pair, side="right")
                    for row, pair in zip(order, within, strict=True)
                ]
            )
            # The token itself is always closer than any other.
            nearer = (closer - 1).clip(0) / len(common)
        else:
            nearer = np.ones_like(within)
        self.linked = np.minimum(nearer, nearer.T) <= NEAREST
        for a in range(len(tokens)):
            for b in range(a + 1):
                self.linked[a, b] = self.linked[b, a] = self.linked[a, b] or a == b or self._spelled_alike(a, b)

    def share(self, one: dict[int, float], other: dict[int, float]) -> float:
        """The share of pairs of one token each, by weight, that are neighbours or spelled alike."""
        rows, columns = [self.at[token] for token in one], [self.at[token] for token in other]
        return float(np.array(list(one.values())) @ self.linked[np.ix_(rows, columns)] @ np.array(list(other.values())))

    def coherence(self, tokens: dict[int, float]) -> float:
        """The same for pairs of two different tokens of one class; 1 where there are not two."""
        itself = sum(weight**2 for weight in tokens.values())
        return 1.0 if len(tokens) < 2 else (self.share(tokens, tokens) - itself) / max(1 - itself, 1e-9)

    def _spelled_alike(self, a: int, b: int) -> bool:
        one, other = sorted((self.strings[a], self.strings[b]), key=len)
        if one == other:
            return True
        if not any(c.isalnum() for c in one + other):
            return bool(set(one) & set(other)) or not (one or other)
        return len(one) >= _SHORTEST_STEM and one in other


def _related(one: _Atom, other: _Atom, near: _Nearness) -> bool:
    holds, also = one.level > 0, other.level > 0
    if (holds & also).sum() >= TOGETHER * max(min(holds.sum(), also.sum()), 1):
        return True
    if not one.subjects or not other.subjects:
        return type(one.clause.context) is type(other.clause.context)
    for about, fires_on in ((one.subjects, other.fires_on), (other.subjects, one.fires_on)):
        if sum(weight for token, weight in fires_on.items() if token in about) >= TOGETHER:
            return True
    return near.share(one.subjects, other.subjects) >= LINKED


def _rule_of(rule: Rule, parts: list[_Atom], batch: Batch) -> Rule:
    """The parts as clauses again, with the clauses that hold somewhere where the parts do and only weaken them."""
    holds = np.max([batch.clause(part.clause) for part in parts], axis=0) > 0
    clauses: list[Clause] = []
    for i, clause in enumerate(rule.clauses):
        own = [part for part in parts if part.parent == i]
        everywhere = clause.token is None and clause.context is None
        if own:
            clauses.append(_joined(clause, own))
        elif everywhere or (clause.strength < 0 and bool(np.any(holds & (batch.clause(clause) > 0)))):
            clauses.append(clause)
    return Rule(tuple(clauses))


def _joined(clause: Clause, own: list[_Atom]) -> Clause:
    """One clause that lists what the pieces of `clause` list."""
    tokens, members = _listed_by(clause), tuple(part.member for part in own if part.member is not None)
    return _listing(clause, _of_members(tokens, members)) if tokens is not None and members else clause
