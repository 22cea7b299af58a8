"""Carrier sentences: neutral English in which a word of any part of speech finds a place.

What may stand before a word, and after it, depends on its part of speech alone, so that any beginning goes with any
ending. They are of many kinds, some without a verb or a pronoun, so that hardly a sentence forbids all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

Speech = Literal[
    "noun", "plural", "adjective", "verb", "verb -ing", "verb -ed", "verb -s", "adverb", "preposition", "determiner",
    "pronoun", "auxiliary", "conjunction", "number", "name", "mark", "other",
]  # fmt: skip


class Piece(NamedTuple):
    """Part of a text; `meant` is what the text is about."""

    text: str
    meant: bool = False


Draft = tuple[Piece, ...]
"""A text in pieces, spaces and all."""

LEADS: dict[Speech, tuple[str, ...]] = {
    "noun": ("We talked about the", "There was a", "Then came the", "People often ask about this", "A note on the",
             "In the story, the", "Nobody knew whose", "Here is one more"),
    "plural": ("We talked about the", "There were many", "Most of the", "People often ask about these", "Some notes on",
               "In the story, the", "Few of our", "Here are three more"),
    "adjective": ("It was very", "They seemed quite", "The house looked", "In the end all of it was rather",
                  "A place so", "My brother is", "Everything there felt"),
    "verb": ("They wanted to", "You can always", "It is time to", "We will never", "Nobody had a reason to",
             "She did not", "Try to"),
    "verb -ing": ("They were", "She kept on", "He was still", "Nobody is", "We have been", "It was no use", "After"),
    "verb -ed": ("They", "She had never", "He soon", "Last year the two of us", "Everybody", "The old man",
                 "In 1995 we"),
    "verb -s": ("She often", "He", "Nobody", "The old man never", "It sometimes", "My brother", "Every child"),
    "adverb": ("They did it", "He spoke", "She worked", "It all happened", "The two of them walked", "All was done"),
    "preposition": ("They went", "It was left", "She stood", "The road goes", "We found them", "A walk"),
    "determiner": ("They looked at", "We have seen", "In the end she took", "He wrote about", "Then came", "Give us"),
    "pronoun": ("In the end", "I think that", "The day before,", "When the rain stopped,", "So", "Perhaps"),
    "auxiliary": ("In the end they", "I think she", "The old man", "So we", "People like that", "Nobody there"),
    "conjunction": ("They stayed at home", "The day was cold", "She read the letter", "We were late", "He waited"),
    "number": ("There were about", "It took them", "The bill came to", "A group of", "In all we counted", "Page"),
    "name": ("The letter was from", "In the end we met", "People have heard of", "Then", "A story about", "I know"),
    "mark": ("They came home", "That was all", "The day was cold", "We went there", "It is done"),
    "other": ("They talked about", "The word was", "In the end it was", "Somebody wrote", "Then came"),
}  # fmt: skip
"""What may stand before a word."""

TAILS: dict[Speech, tuple[str, ...]] = {
    "noun": ("and then went home.", ", which was new to us.", "in the end.", "that evening.", "again, as before.",
             "without much trouble.", "by the river."),
    "plural": ("and then went home.", ", which were new to us.", "in the end.", "that evening.", "again, as before.",
               "without much trouble.", "by the river."),
    "adjective": ("when we saw it.", "and old.", "to all of us.", ", so they left.", "in those days.", "at first."),
    "verb": ("it again.", "as soon as possible.", "with the others.", "for a while.", "there, and so on.", "a little."),
    "verb -ing": ("it again.", "all day.", "with the others.", "for a while.", "there, and so on.", "a little."),
    "verb -ed": ("it again.", "all day.", "with the others.", "for a while.", "there, and so on.", "a little."),
    "verb -s": ("it again.", "all day.", "with the others.", "for a while.", "there, and so on.", "a little."),
    "adverb": (", as always.", "and went home.", "that day.", ", and nobody asked why.", "for years.", "enough."),
    "preposition": ("the old house.", "a small town.", "it for a while.", "the others.", "two days.", "the wall."),
    "determiner": ("house by the river.", "old letter.", "people again.", "story of the war.", "green table."),
    "pronoun": ("went home.", "had to wait.", "came back again.", "knew what to do.", "left early."),
    "auxiliary": ("see it again.", "not go there.", "do that.", "have a look.", "never know."),
    "conjunction": ("it was late.", "the others came.", "there was no time.", "nobody asked.", "he went home."),
    "number": ("of them in the end.", "people, or so we heard.", "days.", "miles from the town.", "more."),
    "name": ("and the others.", "came back to town.", ", who lived nearby.", "again last year.", "in the paper."),
    "mark": ("and so it went on", "as we had hoped", "then the others left", "nobody knew why", "or so they said"),
    "other": ("and then went home.", "in the end.", "that evening.", "again.", "to us."),
}  # fmt: skip
"""What may stand after a word."""

BETWEEN: dict[Speech, tuple[str, ...]] = {
    "noun": ("the", "and the", "of the", "with a"),
    "plural": ("the", "and the", "of the", "with many"),
    "adjective": ("so", "and very", "and more"),
    "verb": ("and", "to", "and then"),
    "verb -ing": ("and", "then", "and still"),
    "verb -ed": ("and", "then", "and soon"),
    "verb -s": ("and", "often", "and soon"),
    "adverb": ("and", "so", "and very"),
    "name": ("and", "with", "and also"),
    "mark": ("again", "now", "and more"),
}
"""What may stand between a word that is met first and one that follows soon after."""

FAR = ("and, after they had talked for a long while about it,", "or, as the people of the town used to say,",
       "and then, on the other side of the road,")  # fmt: skip
"""What may stand between a word and one that follows in its sentence."""

ABOUT = ("It was all about {} and {}.", "The book says much of {} and of {}.", "First came {}, then {}.",
         "There was talk of {}, and of {} too.")  # fmt: skip
"""What makes a text one about something."""

_CLOSING = tuple(",.;:!?)]}%…”»")
_OPENING = tuple("([{“«$£€#@\n")
_CLITICS = ("'s", "n't", "'ll", "'re", "'ve", "'d", "'m", "’s")


def chosen(options: Sequence[str], rng: np.random.Generator) -> str:
    """One of several."""
    return options[int(rng.integers(len(options)))]


def framed(word: str, speech: Speech, rng: np.random.Generator) -> Draft:
    """A word in a carrier sentence."""
    return spaced(Piece(chosen(LEADS[speech], rng)), Piece(word, meant=True), Piece(chosen(TAILS[speech], rng)))


def spaced(*pieces: Piece) -> Draft:
    """Pieces with the spaces that English has between them; spaces are not meant."""
    out: list[Piece] = []
    for piece in pieces:
        if not piece.text:
            continue
        if out and not piece.text[0].isspace() and not _is_glued(out[-1].text, piece.text):
            out.append(Piece(" "))
        out.append(piece)
    return tuple(out)


def _is_glued(before: str, after: str) -> bool:
    return before.endswith(_OPENING) or before[-1:].isspace() or after.startswith((*_CLOSING, *_CLITICS))
