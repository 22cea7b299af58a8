"""Words of a text that is given as tokens, however its tokenizer cuts them.

What is a word:

- A run of letters, with accents and inner apostrophes: "don't" and "o'clock" are one word. The endings 's, 're, 've,
  'll, 'd and 'm are words of their own, so that "John" of "John's" is a first name.
- A number, with its commas and points and an ending: "12,345.67", "3.11.2", "21st", "1990s".
- Letters with points between: "U.S.", "e.g.".
- Every mark of punctuation for itself; `").` is three. Operators such as `==` and `->`, and runs of `.`, `-`, `=`, `_`,
  `*`, `#` or a backtick are one.
- Hyphens cut: "well-known" is three words, a hyphen among them.
- Identifiers are cut into their parts, since it is the parts that mean something: `get_user_name` is get, _, user, _,
  name, and `getUserName` is get, User, Name. Nothing is cut where a part would have one letter (iPhone), nor after Mc
  or Mac. Letters and digits stay together (GPT2, 0x1F).

Spaces and line ends belong to no word. Scripts that write no spaces give one word for each run of letters.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Word:
    """A word, its first and last token, and where it stands in the text: characters `start` up to before `end`."""

    text: str
    first: int
    last: int
    start: int
    end: int

    @property
    def key(self) -> str:
        """The word with a straight apostrophe, for looking it up."""
        return self.text.replace("’", "'")


def _marks() -> str:
    """The characters that are written onto letters, for a character class: `\\w` leaves them out."""
    marks = [c for c in range(0x300, 0x10000) if unicodedata.category(chr(c))[0] == "M" and not 0xFE00 <= c <= 0xFE0F]
    ranges: list[list[int]] = []
    for mark in marks:
        if ranges and ranges[-1][1] == mark - 1:
            ranges[-1][1] = mark
        else:
            ranges.append([mark, mark])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


_LETTER = rf"(?:[^\W\d_][{_marks()}]*)"
_CLITIC = r"['’](?i:s|re|ve|ll|d|m)\b"
_WORD = re.compile(
    rf"(?<![^\W_])(?:[A-Za-z]\.){{2,}}(?![^\W_])"
    rf"|(?<=[\w)\]]){_CLITIC}"
    rf"|(?<![^\W_])[vV]?\d+(?:,\d{{3}}(?!\d))*(?:\.\d+)*(?:st|nd|rd|th|s)?(?![^\W_])"
    rf"|(?:{_LETTER}|\d)+(?:(?!{_CLITIC})['’]{_LETTER}+)*"
    r"|\*\*=|//=|==+|!=|<=|>=|->|=>|:=|[-+/*%&|^]=|//|\.{2,}|-{2,}|_+|\*{2,}|\#{2,}|`{2,}|�+|\S"
)
_STRAY = re.compile(r"\\x([89a-f][0-9a-f])")
_NO_CHARACTER = re.compile("[\udc80-\udcff]")
_HUMP = re.compile(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_SCOTTISH = re.compile(r"Ma?c[A-Z]")


class TokenText:
    """A text of tokens, and which tokens a stretch of characters touches.

    Args:
        tokens: their strings as they stand in the text, spaces included; a character that is cut over several tokens
            may be written byte by byte, as `\\xNN`, as `Tokenizer.token_strings` does.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.n_tokens = len(tokens)
        if any(_STRAY.search(token) for token in tokens):
            self.text, self._first, self._last = _joined(tokens)
        else:
            self.text = "".join(tokens)
            self._first = np.repeat(np.arange(len(tokens)), [len(token) for token in tokens])
            self._last = self._first

    def on(self, spans: Sequence[tuple[int, int]], *, only_last: bool) -> NDArray[np.bool_]:
        """True at every token that a span of characters touches, or only at each span's last one; one per token."""
        marked = np.zeros(self.n_tokens, dtype=bool)
        for start, end in spans:
            last = self._last[end - 1]
            marked[last if only_last else self._first[start] : last + 1] = True
        return marked

    def ends(self) -> list[int]:
        """Up to which character each token goes."""
        return np.searchsorted(self._last, np.arange(self.n_tokens), side="right").tolist()  # type: ignore[no-any-return]

    def words(self) -> list[Word]:
        """Its words, in order."""
        pieces = [piece for match in _WORD.finditer(self.text) for piece in _pieces(match.group(), match.start())]
        firsts = self._first[[start for start, _ in pieces]].tolist()
        lasts = self._last[[end - 1 for _, end in pieces]].tolist()
        return [
            Word(self.text[start:end], first, last, start, end)
            for (start, end), first, last in zip(pieces, firsts, lasts, strict=True)
        ]


def _joined(tokens: Sequence[str]) -> tuple[str, NDArray[np.int64], NDArray[np.int64]]:
    """The text of tokens with stray bytes, and the first and last token of each of its characters."""
    raw = [_bytes_of(token) for token in tokens]
    token_at = np.repeat(np.arange(len(raw)), [len(one) for one in raw])
    text = b"".join(raw).decode("utf-8", "surrogateescape")  # what is no UTF-8 becomes one character a byte
    ends = np.cumsum([1 if "\udc80" <= char <= "\udcff" else len(char.encode()) for char in text], dtype=np.int64)
    first = token_at[np.concatenate([[0], ends[:-1]])]
    return _NO_CHARACTER.sub("\ufffd", text), first, token_at[ends - 1]


def _bytes_of(token: str) -> bytes:
    plain_and_stray = enumerate(_STRAY.split(token))
    return b"".join(bytes.fromhex(part) if n % 2 else part.encode(errors="replace") for n, part in plain_and_stray)


def words_of(tokens: Sequence[str]) -> list[Word]:
    """The words of a text that is given as the strings of its tokens; a token may hold several words, or none."""
    return TokenText(tokens).words()


def words_in(text: str) -> list[Word]:
    """The words of a text of characters, whose tokens are not told: each counts as the first one's."""
    pieces = [piece for match in _WORD.finditer(text) for piece in _pieces(match.group(), match.start())]
    return [Word(text[start:end], 0, 0, start, end) for start, end in pieces]


def _pieces(word: str, start: int) -> list[tuple[int, int]]:
    if len(word) < 4 or word.islower() or word.isupper() or _SCOTTISH.match(word):
        return [(start, start + len(word))]
    cuts = [0, *(hump.start() for hump in _HUMP.finditer(word)), len(word)]
    if any(b - a < 2 for a, b in itertools.pairwise(cuts)):
        cuts = [0, len(word)]
    return [(start + a, start + b) for a, b in itertools.pairwise(cuts)]
