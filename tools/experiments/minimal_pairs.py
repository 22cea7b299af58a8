"""Minimal pairs: one word of a text on which the neuron fires is swapped, deleted or masked."""

from __future__ import annotations

import numpy as np

from tools.experiments.candidates import Candidate, Setting
from tools.experiments.carriers import Carrier
from tools.rules.language import quote
from tools.scoring.log_score import MINIMAL_PAIR

NEAR_BACK, N_FAR = 6, 4
N_NEIGHBOURS = 12


def minimal_pairs(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Of each carrier: three other last words, and a change at each of the six words before it and at four further
    back.

    To swap the last word is to write a neighbour in the embedding or a word at which the neuron was silent; to swap
    one further back, a word that is silent elsewhere; to mask it, the commonest word of all text. A mark of punctuation
    gives way to another.
    """
    wanted: list[tuple[Carrier, int, str | None, str]] = []
    for carrier in setting.carriers:
        words, last = carrier.text.words, carrier.last
        near = setting.words.near(setting.texts.tokens_of(carrier.text, last), carrier.word, N_NEIGHBOURS)
        others = [*rng.permutation(near)[:2].tolist(), *setting.words.silent(carrier.word, 1, rng)]
        wanted += [
            (carrier, last, word, f"swap {quote(carrier.word)} for {quote(word)}")
            for word in dict.fromkeys(others)
            if word != carrier.word
        ]
        # The first word of an excerpt may be the end of one.
        far = rng.permutation(np.arange(NEAR_BACK + 1, last))[:N_FAR]
        for back in [*range(1, min(NEAR_BACK, last - 1) + 1), *sorted(far.tolist())]:
            gone = words[last - back].text
            what = f"{quote(gone)}, {back} back"
            action = int(rng.integers(3))
            if action == 0:
                wanted.append((carrier, last - back, None, f"delete {what}"))
                continue
            found = setting.words.silent(gone, 1, rng) if action == 1 else [setting.words.commonest(gone)]
            for new in found:
                if new is not None and new != gone:
                    verb = "swap" if action == 1 else "mask"
                    wanted.append((carrier, last - back, new, f"{verb} {what}, for {quote(new)}"))
    return setting.changed(MINIMAL_PAIR, wanted)
