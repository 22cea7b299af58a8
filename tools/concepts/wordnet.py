"""WordNet's files, read: synsets, how they are related, and how often a word is used in which sense."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.errors import BadInput

Key = tuple[str, str]  # part of speech (n, v, a or r) and offset

_FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_OF_TYPE = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}
_DERIVED, _SIMILAR = "+", "&"
_EXAMPLE = re.compile(r'"([^"]+)"(?!\s*-+\s*\w)')
"""An example in a gloss; what a name follows after a dash is a line of that author's."""


@dataclass(frozen=True)
class Sense:
    """A word in one of its meanings: `number` is 1 for the most frequent, `count` how often it was seen."""

    number: int
    count: int


@dataclass(frozen=True)
class Synset:
    """Words of one meaning.

    `file` is the number of its lexicographer file; `pointers` are (symbol, target, which of its words or 0 for all);
    `examples` show how its words are used, and are nobody's in particular.
    """

    key: Key
    words: tuple[str, ...]
    file: int
    pointers: tuple[tuple[str, Key, int], ...]
    gloss: str
    examples: tuple[str, ...] = ()


class WordNet:
    """All synsets of a folder with WordNet's data.* and index.sense.

    Raises:
        BadInput: a file is missing or is not WordNet's.
    """

    def __init__(self, folder: Path) -> None:
        self.synsets: dict[Key, Synset] = {}
        self.senses: dict[tuple[str, Key], Sense] = {}
        self.below: dict[Key, list[Key]] = defaultdict(list)
        self.instances: dict[Key, list[Key]] = defaultdict(list)
        self.in_domain: dict[Key, list[Key]] = defaultdict(list)
        try:
            for pos, name in _FILES.items():
                for line in (folder / f"data.{name}").read_text(encoding="utf-8").splitlines():
                    if line and not line.startswith(" "):
                        synset = _synset(pos, line)
                        self.synsets[synset.key] = synset
            self._read_senses((folder / "index.sense").read_text(encoding="utf-8").splitlines())
        except OSError as error:
            raise BadInput(f"WordNet cannot be read from {folder}: {error.strerror or error}.") from error
        except (ValueError, IndexError, KeyError) as error:
            raise BadInput(f"{folder} does not hold WordNet's files as they are published ({error}).") from error
        for key in sorted(self.synsets):
            for symbol, target, _ in self.synsets[key].pointers:
                into = {"@": self.below, "@i": self.instances, ";c": self.in_domain}.get(symbol)
                if into is not None:
                    into[target].append(key)
        self._of_number = {(word, key[0], sense.number): key for (word, key), sense in self.senses.items()}

    def _read_senses(self, lines: list[str]) -> None:
        for line in lines:
            name, offset, number, count = line.split()
            lemma, _, rest = name.partition("%")
            self.senses[lemma.replace("_", " "), (_OF_TYPE[rest[0]], offset)] = Sense(int(number), int(count))

    def find(self, name: str) -> Key:
        """The synset of a word, a part of speech and the number of a sense, such as "improve.v.1"."""
        word, pos, number = name.rsplit(".", 2)
        found = self._of_number.get((word.replace("_", " "), pos, int(number)))
        if found is None:
            raise BadInput(f"WordNet has no {name}: give a word, n, v, a or r, and the number of a sense.")
        return found

    def sense(self, word: str, key: Key) -> Sense:
        """How the word stands to the synset; a word that index.sense does not list is taken for rare."""
        return self.senses.get((word.lower(), key), Sense(99, 0))

    def tree(self, top: Key) -> list[Key]:
        """The synset and all under it, each once; of an adjective, those similar to it."""
        seen, queue = {top}, [top]
        for key in queue:
            lower = self.below.get(key, [])
            if key == top and key[0] == "a":
                lower = self.related(key, _SIMILAR)
            for one in lower:
                if one not in seen:
                    seen.add(one)
                    queue.append(one)
        return queue

    def related(self, key: Key, symbol: str) -> list[Key]:
        """The synsets that one points at with a symbol."""
        return [target for kind, target, _ in self.synsets[key].pointers if kind == symbol]

    def derived(self, key: Key) -> list[tuple[Key, str]]:
        """The words that those of a synset were derived into or from, each with its synset."""
        found = ((target, at) for kind, target, at in self.synsets[key].pointers if kind == _DERIVED and at)
        return [(target, self.synsets[target].words[at - 1]) for target, at in found]

    def of(self, *pos: str) -> Iterator[Synset]:
        """The synsets of some parts of speech, in order."""
        return (self.synsets[key] for key in sorted(self.synsets) if key[0] in pos)


def _synset(pos: str, line: str) -> Synset:
    head, _, gloss = line.partition(" | ")
    parts = head.split()
    n = int(parts[3], 16)
    words = tuple(word.partition("(")[0].replace("_", " ") for word in parts[4 : 4 + 2 * n : 2])
    at = 4 + 2 * n
    pointers = tuple(
        (parts[i], ("a" if parts[i + 2] == "s" else parts[i + 2], parts[i + 1]), int(parts[i + 3][2:], 16))
        for i in range(at + 1, at + 1 + 4 * int(parts[at]), 4)
    )
    return Synset(
        (pos, parts[0]), words, int(parts[1]), pointers, gloss.split(";")[0].strip(), tuple(_EXAMPLE.findall(gloss))
    )
