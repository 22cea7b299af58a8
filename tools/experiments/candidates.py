"""What a generator of experiments has to work with, and what it makes. Nothing here tells what the neuron does on text
that was not read yet.

An experiment is a run of tokens, and the question is always the same: does the neuron fire at the last one? All texts
cut from one excerpt share a carrier, because sixteen edits of one sentence are not sixteen witnesses. Every one of
them is a text: whole words are changed, and what comes of it is tokenised as such a text would be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tools.experiments.carriers import Carrier
from tools.experiments.committee import Believed
from tools.experiments.kinds import Claimed
from tools.experiments.seen_words import SeenWords
from tools.experiments.text_edits import CONTEXT, Text, Texts
from tools.experiments.text_edits import Tokens as Tokens
from tools.records.excerpts import Excerpts, ExploreActivations
from tools.records.hypothesis import WrittenText
from tools.rules.vocabulary import Vocabulary

Key: TypeAlias = tuple[tuple[str, ...], ...]

TIE = 1e-9
"""Noise that breaks ties between scores in 0-1 and nothing else: the first of equals would stand early in its text."""


@dataclass(frozen=True)
class Candidate:
    """A text that could be read; the neuron's value at its last token is what is predicted.

    Attributes:
        tokens: the ids, BOS left out.
        generator: how it was made.
        purpose: what was changed, or why it was retrieved, in a few words.
        carrier: names the excerpt or the sampled text that it was cut from.
        key: the last word and the four before it, and where something was changed or cut further back, the words
            there. Two texts with the same one are the same experiment.
        value_before: the raw value at the last token before the change, for edits of explore text that `edit` makes.
        about: the item of a rule that it puts to the test, as it stands in a sentence; empty where it is about none.
    """

    tokens: Tokens
    generator: str
    purpose: str
    carrier: str
    key: Key = ()
    value_before: float | None = None
    about: str = ""


def edit(text: Text, at: int, generator: str, purpose: str, carrier: Carrier, about: str = "") -> Candidate:
    """A candidate that is a carrier changed at its word number `at`, or cut before it.

    It has the value before the change only if that tells where the carrier ends: else a trace would show the change of
    another text.
    """
    is_far = at < len(text.words) - 1 - CONTEXT
    far = [tuple(word.text for word in text.words[max(0, at - CONTEXT) : at + 2])] if is_far else []
    value = round(carrier.value, 5) if carrier.is_found_by_value else None
    return Candidate(text.tokens, generator, purpose, carrier.name, (text.ending, *far), value, about)


@dataclass(frozen=True)
class Setting:
    """What generators work with in one round.

    Attributes:
        explore: what the neuron does on explore text.
        theta: the raw value above which it fires.
        carriers: explore text that ends where the neuron fires, to change; none of it used before in the run. Text that
            ends where an explanation says that it fires is `claimed.carriers(item)`.
        probe: the excerpts that were not used before in the run; texts only.
        on_probe: what the rivals say of them, [n, width].
        vocabulary: the subject model's tokens.
        texts: makes texts of that model.
        words: whole words of explore text: where the neuron fired, where it was silent, near a word, and all.
        named: words that rivals name, the most believed rival's first.
        believe: what the rivals say of token texts, int32 [n, pos] with -1 past the end.
        sample: from the subject model, a text for each prompt of token ids, which goes on for so many tokens; each is
            the prompt's length as it is read back, and the text's token ids, of which there are none where none came.
        fresh: how many tokens of a text can be had before it repeats 12 tokens of the corpus.
        written: texts that somebody wrote to be read.
        claimed: what readable rules among the rivals say about kinds of words; None where nobody here reads them.
            Generators that need it are marked so in the registry, and take it from `rules`.
    """

    explore: ExploreActivations
    theta: float
    carriers: list[Carrier]
    probe: Excerpts
    on_probe: Believed
    vocabulary: Vocabulary
    texts: Texts
    words: SeenWords
    named: list[str]
    believe: Callable[[NDArray[np.int32]], Believed]
    sample: Callable[[Sequence[Tokens], int, np.random.Generator], list[tuple[int, Tokens]]]
    fresh: Callable[[Tokens], int]
    written: list[WrittenText] = field(default_factory=list)
    claimed: Claimed | None = None

    @property
    def rules(self) -> Claimed:
        """`claimed`, for generators that are left out where there is none."""
        if self.claimed is None:
            raise ValueError("nobody here reads rules: mark the generator with needs_rules in the registry")
        return self.claimed

    @cached_property
    def probe_ends(self) -> NDArray[np.bool_]:
        """Where probe texts can be cut after a whole word, [n, width]."""
        return self.texts.ends_words(self.probe.tokens)

    def changed(self, generator: str, wanted: Sequence[tuple[Carrier, int, str | None, str]]) -> list[Candidate]:
        """Carriers with one word changed, as (carrier, number of the word, the new one or None to leave it out,
        purpose); those of them that are texts with just that word changed."""
        made = self.texts.with_word([(carrier.text, at, word) for carrier, at, word, _ in wanted])
        return [
            edit(text, at, generator, purpose, carrier)
            for (carrier, at, _, purpose), text in zip(wanted, made, strict=True)
            if text is not None
        ]


def nearest(vocabulary: Vocabulary, tokens: list[int], among: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """The `n` tokens of `among` [d_vocab] that are nearest to each token in the embedding, [len(tokens), at most n].

    The nearest come first; a token is no neighbour of itself.
    """
    there = np.flatnonzero(among)
    n = min(n, len(there) - 1)
    if n < 1 or not tokens:
        return np.empty((len(tokens), 0), dtype=np.int64)
    cosine = vocabulary.directions[tokens] @ vocabulary.directions.T
    cosine[:, ~among] = -np.inf
    cosine[np.arange(len(tokens)), tokens] = -np.inf
    best = np.argpartition(-cosine, n - 1, axis=1)[:, :n]
    order = np.argsort(-np.take_along_axis(cosine, best, 1), axis=1, kind="stable")
    return np.take_along_axis(best, order, 1)
