"""Passages from a list of tokens: with those it names, and with others as frequent that it does not name.

Sentences come from the bank, and are carrier sentences where it has none.

Where the model cuts words is not known here: a token that begins a word is taken as the word, and one that goes on with
a word as the end of longer words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from tools.making.bank import Bank, Find
from tools.making.carriers import TAILS, Draft, Piece, chosen, framed
from tools.making.parts_of_speech import speech_of
from tools.making.passages import LENGTH, Supply, joined, made, text_of
from tools.making.templates import MARKS, drafted
from tools.making.words import Words
from tools.readable.knowledge import Knowledge
from tools.readable.rule import Quoted
from tools.records.result import Unscored
from tools.roles import MadeText
from tools.rules.clauses import Listed, Rule

_HIGH = 0.8
"""Share of the highest level from which a token is among the strongest, as the word "strongly" says of a class."""

_START = 0.5
"""How often what begins no word but a text does so, where it may also end longer words."""

_ROUNDS = 8
_RARE_FROM = 5_000
"""Longer words that a piece ends are sought from here on: the most frequent ones are tokens of their own."""

_STRAY = re.compile(r"\\x[89a-f][0-9a-f]|�")


@dataclass(frozen=True)
class TokenLevels:
    """What a list says: a level for each token that it names, and one for all others."""

    named: dict[str, int]
    others: int

    def high(self) -> list[tuple[str, int]]:
        """The tokens that it says fire, as far as text can be made of them."""
        top = max(self.named.values(), default=0)
        return [
            (token, level) for token, level in self.named.items()
            if level > self.others and level >= _HIGH * top and not _STRAY.search(token)
        ]  # fmt: skip


class TokenListPassages:
    """Makes texts from lists of tokens.

    Args:
        knowledge: tells words and how frequent they are.
        bank: real sentences.
    """

    def __init__(self, knowledge: Knowledge, bank: Bank) -> None:
        self._bank = bank
        self._concepts = knowledge.concepts
        self._vectors = knowledge.vectors
        self._words = Words(knowledge)

    @staticmethod
    def levels(rule: Rule) -> TokenLevels | Unscored:
        """The levels that a rule gives to tokens; Unscored where it is no list."""
        clauses = rule.clauses
        if any(clause.context is not None or not isinstance(clause.token, Listed | None) for clause in clauses):
            return Unscored(reason="texts are made of readable sentences and of lists of tokens, and it is neither")
        others = sum(clause.strength for clause in clauses if clause.token is None)
        named = {
            token: min(10, max(0, others + clause.strength))
            for clause in clauses if isinstance(clause.token, Listed) for token in clause.token.tokens
        }  # fmt: skip
        return TokenLevels(named, min(10, max(0, others)))

    def positives(self, levels: TokenLevels, n: int, rng: np.random.Generator) -> list[MadeText]:
        """At most `n` passages, each of sentences with tokens of high level."""
        return self._passages([token for token, _ in levels.high()], None, n, rng)

    def near_misses(self, levels: TokenLevels, n: int, rng: np.random.Generator) -> list[MadeText]:
        """At most `n` passages with tokens as frequent as those, which the list does not name, and with none of it."""
        fires = _Fires([token for token, level in levels.named.items() if level > levels.others])
        others = [
            other for token, _ in levels.high() for other in self._beside(token) if other not in levels.named
        ]  # fmt: skip
        return self._passages(list(dict.fromkeys(others)), fires, n, rng)

    def _passages(
        self, tokens: list[str], fires: _Fires | None, n: int, rng: np.random.Generator
    ) -> list[MadeText]:  # fmt: skip
        """At most `n` passages of sentences with some tokens; with none of those that fire, where they are told."""
        if not tokens:
            return []
        found: dict[str, MadeText] = {}
        supply = Supply()
        for _ in range(_ROUNDS * n):
            drafts: list[Draft] = []
            for _ in range(_ROUNDS * LENGTH):
                draft = self._draft(chosen(tokens, rng), fires, supply, drafts, rng)
                if draft is not None and draft not in drafts and not (fires and fires.on(text_of(draft))):
                    drafts.append(draft)
                if len(drafts) == LENGTH:
                    break
            # A token of which there are few texts stands among any other sentences.
            if drafts:
                fillers = [one for one in self._bank.some(4 * LENGTH, rng) if not (fires and fires.on(text_of(one)))]
                one = made(joined([*fillers[: LENGTH - len(drafts)], *drafts]))
                found.setdefault(one.text, one)
            if len(found) == n:
                break
        return list(found.values())

    def _beside(self, token: str) -> list[str]:
        """Tokens of the same make, about as frequent."""
        bare = token.strip()
        space = token[: len(token) - len(token.lstrip())]
        if not bare:
            return []
        return [space + other for other in self._words.strangers(Quoted((bare,)))]

    def _draft(
        self, token: str, fires: _Fires | None, supply: Supply, but: list[Draft], rng: np.random.Generator
    ) -> Draft | None:
        """A sentence with a token: a real one, if there is one; None where it is no word, and the end of none."""
        bare = token.strip()
        if token in MARKS or bare in MARKS:
            return drafted(chosen(MARKS[bare or token], rng))
        if not bare:
            return (Piece("The first line."), Piece(token, meant=True), Piece("The second line."))
        if token[0].isspace() or not bare.isalpha():
            return self._natural(token, bare, fires, supply, but, rng) or self._framed(bare, bare, rng)
        rank = self._vectors.rank(bare)
        whole = [bare] if rank is not None and rank < _RARE_FROM and len(bare) > 2 else []  # at the start of a text
        longer = self._longer(bare)
        if whole and not but and (not longer or rng.random() < _START):
            return (Piece(bare, meant=True), Piece(f" {chosen(TAILS['other'], rng)}"))
        if not longer:
            return None
        word = chosen(longer, rng)
        return self._natural(token, word, fires, supply, but, rng) or self._framed(word, bare, rng)

    def _natural(
        self, token: str, word: str, fires: _Fires | None, supply: Supply, but: list[Draft], rng: np.random.Generator
    ) -> Draft | None:
        """A real sentence with a word that is a token, or ends in it; with none that fires, where those are told."""
        finds: list[Find] = [
            find for find in self._bank.with_token(token, word) if not (fires and fires.on(text_of(find.draft)))
        ]
        return supply.draw(finds, but, rng)

    def _longer(self, piece: str) -> list[str]:
        """Words that end in a piece, the rarer ones first."""
        ends = piece.lower()
        found = [word for word in self._vectors.words if word.endswith(ends) and word != ends and word.isalpha()]
        rare = [word for word in found if (self._vectors.rank(word) or 0) >= _RARE_FROM]
        return (rare or found)[:60]

    def _framed(self, word: str, meant: str, rng: np.random.Generator) -> Draft:
        speech = speech_of(word, self._concepts)
        whole = framed(word, speech, rng)
        if word == meant:
            return whole
        at = next(n for n, piece in enumerate(whole) if piece.meant)
        return (*whole[:at], Piece(word[: -len(meant)]), Piece(word[-len(meant) :], meant=True), *whole[at + 1 :])


class _Fires:
    """Tells whether a text may hold one of some tokens: words as words, all else wherever it stands."""

    def __init__(self, tokens: list[str]) -> None:
        words = [token.strip() for token in tokens if token[:1].isspace() and token.strip().isalpha()]
        # A piece of a word may be the end of any: where the model cuts is not known, so short ones are let pass.
        pieces = [token for token in tokens if not token[:1].isspace() and token.isalpha() and len(token) > 2]
        marks = [token.strip() for token in tokens if token.strip() and not token.strip().isalpha()]
        parts = [rf"\b{re.escape(word)}" + r"\b" for word in words]
        parts += [rf"{re.escape(piece)}\b" for piece in pieces] + [re.escape(mark) for mark in marks]
        parts += [re.escape(token) for token in tokens if "\n" in token]
        self._pattern = re.compile("|".join(parts)) if parts else None

    def on(self, text: str) -> bool:
        """Whether one may be in it."""
        return self._pattern is not None and self._pattern.search(text) is not None
