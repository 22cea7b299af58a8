"""Texts from a readable rule: its words where their contexts hold, and words and places that nearly fit.

Drafts are made at random and read by the lexical reader; those are kept that say what they were made to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tools.making.carriers import ABOUT, BETWEEN, FAR, Draft, Piece, chosen, framed
from tools.making.examples import INSIDE, MARKS, PLACES, TEXTS, drafted, opened
from tools.making.read import Proofs
from tools.making.speech import speech_of
from tools.making.words import Words
from tools.readable.knowledge import Knowledge
from tools.readable.rule import Again, AnyWord, Context, Everything, Item, Kind, Named, Rule
from tools.roles import MadeText

_ROUNDS = 8
_AT_ONCE = 3
"""Drafts of a round, as a multiple of the texts that are wanted."""

_HELD = 0.5
_SILENT, _NEARLY_SILENT = 0.02, 0.1
"""Shares of the strongest level up to which a text counts as silent, first and where nothing else is found."""

_HEAD = 8.0
"""How much the most frequent words are preferred: the word at this place is drawn half as often as the first."""

_Draw = Callable[[np.random.Generator], tuple[Item, Draft] | None]


class _Core(NamedTuple):
    """What is meant, with what may stand before and after it."""

    before: Draft
    meant: str
    after: Draft
    is_glued: bool = False

    def whole(self) -> Draft:
        """All of it."""
        return (*self.before, Piece(self.meant, meant=True), *self.after)

    def opening(self) -> Draft:
        """Up to what is meant, which is not marked: it is only met first."""
        return (*self.before, Piece(self.meant))

    def ending(self) -> Draft:
        """What is meant, and what follows."""
        return (Piece(self.meant, meant=True), *self.after)

    def holds_on_to(self, other: _Core) -> bool:
        """Whether the other follows without a space."""
        follows = self.after[0].text[:1] if self.after else " "
        return other.is_glued or not follows.isspace()


class ReadableTexts:
    """Makes texts from rules.

    Args:
        knowledge: what is known of the language.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._concepts = knowledge.concepts
        self._words = Words(knowledge)

    def positives(self, rule: Rule, n: int, rng: np.random.Generator) -> list[MadeText]:
        """At most `n` texts in which an item holds, mostly a strong one; none where no draft comes out so."""

        def draw(rng: np.random.Generator) -> tuple[Item, Draft] | None:
            item = self._item(rule, rng)
            draft = self._draft(item.kind, item.context, rng)
            return None if draft is None else (item, draft)

        def good(proofs: Proofs, items: list[Item], _: float) -> list[bool]:
            held = {item: proofs.on_meant(item) for item in dict.fromkeys(items)}
            return [bool(held[item][at] >= _HELD) for at, item in enumerate(items)]

        return self._kept(n, rng, draw, good)

    def near_misses(self, rule: Rule, n: int, rng: np.random.Generator) -> list[MadeText]:
        """At most `n` texts with words or places that nearly fit, in which the rule is silent throughout."""
        top = max((strength for strength, _ in rule.items), default=1)

        def draw(rng: np.random.Generator) -> tuple[Item, Draft] | None:
            item = self._item(rule, rng)
            draft = self._missed(item, rng)
            return None if draft is None else (item, draft)

        def good(proofs: Proofs, _: list[Item], share: float) -> list[bool]:
            return [bool(level <= share * top) for level in proofs.highest(rule)]

        return self._kept(n, rng, draw, good)

    def _kept(
        self, n: int, rng: np.random.Generator, draw: _Draw, good: Callable[[Proofs, list[Item], float], list[bool]]
    ) -> list[MadeText]:
        found: dict[str, MadeText] = {}
        used: Counter[tuple[str, ...]] = Counter()
        most = 1
        for number in range(_ROUNDS):
            drawn = [one for one in (draw(rng) for _ in range(_AT_ONCE * n)) if one is not None]
            if not drawn:
                continue
            proofs = Proofs(self._knowledge, [draft for _, draft in drawn])
            share = _SILENT if number < _ROUNDS // 2 else _NEARLY_SILENT
            for is_good, (_, draft) in zip(good(proofs, [item for item, _ in drawn], share), drawn, strict=True):
                made = _made(draft)
                if is_good and made.text not in found and used[made.words] < most and len(found) < n:
                    found[made.text] = made
                    used[made.words] += 1
            if len(found) >= n:
                break
            most += 1  # where words are few they come again
        return list(found.values())

    @staticmethod
    def _item(rule: Rule, rng: np.random.Generator) -> Item:
        strengths = np.array([strength for strength, _ in rule.items], dtype=np.float64)
        return rule.items[int(rng.choice(len(strengths), p=strengths / strengths.sum()))][1]

    def _missed(self, item: Item, rng: np.random.Generator) -> Draft | None:
        """A text that only looks like one of an item: another word, or its word in another place."""
        options: list[Callable[[], Draft | None]] = []
        if not isinstance(item.kind, AnyWord | Everything):
            options.append(lambda: self._draft(item.kind, item.context, rng, is_stranger=True))
        if item.context is not None:
            options.append(lambda: self._draft(item.kind, None, rng))
        if isinstance(item.context, Context):
            options.append(lambda: self._draft(item.kind, item.context, rng, is_strange_place=True))
        if item.unless is not None:
            options.append(lambda: self._draft(item.kind, item.unless, rng))
        if item.longer:  # short ones do not count
            options.append(lambda: self._draft(item.kind, item.context, rng))
        return options[int(rng.integers(len(options)))]() if options else None

    def _draft(
        self,
        kind: Kind,
        context: Context | Again | None,
        rng: np.random.Generator,
        *,
        is_stranger: bool = False,
        is_strange_place: bool = False,
    ) -> Draft | None:
        """Something of a kind where a context holds; of another kind, or where it nearly holds."""
        core = self._core(kind, rng, is_stranger=is_stranger, among=_among(context))
        if core is None or context is None:
            return None if core is None else core.whole()
        if isinstance(context, Again):
            again = (*_gap(core), *core.whole())
            return (*core.whole(), *again, *(again if context.how == "for the second time" else ()))
        match context.relation:
            case "among":
                return core.whole()
            case "in":
                return self._inside(context.kind, core, rng) if not is_strange_place else core.whole()
            case "in text about":
                topics = self._drawn(context.kind, 2, rng, is_stranger=is_strange_place)
                return None if topics is None else (Piece(chosen(ABOUT, rng).format(*topics) + " "), *core.whole())
            case _:
                place = self._core(context.kind, rng, is_stranger=is_strange_place, among=None)
        if place is None:
            return None
        if context.relation == "right after":
            gap = () if place.holds_on_to(core) else (Piece(" "),)
            return (*place.opening(), *gap, *core.ending())
        speech = speech_of(core.meant, self._concepts, self._words.concept(kind))
        between = chosen(BETWEEN.get(speech, ("and",)) if context.relation == "within four words after" else FAR, rng)
        return (*place.opening(), Piece(f" {between} "), *core.ending())

    def _core(
        self, kind: Kind, rng: np.random.Generator, *, is_stranger: bool, among: Kind | None
    ) -> _Core | None:  # fmt: skip
        """Something of a kind, or of its neighbours; of another kind too where `among` says so."""
        if self._words.is_over_text(kind):
            return self._from_example(kind, rng, is_stranger)
        words = self._drawn(kind, 1, rng, is_stranger=is_stranger, among=among)
        return None if words is None else self._framed(words[0], kind, rng)

    def _framed(self, word: str, kind: Kind, rng: np.random.Generator) -> _Core:
        concept = self._words.concept(kind)
        if word in MARKS:
            return _core_of(opened(drafted(chosen(MARKS[word], rng)), rng))
        if concept is not None and concept.name in PLACES:
            return _core_of(drafted(chosen(PLACES[concept.name], rng), word))
        speech = speech_of(word, self._concepts, concept)
        return _core_of(framed(word, speech, rng))

    def _from_example(self, kind: Kind, rng: np.random.Generator, is_stranger: bool) -> _Core | None:
        if not isinstance(kind, Named):
            return None
        if kind.name not in TEXTS:
            plain = self._core(AnyWord(), rng, is_stranger=False, among=None)
            if is_stranger or plain is None:
                return plain
            return _core_of(self._inside(kind, plain, rng))
        options = TEXTS[kind.name]
        if is_stranger:
            others = [name for name in TEXTS if name != kind.name and self._sort(name) == self._sort(kind.name)]
            options = TEXTS[chosen(others, rng)] if others else ()
        return _core_of(opened(drafted(chosen(options, rng)), rng)) if options else None

    def _sort(self, name: str) -> str:
        """The sort of a class; what the reader finds by itself and has examples of are marks."""
        concept = self._words.concept(Named(name))
        return "punctuation" if concept is None else concept.kind

    def _inside(self, kind: Kind, core: _Core, rng: np.random.Generator) -> Draft:
        """Something inside quotes, brackets, a comment and so on; where it needs no place, as it is."""
        options = INSIDE.get(self._words.place(kind), ())
        return drafted(chosen(options, rng), core.meant) if options else core.whole()

    def _drawn(
        self, kind: Kind, n: int, rng: np.random.Generator, *, is_stranger: bool, among: Kind | None = None
    ) -> list[str] | None:
        """Different words of a kind, the most frequent mostly; None where there are too few."""
        words = self._words.strangers(kind) if is_stranger else self._words.of(kind)
        if among is not None:
            both = [word for word in words if self._words.holds(among, word)]
            words = tuple(both or [word for word in self._words.of(among) if self._words.holds(kind, word)] or words)
        if len(words) < n:
            return None
        weights = 1 / (1 + np.arange(len(words)) / _HEAD)
        return [words[at] for at in rng.choice(len(words), n, replace=False, p=weights / weights.sum())]


def _among(context: Context | Again | None) -> Kind | None:
    """The other kind that a word must be of."""
    return context.kind if isinstance(context, Context) and context.relation == "among" else None


def _core_of(draft: Draft) -> _Core:
    """A draft around the first piece that is meant; further ones stay in it."""
    at = next(n for n, piece in enumerate(draft) if piece.meant)
    before = draft[at - 1].text if at else ""
    is_glued = bool(before) and not before[-1].isspace()
    return _Core(draft[:at], draft[at].text, draft[at + 1 :], is_glued)


def _gap(core: _Core) -> Draft:
    return (Piece("" if core.whole()[-1].text.endswith("\n") else " "),)


def _made(draft: Draft) -> MadeText:
    text = "".join(piece.text for piece in draft)
    words = (piece.text.strip() or piece.text for piece in draft if piece.meant)
    return MadeText(text, tuple(dict.fromkeys(word for word in words if word)))
