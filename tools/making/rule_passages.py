"""Passages from a readable rule: its words where their contexts hold, and words and places that nearly fit.

Sentences come from the bank. What it has none of, and code and formats, stand in carrier sentences and examples.
Passages are made at random and read by the lexical reader; those are kept that say what they were made to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from tools.making.bank import HELD, Bank
from tools.making.carriers import ABOUT, BETWEEN, FAR, Draft, Piece, chosen, framed
from tools.making.parts_of_speech import speech_of
from tools.making.passages import LENGTH, Supply, is_code, joined, made, text_of
from tools.making.proofreading import Proofs
from tools.making.templates import CODE_LINES, INSIDE, MARKS, PLACES, TEXTS, drafted
from tools.making.words import Words
from tools.readable.knowledge import Knowledge
from tools.readable.rule import Again, AnyWord, Context, Everything, Item, Kind, Named, Quoted, Rule
from tools.readable.structural_classes import FIRST_TOKENS
from tools.roles import MadeText

_ROUNDS = 8
_AT_ONCE = 3
"""Passages of a round, as a multiple of those that are wanted."""

_TRIES = 4
"""Tries for a carrier sentence that is another one than those before, and for a passage in which a word comes again."""

_SILENT, _NEARLY_SILENT = 0.02, 0.1
"""Shares of the strongest level up to which a text counts as silent, first and where nothing else is found."""

_HEAD = 8.0
"""How much the most frequent words are preferred: the word at this place is drawn half as often as the first."""

_COMMON = 12
"""Sentences of the bank from which on what only running text tells is sought there."""

_Passage = tuple[list[Item], Draft]
_Draw = Callable[[np.random.Generator, float], _Passage | None]


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


class RulePassages:
    """Makes texts from rules.

    Args:
        knowledge: what is known of the language.
        bank: real sentences.
    """

    def __init__(self, knowledge: Knowledge, bank: Bank) -> None:
        self._knowledge = knowledge
        self._concepts = knowledge.concepts
        self._bank = bank
        self._words = Words(knowledge)

    def positives(self, rule: Rule, n: int, rng: np.random.Generator) -> list[MadeText]:
        """At most `n` passages in which its strongest items hold; none where no draft comes out so."""
        supply = Supply()

        def draw(rng: np.random.Generator, _: float) -> _Passage | None:
            return self._passage(_strongest(rule), supply, rng)

        def good(proofs: Proofs, drawn: list[_Passage], _: float) -> list[bool]:
            held = {item: proofs.on_meant(item) for items, _ in drawn for item in items}
            return [all(held[item][at] >= HELD for item in items) for at, (items, _) in enumerate(drawn)]

        return self._kept(n, rng, draw, good)

    def near_misses(self, rule: Rule, n: int, rng: np.random.Generator) -> list[MadeText]:
        """At most `n` passages with words or places that nearly fit, in which the rule is silent throughout."""
        top = max((strength for strength, _ in rule.items), default=1)
        supply = Supply()

        def draw(rng: np.random.Generator, share: float) -> _Passage | None:
            return self._missing(rule, share * top, supply, rng)

        def good(proofs: Proofs, _: list[_Passage], share: float) -> list[bool]:
            return [bool(level <= share * top) for level in proofs.highest(rule)]

        return self._kept(n, rng, draw, good)

    def _kept(
        self, n: int, rng: np.random.Generator, draw: _Draw, good: Callable[[Proofs, list[_Passage], float], list[bool]]
    ) -> list[MadeText]:
        found: dict[str, MadeText] = {}
        used: Counter[tuple[str, ...]] = Counter()
        most = 1
        for number in range(_ROUNDS):
            share = _SILENT if number < _ROUNDS // 2 else _NEARLY_SILENT
            drawn = [one for one in (draw(rng, share) for _ in range(_AT_ONCE * n)) if one is not None]
            if not drawn:
                continue
            proofs = Proofs(self._knowledge, [draft for _, draft in drawn])
            for is_good, (_, draft) in zip(good(proofs, drawn, share), drawn, strict=True):
                one = made(draft)
                if is_good and one.text not in found and used[one.words] < most and len(found) < n:
                    found[one.text] = one
                    used[one.words] += 1
            if len(found) >= n:
                break
            most += 1  # where words are few they come again
        return list(found.values())

    def _passage(self, items: Sequence[Item], supply: Supply, rng: np.random.Generator) -> _Passage | None:
        """Sentences each of which holds one of some items; or a passage in which one does that needs more than one."""
        first = _any_of(items, rng)
        if _spans_sentences(first):
            tried = (self._spanning(first, supply, rng) for _ in range(_TRIES))
            if whole := next((one for one in tried if one is not None), None):
                return [first], whole
        here = [first, *(_any_of([one for one in items if not _spans_sentences(one)] or [first], rng)
                         for _ in range(LENGTH - 1))]  # fmt: skip
        drafts: list[Draft] = []
        for item in here:
            finds = self._bank.found(item) if self._is_natural(item) and not _spans_sentences(item) else ()
            draft = supply.draw(finds, drafts, rng)
            if draft is None:
                draft = self._another(partial(self._draft, item.kind, item.context, rng), drafts)
            if draft is not None:
                drafts.append(draft)
        return (here, self._filled(drafts, rng)) if drafts else None

    def _missing(self, rule: Rule, level: float, supply: Supply, rng: np.random.Generator) -> _Passage | None:
        """Sentences that nearly fit items, in each of which the rule says no more than a level."""
        drafts: list[Draft] = []
        items = [_any_of(_strongest(rule), rng) for _ in range(LENGTH)]
        for item in items:
            options = self._near(item) if self._is_natural(item) else []
            drawn = (
                supply.draw(self._bank.silent(options[at], rule, level), drafts, rng)
                for at in rng.permutation(len(options))
            )
            draft = next((one for one in drawn if one is not None), None)
            if draft is None:
                draft = self._another(partial(self._missed, item, rng), drafts)
            if draft is not None:
                drafts.append(draft)
        return (items, self._filled(drafts, rng)) if drafts else None

    def _spanning(self, item: Item, supply: Supply, rng: np.random.Generator) -> Draft | None:
        """A passage in which an item holds for what stands in other sentences of it; marked where it does."""
        bare = self._bank.found(Item(item.kind)) if self._is_natural(item) else ()
        if not bare:
            return None
        begun = supply.draw(bare, (), rng)
        assert begun is not None
        drafts = [begun]
        if isinstance(item.context, Again):
            same = self._bank.with_word(chosen([piece.text for piece in begun if piece.meant], rng))
            drafts += [one for _ in range(LENGTH - 1) if (one := supply.draw(same, drafts, rng)) is not None]
        elif isinstance(item.context, Context) and item.context.relation in ("in text about", "on the same line after"):
            about = self._bank.found(Item(item.context.kind))
            drafts = [one for _ in range(LENGTH - 1) if (one := supply.draw(about, drafts, rng)) is not None] + drafts
        found = self._bank.marked([text_of(self._filled(drafts, rng))], item)
        return found[0].draft if found else None

    def _filled(self, drafts: list[Draft], rng: np.random.Generator) -> Draft:
        """Drafts as a passage; where they are too few, after sentences or lines that have nothing to do with them."""
        n = LENGTH - len(drafts)
        if any(map(is_code, drafts)):
            lines = [CODE_LINES[at] for at in rng.choice(len(CODE_LINES), n, replace=False)]
            return joined([*((Piece(line),) for line in lines), *drafts])
        return joined([*self._bank.some(n, rng), *drafts])

    @staticmethod
    def _another(draw: Callable[[], Draft | None], but: list[Draft]) -> Draft | None:
        """A draft that is none of others, if a few tries give one."""
        for _ in range(_TRIES):
            draft = draw()
            if draft is not None and draft not in but:
                return draft
        return None

    def _is_natural(self, item: Item) -> bool:
        """Whether prose is what an item is sought in: not code, nor what only running text tells and prose has not."""
        kinds = [item.kind, *([item.context.kind] if isinstance(item.context, Context) else [])]
        concepts = [concept for kind in kinds if (concept := self._words.concept(kind)) is not None]
        if any(concept.kind == "code" for concept in concepts):
            return False
        if not any(map(self._words.is_over_text, kinds)):
            return True
        return len(self._bank.found(Item(item.kind, context=item.context))) >= _COMMON

    def _near(self, item: Item) -> list[Item]:
        """Items that only look like one: about other words, or its words in other places."""
        out = [replace(item, kind=kind, end=False, start=False, longer=False) for kind in self._strange(item.kind)]
        if item.context is not None:
            out.append(Item(item.kind))
        if isinstance(item.context, Context):
            out += [
                replace(item, context=replace(item.context, kind=kind)) for kind in self._strange(item.context.kind)
            ]
        if item.unless is not None:
            out.append(replace(item, context=item.unless, unless=None))
        if item.longer:  # short ones do not count
            out.append(replace(item, longer=False))
        return out

    def _strange(self, kind: Kind) -> list[Kind]:
        """Kinds that are nearly one."""
        if isinstance(kind, AnyWord | Everything):
            return []
        if self._words.is_over_text(kind):
            return [Named(name) for name in self._beside(kind)]
        if isinstance(kind, Quoted) and any(" " in word for word in kind.words):
            longest = Quoted(tuple(max(word.split(), key=len) for word in kind.words))
            return [longest, *self._strange(longest)]
        strangers = self._words.strangers(kind)
        return [Quoted(strangers)] if strangers else []

    def _beside(self, kind: Kind) -> list[str]:
        """Classes of the same sort that have examples."""
        name = kind.name if isinstance(kind, Named) else ""
        return [other for other in TEXTS if other != name and self._sort(other) == self._sort(name)]

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
            return _core_of(drafted(chosen(MARKS[word], rng)))
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
            others = self._beside(kind)
            options = TEXTS[chosen(others, rng)] if others else ()
        return _core_of(drafted(chosen(options, rng))) if options else None

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


def _strongest(rule: Rule) -> list[Item]:
    """The items of the highest strength. Of weaker items an explanation claims some activation, not firing."""
    top = max(strength for strength, _ in rule.items)
    return [item for strength, item in rule.items if strength == top]


def _any_of(items: Sequence[Item], rng: np.random.Generator) -> Item:
    """One of some items; of one that lists words, one of these, so that those are meant too which the bank has not."""
    item = items[int(rng.integers(len(items)))]
    words = list(item.by_word().values())
    return words[int(rng.integers(len(words)))] if words else item


def _spans_sentences(item: Item) -> bool:
    """Whether an item may hold for what stands in another sentence, or only in one of a passage."""
    context = item.context
    if isinstance(context, Again) or (
        context is not None and context.relation in ("in text about", "on the same line after")
    ):
        return True
    return any(isinstance(kind, Named) and kind.name == FIRST_TOKENS for kind in item.kinds())
