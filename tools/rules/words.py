"""Words as far as they have come at each token, and what they are made of."""

from __future__ import annotations

from threading import Lock

import numpy as np
from numpy.typing import NDArray

from tools.rules.clauses import Spelled, WordAffix, Words
from tools.rules.spelling import WORD_SPELLING

_SHORTEST, _LONGEST = 2, 5

WordClass = Words | WordAffix | Spelled
Ids = NDArray[np.int64]


class Lexicon:
    """All words met so far, numbered in the order in which they were met: 0 is no word.

    Args:
        strings: of the tokens.
    """

    def __init__(self, strings: list[str]) -> None:
        self.words = [""]
        self._ids = {"": 0}
        self._joined: dict[int, int] = {}
        self._strings = strings
        self._lock = Lock()
        self.parts: list[WordAffix] = []
        self._part_ids: dict[WordAffix, int] = {}
        self._parts_of: dict[int, Ids] = {}
        letters = [_last_letters(string) for string in strings]
        self._alone = np.array([self._id(word) for word in letters], dtype=np.int64)
        self._goes_on = np.array([len(w) == len(s) for w, s in zip(letters, strings, strict=True)])

    def _id(self, word: str) -> int:
        found = self._ids.setdefault(word, len(self.words))
        if found == len(self.words):
            self.words.append(word)
        return found

    def read(self, tokens: NDArray[np.int32]) -> Ids:
        """The word at each token, as far as it has come there; tokens [n, pos] and the result alike."""
        ids = self._alone[tokens]
        goes_on = np.zeros(tokens.shape, dtype=bool)
        goes_on[:, 1:] = self._goes_on[tokens[:, 1:]] & (ids[:, :-1] > 0)
        columns = np.arange(tokens.shape[1])
        begins = np.maximum.accumulate(np.where(goes_on, -1, columns), axis=1)
        pieces = columns - begins
        for n in range(1, int(pieces.max(initial=0)) + 1):
            rows, cols = np.nonzero(pieces == n)
            keys, where = np.unique(ids[rows, cols - 1] * len(self._strings) + tokens[rows, cols], return_inverse=True)
            with self._lock:
                joined = [self._join(int(key)) for key in keys]
            ids[rows, cols] = np.array(joined)[where]
        return ids

    def _join(self, key: int) -> int:
        found = self._joined.get(key)
        if found is None:
            word, token = divmod(key, len(self._strings))
            found = self._joined[key] = self._id(self.words[word] + self._strings[token])
        return found

    def parts_of(self, ids: Ids) -> list[Ids]:
        """Numbers in `parts` of what each word starts or ends with, or contains: two to five letters of it."""
        with self._lock:
            missing = [int(i) for i in ids if int(i) not in self._parts_of]
            for word in missing:
                numbers = []
                for part in _affixes(self.words[word]):
                    number = self._part_ids.setdefault(part, len(self.parts))
                    if number == len(self.parts):
                        self.parts.append(part)
                    numbers.append(number)
                self._parts_of[word] = np.array(numbers, dtype=np.int64)
            return [self._parts_of[int(i)] for i in ids]


def _affixes(word: str) -> list[WordAffix]:
    found = []
    for length in range(_SHORTEST, min(_LONGEST, len(word)) + 1):
        found.append(WordAffix("starting with", word[:length]))
        found.append(WordAffix("ending with", word[-length:]))
        if length > _SHORTEST:
            found += [WordAffix("containing", word[at : at + length]) for at in range(len(word) - length + 1)]
    return list(dict.fromkeys(found))


def _last_letters(string: str) -> str:
    start = len(string)
    while start and string[start - 1].isalpha():
        start -= 1
    return string[start:]


def belongs(words: list[str], tokens: WordClass) -> NDArray[np.float32]:
    """Which of the words belong to a class, float32 [n_words] of 0 and 1."""
    match tokens:
        case Words(listed):
            wanted = {*listed, *(word[:1].upper() + word[1:] for word in listed if word.islower())}
            return np.array([word in wanted for word in words], dtype=np.float32)
        case WordAffix("starting with", text):
            return np.array([word.startswith(text) for word in words], dtype=np.float32)
        case WordAffix("ending with", text):
            return np.array([word.endswith(text) for word in words], dtype=np.float32)
        case WordAffix(_, text):
            return np.array([text in word for word in words], dtype=np.float32)
        case Spelled(name):
            return np.array([WORD_SPELLING[name](word) for word in words], dtype=np.float32)
