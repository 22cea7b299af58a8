"""Neighbours in the subject's embedding of words that rivals name: does the neuron take them for the same?

This tells a list of words from a neighbourhood.
"""

from __future__ import annotations

import re

import numpy as np

from tools.experiments.candidates import Candidate, Setting
from tools.experiments.carriers import Carrier
from tools.experiments.seen_words import word_like
from tools.readable.contract import quoted
from tools.rules.language import quote, unquote

N_NEIGHBOURS = 8
N_EACH = 4
REACH = 8
"""Named words are looked for among this many last words of a carrier."""

_IN_BACKQUOTES = re.compile(r"`(?:[^`\\]|\\.)+`")
_MARKS = '"“”*'


def named_words(sentences: list[str]) -> list[str]:
    """Words that sentences name in backquotes, double quotes or asterisks, in the order in which they come.

    A piece of a word that stands there counts as one: it is a word that a rival says something about.
    """
    found: list[str] = []
    for sentence in sentences:
        found += [unquote(one) for one in _IN_BACKQUOTES.findall(sentence)]
        found += [one.strip(_MARKS) for one in quoted(_IN_BACKQUOTES.sub(" ", sentence))]
    return list(dict.fromkeys(word for word in map(word_like, found) if word is not None))


def neighbours(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Of each carrier that ends with a named word, or has one shortly before its end, texts with neighbours there.

    Where rivals name no word of any carrier, last words count as named: they fired.
    """
    named = set(setting.named)
    places: list[tuple[Carrier, int]] = []
    for carrier in setting.carriers:
        words = carrier.text.words
        places += [(carrier, at) for at in range(carrier.last, max(0, carrier.last - REACH), -1)
                   if words[at].text in named]  # fmt: skip
    if not places:
        places = [(carrier, carrier.last) for carrier in setting.carriers]
    wanted: list[tuple[Carrier, int, str | None, str]] = []
    for carrier, at in places:
        word = carrier.text.words[at]
        near = setting.words.near(setting.texts.tokens_of(carrier.text, at), word.text, N_NEIGHBOURS)
        where = "" if at == carrier.last else f", {carrier.last - at} back"
        for other in rng.permutation(near)[:N_EACH].tolist():
            purpose = f"{quote(other)}, a neighbour of {quote(word.text)}{where}"
            wanted.append((carrier, at, other, purpose))
    return setting.changed("neighbours", wanted)
