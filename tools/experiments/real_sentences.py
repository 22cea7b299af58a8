"""Real English sentences from outside the corpus, in which an item of a believed rule holds: does it hold there too?"""

from __future__ import annotations

from collections import Counter

import numpy as np

from tools.experiments.candidates import Candidate, Setting
from tools.experiments.carriers import lot
from tools.experiments.kinds import MOST_ITEMS, Claimed
from tools.experiments.members import MOST_OFTEN, share
from tools.making.bank import Find
from tools.readable.rule import Item
from tools.rules.language import quote

REAL = "real_sentence"


def real_sentences(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Sentences cut after a word on which an item holds. A word may have fired in the corpus because of the words
    around it there, so a rule about the word is tested in sentences by other authors."""
    claimed = setting.rules
    items = claimed.all_items[:MOST_ITEMS]
    return [one for item in items for one in _of_item(setting, claimed, item, share(items))]


def _of_item(setting: Setting, claimed: Claimed, item: Item, most: int) -> list[Candidate]:
    often: Counter[str] = Counter()
    finds: list[tuple[str, Find]] = []
    for begun, find in sorted(
        ((_begun(one), one) for one in claimed.kinds.in_sentences(item)), key=lambda one: lot(one[0])
    ):
        often[find.word] += 1
        if often[find.word] <= MOST_OFTEN and len(finds) < 2 * most:
            finds.append((begun, find))
    read = setting.texts.encode([begun for begun, _ in finds])
    good = [(find, text) for (_, find), text in zip(finds, read, strict=True) if text is not None and text.words]
    held = claimed.kinds.holds_at_ends(item, [text.tokens for _, text in good])
    told = claimed.kinds.said(item)
    out: list[Candidate] = []
    for (find, text), holds in zip(good, held.tolist(), strict=True):
        if holds and len(out) < most:
            why = f"{quote(find.word)} in a sentence from outside the corpus, one of {told}"
            out.append(Candidate(text.tokens, REAL, why, f"sentence-{lot(text.text)[:12]}", (text.ending,), about=told))
    return out


def _begun(find: Find) -> str:
    """The sentence up to where the item holds first."""
    out = ""
    for piece in find.draft:
        out += piece.text
        if piece.meant:
            break
    return out
