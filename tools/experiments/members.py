"""Does a kind of words hold for more than the words that were seen? Its unseen members, its border, its other contexts.

Each word stands in real text: in the place of one on which the item of a rule holds, or where it was found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tools.experiments.candidates import Candidate, Setting, edit
from tools.experiments.carriers import Carrier, lot
from tools.experiments.kinds import Claimed, written_like
from tools.readable.generalisation import SISTER_CLASS, UNSEEN_MEMBER
from tools.readable.rule import Item
from tools.rules.language import quote

UNSEEN, SISTER, ELSEWHERE = UNSEEN_MEMBER, SISTER_CLASS, "other_context"
N_EACH = 3
N_OF_ITEMS = 48
"""Candidates of a generator, shared out evenly among the items, so that every class has its turn."""

LEAST = 6
MOST_OFTEN = 2
"""Texts with the same word at the end that are retrieved for an item."""


def unseen_members(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Members of a rule's classes that no explore text showed: in the place of one on which the item holds, and where
    they stand in probe text. The rule says that the neuron fires."""
    claimed = setting.rules
    out: list[Candidate] = []
    items = claimed.of_classes()
    for item in items:
        told, n = claimed.kinds.said(item), share(items)
        words = claimed.untried(claimed.kinds.unseen(item.kind))
        why = dict.fromkeys(words, f"unseen, one of {told}")
        put_in = _put_in(setting, claimed, item, why, UNSEEN, True)[:n]
        places = claimed.kinds.unseen_on_probe(item)[claimed.probe_rows]
        found = _retrieved(setting, places, UNSEEN, f"unseen, one of {told}", told, max(n // 2, n - len(put_in)))
        out += [*put_in, *found]
    return out


def sister_classes(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Put words of sister classes in the same places: the rule predicts silence, and a rule of a wider class predicts
    firing."""
    claimed = setting.rules
    out: list[Candidate] = []
    items = claimed.of_classes()
    for item in items:
        told = claimed.kinds.said(item)
        border = {one.word: one.of for one in claimed.kinds.border(item.kind)}
        why = {word: f"one of {border[word]}, not of {told}" for word in claimed.untried(list(border))}
        out += _put_in(setting, claimed, item, why, SISTER, False)[: share(items)]
    return out


def other_contexts(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Words of a rule where its context does not hold, and words that belong to its classes by a rarer sense."""
    claimed = setting.rules
    out: list[Candidate] = []
    items = claimed.in_contexts()
    for item in items:
        told = claimed.kinds.said(item)
        places = claimed.kinds.elsewhere_on_probe(item)[claimed.probe_rows]
        out += _retrieved(setting, places, ELSEWHERE, f"elsewhere than {told}", told, share(items))
    items = claimed.of_classes()
    for item in items:
        told = claimed.kinds.said(item)
        why = dict.fromkeys(claimed.untried(claimed.kinds.rarer(item.kind)), f"rarely one of {told}")
        out += _put_in(setting, claimed, item, why, ELSEWHERE, False)[: share(items)]
    return out


def share(items: list[Item]) -> int:
    """Candidates of a generator for each of some items."""
    return max(LEAST, N_OF_ITEMS // max(len(items), 1))


def _put_in(
    setting: Setting,
    claimed: Claimed,
    item: Item,
    why: Mapping[str, str],
    generator: str,
    holds: bool,
) -> list[Candidate]:
    """Carriers of an item that end with other words, those on which the item holds, or does not; `why` says of each
    word what it is."""
    if not why:
        return []
    often: Counter[str] = Counter()
    wanted: list[tuple[Carrier, int, str, str]] = []
    for carrier in claimed.carriers(item):
        for listed in claimed.kinds.fitting(list(why), carrier, often)[:N_EACH]:
            often[listed] += 1
            word = written_like(listed, carrier.word)
            wanted.append((carrier, carrier.last, word, f"{quote(word)} for {quote(carrier.word)}: {why[listed]}"))
    made = setting.texts.with_word([(carrier.text, at, word) for carrier, at, word, _ in wanted])
    good = [(one[0], one[3], text) for one, text in zip(wanted, made, strict=True) if text is not None]
    held = claimed.kinds.holds_at_ends(item, [text.tokens for _, _, text in good])
    told = claimed.kinds.said(item)
    out = []
    for (carrier, purpose, text), fits in zip(good, (held == holds).tolist(), strict=True):
        if fits:
            out.append(edit(text, len(text.words) - 1, generator, purpose, carrier, told))
    return out


def _retrieved(
    setting: Setting, places: NDArray[np.bool_], generator: str, purpose: str, about: str, most: int
) -> list[Candidate]:
    """At most so many probe texts cut at some of the places, by the hash of their number, few of them at one word."""
    probe = setting.probe
    places = places & setting.probe_ends
    names = [f"probe-{i}" for i in probe.ids.tolist()]
    rows = sorted(np.flatnonzero(places.any(1)).tolist(), key=lambda row: lot(names[row]))[: 2 * most]
    ends = []
    for row in rows:
        there = np.flatnonzero(places[row])
        ends.append(int(there[int(lot(names[row]), 16) % len(there)]))
    cuts = [(probe.tokens[row, : probe.lengths[row]], end + 1) for row, end in zip(rows, ends, strict=True)]
    often: Counter[str] = Counter()
    out: list[Candidate] = []
    for row, text in zip(rows, setting.texts.cut(cuts, True), strict=True):
        if text is None or not text.words:
            continue
        word = text.words[-1].text
        often[word.lower()] += 1
        if often[word.lower()] <= MOST_OFTEN and len(out) < most:
            why = f"{quote(word)}, {purpose}"
            out.append(Candidate(text.tokens, generator, why, names[row], (text.ending,), about=about))
    return out
