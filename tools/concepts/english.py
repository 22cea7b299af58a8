"""Inflected forms and frequencies of English words, from packages that only `compile` needs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from importlib import import_module
from typing import Any, Protocol

from tools.errors import BadInput

Forms = Mapping[str, tuple[str, ...]]
_UPOS = {"n": "NOUN", "v": "VERB", "a": "ADJ", "r": "ADV"}
_NEVER_USED = 1.0
_PLURALS_AS_THEY_ARE = frozenset(
    [
        "sheep",
        "deer",
        "fish",
        "moose",
        "elk",
        "swine",
        "bison",
        "salmon",
        "trout",
        "shrimp",
        "squid",
        "cod",
        "aircraft",
        "spacecraft",
        "hovercraft",
        "series",
        "species",
        "means",
        "headquarters",
        "crossroads",
        "offspring",
        "dice",
        "Chinese",
        "Japanese",
        "Swiss",
    ]
)
_PLAIN = {"n": "NN", "v": "VB", "a": "JJ", "r": "RB"}


class Inflector(Protocol):
    """What `compile` asks about single words."""

    def forms(self, word: str, pos: str) -> Forms:
        """The forms of a lemma by Penn tag (NN, NNS, VB, VBD, VBN, VBG, VBZ, JJ, JJR, ...); pos is n, v, a or r."""
        ...

    def frequency(self, word: str) -> float:
        """How often the word is used, on the Zipf scale: 0 never, 3 once in a million words, 6 once in a thousand."""
        ...


class English:
    """LemmInflect's inflections (NIH's SPECIALIST Lexicon) and wordfreq's frequencies."""

    def forms(self, word: str, pos: str) -> Forms:
        """As `Inflector.forms`; a form that is never used is left out."""
        return _inflected(self._lemminflect, self.frequency, word, pos)

    def frequency(self, word: str) -> float:
        """As `Inflector.frequency`."""
        return float(self._wordfreq.zipf_frequency(word, "en"))

    @cached_property
    def _lemminflect(self) -> Any:
        return needed("lemminflect")

    @cached_property
    def _wordfreq(self) -> Any:
        return needed("wordfreq")


@cache
def _inflected(lemminflect: Any, frequency: Any, word: str, pos: str) -> Forms:
    found = dict(lemminflect.getAllInflections(word, upos=_UPOS[pos]))
    if not found and pos in "nv":
        found = dict(lemminflect.getAllInflectionsOOV(word, upos=_UPOS[pos]))
    if word not in _PLURALS_AS_THEY_ARE:  # such as expiation, of which the lexicon says that it has no other plural
        found["NNS"] = tuple(form for form in found.get("NNS", ()) if form != word)
    if pos == "v" and "VBD" in found:
        found.setdefault("VBN", found["VBD"])
    used = {
        tag: tuple(form for form in forms if form == word or frequency(form) >= _NEVER_USED)
        for tag, forms in found.items()
    }
    return {**{tag: forms for tag, forms in used.items() if forms and tag != "VBP"}, _PLAIN[pos]: (word,)}


def needed(package: str) -> Any:
    """A package that only compiling needs.

    Raises:
        BadInput: it is not installed.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise BadInput(f"{package} is needed to compile the classes: pip install {package}.") from error
