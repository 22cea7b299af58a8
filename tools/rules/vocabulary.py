"""The subject model's vocabulary as the rule language sees it: strings, spelling classes, embedding neighbourhoods."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.rules.clauses import Affix, Like, Listed, Nearer, Spelled, TokenClass, Width
from tools.rules.language import quote
from tools.rules.spelling import SPELLING
from tools.rules.words import Lexicon

_RAMPS: dict[Width, tuple[float, float]] = {"very like": (0.45, 0.8), "like": (0.25, 0.65), "loosely like": (0.05, 0.5)}
"""Cosine to the anchors' mean at which a neighbourhood begins to count and at which it counts in full."""

NEARER_GAIN = 3.0
"""What one is multiplied with to be in the order of the other classes: cosines of more than half are rare."""

_N_AFFIXES, _LONGEST_AFFIX = 400, 4
_N_SIGNS, _LONGEST_SIGN = 60, 3

_MARKS = ("'", '"', "\u201c")
_CLOSES = {"'": "'", '"': '"', "\u201c": "\u201d"}
_STRING_PREFIXES = frozenset(["f", "r", "b", "u", "rb", "br"])

BRACKETS = {"parentheses": "()", "brackets": "[]", "braces": "{}"}


class Vocabulary:
    """Token strings and embeddings of one subject model.

    Args:
        strings: one unique string per token id.
        embeddings: float32 [d_vocab, d_model].
    """

    def __init__(self, strings: list[str], embeddings: NDArray[np.float32]) -> None:
        self.strings = strings
        self.ids = {string: token for token, string in enumerate(strings)}
        centred = embeddings - embeddings.mean(0)
        self.directions: NDArray[np.float32] = centred / np.maximum(
            np.linalg.norm(centred, axis=1, keepdims=True), 1e-6
        )
        self._vectors: dict[TokenClass, NDArray[np.float32]] = {}

    def __len__(self) -> int:
        return len(self.strings)

    def id_of(self, token: str) -> int:
        """The id of a token string.

        Raises:
            BadInput: the string is not one token of this vocabulary.
        """
        found = self.ids.get(token)
        if found is None:
            near = " " + token if " " + token in self.ids else token.strip()
            hint = f"; did you mean {quote(near)}?" if near in self.ids else "."
            raise BadInput(f"{quote(token)} is not one token of this model{hint}")
        return found

    def vector(self, tokens: TokenClass) -> NDArray[np.float32]:
        """How far each token of the vocabulary belongs to the class, float32 [d_vocab] in 0..1; `Nearer` has values of
        either sign, at most `NEARER_GAIN` in size."""
        found = self._vectors.get(tokens)
        if found is None:
            found = self._vector(tokens)
            if (
                len(self._vectors) > 4096
            ):  # learners on several threads share this: nothing is read back after it is set
                self._vectors.clear()
            self._vectors[tokens] = found
        return found

    def _vector(self, tokens: TokenClass) -> NDArray[np.float32]:
        match tokens:
            case Listed(listed):
                out = np.zeros(len(self), dtype=np.float32)
                out[[self.id_of(token) for token in listed]] = 1
                return out
            case Like(anchors, width):
                mean = self.directions[[self.id_of(anchor) for anchor in anchors]].mean(0)
                return ramp(self.directions @ (mean / max(float(np.linalg.norm(mean)), 1e-6)), width)
            case Nearer(anchors, others):
                towards = self.directions[[self.id_of(anchor) for anchor in anchors]].sum(0)
                away = self.directions[[self.id_of(other) for other in others]].sum(0) if others else 0
                direction = towards - away
                direction *= NEARER_GAIN / max(float(np.linalg.norm(direction)), 1e-6)
                return np.asarray(self.directions @ direction)
            case Spelled(name):
                return np.array([SPELLING[name](s) for s in self.strings], dtype=np.float32)
            case Affix("starting with", text):
                return np.array([s.lstrip(" ").startswith(text) for s in self.strings], dtype=np.float32)
            case Affix("ending with", text):
                return np.array([s.endswith(text) for s in self.strings], dtype=np.float32)
            case Affix(_, text):
                return np.array([text in s for s in self.strings], dtype=np.float32)
            case _:
                raise ValueError(f"{tokens} is about words, and a token alone does not tell its word")

    @cached_property
    def classes(self) -> list[TokenClass]:
        """The spelling classes, the 400 beginnings and endings of up to four characters that most tokens share, and the
        60 runs of up to three signs that most tokens hold."""
        return [*(Spelled(name) for name in SPELLING), *self._affixes]

    @cached_property
    def class_matrix(self) -> NDArray[np.float32]:
        """Membership of every token in each of `classes`, float32 [n_classes, d_vocab]."""
        spelled = np.stack([self.vector(Spelled(name)) for name in SPELLING])
        affixes = np.zeros((len(self._affixes), len(self)), dtype=np.float32)
        for row, tokens in zip(affixes, self._affixes.values(), strict=True):
            row[tokens] = 1
        return np.concatenate([spelled, affixes])

    @cached_property
    def _affixes(self) -> dict[Affix, list[int]]:
        """Frequent beginnings, endings and signs with the tokens that have them."""
        found: dict[Affix, list[int]] = {}
        for token, string in enumerate(self.strings):
            stem = string.lstrip(" ")
            for length in range(1, min(_LONGEST_AFFIX, len(stem)) + 1):
                found.setdefault(Affix("starting with", stem[:length]), []).append(token)
                found.setdefault(Affix("ending with", stem[-length:]), []).append(token)
            for at in range(len(stem)):
                for end in range(at + 1, min(at + _LONGEST_SIGN, len(stem)) + 1):
                    if stem[end - 1].isalnum() or stem[end - 1].isspace():
                        break
                    held = found.setdefault(Affix("containing", stem[at:end]), [])
                    if held[-1:] != [token]:
                        held.append(token)

        def most_common(n: int, signs: bool) -> list[Affix]:
            some = (affix for affix in found if (affix.kind == "containing") == signs)
            return sorted(some, key=lambda affix: (-len(found[affix]), affix.kind, affix.text))[:n]

        return {affix: found[affix] for affix in [*most_common(_N_AFFIXES, False), *most_common(_N_SIGNS, True)]}

    @cached_property
    def lexicon(self) -> Lexicon:
        """The words that tokens put together."""
        return Lexicon(self.strings)

    @cached_property
    def newline(self) -> NDArray[np.bool_]:
        """Tokens that hold a line break, [d_vocab]."""
        return np.array(["\n" in s for s in self.strings])

    @cached_property
    def visible(self) -> NDArray[np.bool_]:
        """Tokens that are not white space alone, [d_vocab]."""
        return np.array([not s.isspace() for s in self.strings])

    @cached_property
    def leading_spaces(self) -> NDArray[np.int32]:
        """White space that each token begins with, after its last line break when it is nothing else, [d_vocab]."""

        def width(string: str) -> int:
            if string.isspace():
                return len(string) - 1 - string.rfind("\n")
            return 0 if "\n" in string else len(string) - len(string.lstrip())

        return np.array([width(s) for s in self.strings], dtype=np.int32)

    @cached_property
    def digits(self) -> NDArray[np.int32]:
        """Digits of the tokens that are a number or a part of one, 0 for all others, [d_vocab]."""
        return np.array([len(s.strip()) if s.strip().isdigit() else 0 for s in self.strings], dtype=np.int32)

    @cached_property
    def begins_number(self) -> NDArray[np.bool_]:
        """Tokens that a number before them does not go on in, [d_vocab]."""
        return np.array([not s[:1].isdigit() for s in self.strings])

    @cached_property
    def hashes(self) -> NDArray[np.bool_]:
        """Tokens that hold a hash sign, [d_vocab]."""
        return np.array(["#" in s for s in self.strings])

    @cached_property
    def triple_quotes(self) -> NDArray[np.bool_]:
        """Tokens that hold three quotation marks in a row, [d_vocab]."""
        return np.array(['"""' in s or "'''" in s for s in self.strings])

    @cached_property
    def ends_alphanumeric(self) -> NDArray[np.bool_]:
        """Tokens that end in a letter or a digit, but for one letter that may stand before a string, [d_vocab]."""
        return np.array([s[-1:].isalnum() and s.strip().lower() not in _STRING_PREFIXES for s in self.strings])

    @cached_property
    def quote_moves(self) -> NDArray[np.int8]:
        """The quotation mark that is open after a token, int8 [open before, letter or digit before, d_vocab].

        0 is none. A line break and three marks in a row close whatever is open.
        """
        moves = np.empty((len(_MARKS) + 1, 2, len(self)), dtype=np.int8)
        for state in range(len(_MARKS) + 1):
            for left in (0, 1):
                moves[state, left] = state
                for token, string in self._marked:
                    moves[state, left, token] = _open_after(string, state, bool(left))
        return moves

    @cached_property
    def _marked(self) -> list[tuple[int, str]]:
        return [(i, s) for i, s in enumerate(self.strings) if any(c in _CLOSES or c in "\n\u201d" for c in s)]

    @cached_property
    def depth_change(self) -> dict[str, NDArray[np.int32]]:
        """Per kind of bracket, openings minus closings in each token, [d_vocab]."""
        return {
            name: np.array([s.count(pair[0]) - s.count(pair[1]) for s in self.strings], dtype=np.int32)
            for name, pair in BRACKETS.items()
        }

    @cached_property
    def quote_marks(self) -> NDArray[np.int32]:
        """Double quotes in each token, and apostrophes that do not stand inside a word, [d_vocab]."""

        def marks(string: str) -> int:
            inside_a_word = string.strip().strip("'").isalpha()
            return string.count('"') + (0 if inside_a_word else string.count("'"))

        return np.array([marks(string) for string in self.strings], dtype=np.int32)


def _open_after(string: str, state: int, after_letter: bool) -> int:
    """The number of the quotation mark that is open after a token; an apostrophe within a word opens none."""
    if "\n" in string or '"""' in string or "'''" in string:
        return 0
    left = "x" if after_letter else " "
    for character in string:
        if state:
            if character == _CLOSES[_MARKS[state - 1]] and left != "\\":
                state = 0
        elif character in _MARKS and not (character == "'" and left.isalnum()):
            state = _MARKS.index(character) + 1
        left = character
    return state


def ramp(cosine: NDArray[np.float32], width: Width) -> NDArray[np.float32]:
    """Membership in 0..1 from cosine similarity to the anchors."""
    low, high = _RAMPS[width]
    # minimum and maximum take a third of the time of clip, and this is where learning spends much of its own
    return np.asarray(np.minimum(np.maximum((cosine - low) * np.float32(1 / (high - low)), 0), 1), dtype=np.float32)
