"""Neighbours in the subject's embedding of tokens that rivals name: does the neuron take them for the same?

This tells a list of tokens from a neighbourhood.
"""

from __future__ import annotations

import re

import numpy as np

from tools.experiments.candidates import Candidate, Setting, edit, nearest
from tools.rules.language import quote, unquote
from tools.rules.vocabulary import Vocabulary

N_NEIGHBOURS = 8
N_EACH = 4
REACH = 8
"""Named tokens are looked for among this many last tokens of a carrier."""

_QUOTED = re.compile(r"`(?:[^`\\]|\\.)+`")


def named_tokens(sentences: list[str], vocabulary: Vocabulary) -> list[int]:
    """Ids of the tokens that sentences name in backquotes, in the order in which they come.

    What is quoted may be a word, and then the token with a leading space is meant too.
    """
    quoted = [unquote(found) for sentence in sentences for found in _QUOTED.findall(sentence)]
    named = (vocabulary.ids.get(token) for found in quoted for token in (found, " " + found))
    return list(dict.fromkeys(token for token in named if token is not None))


def neighbours(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Of each carrier that ends with a named token, or has one shortly before its end, texts with neighbours there.

    Where rivals name no token of any carrier, last tokens count as named: they fired.
    """
    strings = setting.vocabulary.strings
    named = set(setting.named)
    places = []
    for carrier in setting.carriers:
        ends = carrier.tokens[-REACH:].tolist()
        places += [(carrier, token, back) for back, token in enumerate(reversed(ends)) if token in named]
    if not places:
        places = [(carrier, int(carrier.tokens[-1]), 0) for carrier in setting.carriers]
    tokens = list(dict.fromkeys(token for _, token, _ in places))
    near = dict(zip(tokens, nearest(setting.vocabulary, tokens, setting.seen, N_NEIGHBOURS), strict=True))
    out: list[Candidate] = []
    for carrier, token, back in places:
        for other in rng.permutation(near[token])[:N_EACH].tolist():
            changed = carrier.tokens.copy()
            changed[len(changed) - 1 - back] = other
            where = "" if back == 0 else f", {back} back"
            purpose = f"{quote(strings[other])}, a neighbour of {quote(strings[token])}{where}"
            out.append(edit(changed, "neighbours", purpose, carrier))
    return out
