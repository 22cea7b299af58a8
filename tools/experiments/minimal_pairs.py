"""Minimal pairs: one token of a text on which the neuron fires is swapped, deleted or masked."""

from __future__ import annotations

import numpy as np

from tools.experiments.candidates import Candidate, Setting, edit, nearest
from tools.rules.language import quote

NEAR_BACK, N_FAR = 6, 4
N_NEIGHBOURS = 12


def minimal_pairs(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Of each carrier: three other last tokens, and a change at each of the six tokens before it and at four further
    back.

    To swap the last token is to write a neighbour in the embedding or a token at which the neuron was silent; to swap
    one further back, what stood as far before a silence; to mask it, the commonest token of all text.
    """
    strings = setting.vocabulary.strings
    text = setting.explore.excerpts
    commonest = int(np.bincount(text.tokens[text.mask], minlength=len(strings)).argmax())
    out: list[Candidate] = []
    neighbours = nearest(setting.vocabulary, [int(c.tokens[-1]) for c in setting.carriers], setting.seen, N_NEIGHBOURS)
    for carrier, near in zip(setting.carriers, neighbours, strict=True):
        tokens, end = carrier.tokens, len(carrier.tokens) - 1
        last = int(tokens[end])
        others = [*rng.permutation(near)[:2].tolist(), setting.silent_token(0, rng)]
        for token in others:
            if token != last:
                swapped = np.append(tokens[:end], np.int32(token))
                out.append(
                    edit(swapped, "minimal_pair", f"swap {quote(strings[last])} for {quote(strings[token])}", carrier)
                )
        far = rng.permutation(np.arange(NEAR_BACK + 1, end + 1))[:N_FAR]
        for back in [*range(1, min(NEAR_BACK, end) + 1), *sorted(far.tolist())]:
            gone = int(tokens[end - back])
            what = f"{quote(strings[gone])}, {back} back"
            action = int(rng.integers(3))
            if action == 0:
                out.append(edit(np.delete(tokens, end - back), "minimal_pair", f"delete {what}", carrier))
                continue
            token = setting.silent_token(back, rng) if action == 1 else commonest
            if token != gone:
                changed = tokens.copy()
                changed[end - back] = token
                verb = "swap" if action == 1 else "mask"
                out.append(edit(changed, "minimal_pair", f"{verb} {what}, for {quote(strings[token])}", carrier))
    return out
