"""What is known of a neuron from explore text, as a prompt shows it: contexts, word statistics, kinds of words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tools.prompts.quoting import Scale, Shown, block, quoted, with_levels


@dataclass(frozen=True)
class WordRow:
    """A word: how often it was seen, the mean level on it, and the share of times that the neuron fired on it."""

    word: str
    n: int
    level: float
    fires: float


@dataclass(frozen=True)
class ClassRow:
    """A kind of words: on what share of them the neuron fires, what share of its firing they are, and some of them."""

    name: str
    fires_in: float
    covers: float
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """What a prompt shows of one neuron on explore text.

    Attributes:
        scale: how raw values are told.
        share: of all words, on how many it fires.
        top: contexts of its strongest firings, cut around them.
        weaker: contexts of firings over the whole range, and of weak activations.
        pairs: the same word firing and silent, each text ending at it.
        random: text drawn at random.
        words: those that tell most.
        classes: kinds of words that it prefers, by a search.
        notes: what else is known, a line each.
        unexplained: contexts of strong firings that some explanations do not predict, cut around them.
        checked: the numbers of those explanations.
    """

    scale: Scale
    share: float = 0.0
    top: tuple[Shown, ...] = ()
    weaker: tuple[Shown, ...] = ()
    pairs: tuple[tuple[Shown, Shown], ...] = ()
    random: tuple[Shown, ...] = ()
    words: tuple[WordRow, ...] = ()
    classes: tuple[ClassRow, ...] = ()
    notes: tuple[str, ...] = ()
    unexplained: tuple[Shown, ...] = ()
    checked: tuple[int, ...] = ()


def paragraphs(evidence: Evidence) -> list[str]:
    """All of it, as parts of a prompt."""
    return [
        f"It fires on {evidence.share:.2%} of all words. {evidence.scale.stated()}",
        *top_paragraphs(evidence),
        *_texts("Weaker firings, and weak activations:", evidence.weaker, evidence.scale),
        *pair_paragraphs(evidence),
        *_part(
            "Words that tell most: times seen, mean level, share of times that it fires on them:",
            (f"{quoted(row.word)} {row.n} {row.level:.1f} {row.fires:.0%}" for row in evidence.words),
        ),
        *_part(
            "Kinds of words that it prefers, found by a search (a hint, which may miss the point):", _kinds(evidence)
        ),
        *_texts("Random text:", evidence.random, evidence.scale),
        *_part("Also known:", map(quoted, evidence.notes)),
    ]


def pair_paragraphs(evidence: Evidence, most: int | None = None) -> list[str]:
    """The same words firing and silent; all that are known, or so many."""
    lines = [
        line
        for firing, silent in evidence.pairs[:most]
        for line in (
            f"fires:  {with_levels(firing, evidence.scale)}",
            f"silent: {with_levels(silent, evidence.scale)}",
        )
    ]
    return _part("The same word firing and silent; each text ends at it:", lines)


def top_paragraphs(evidence: Evidence, most: int | None = None) -> list[str]:
    """Where it fires most; all that is known, or so many texts of it."""
    return _texts("Where it fires most, each text cut shortly after:", evidence.top[:most], evidence.scale)


def unexplained_paragraphs(evidence: Evidence) -> list[str]:
    """Where it fires strongly although explanations do not say so."""
    checked = ", ".join(map(str, evidence.checked))
    return _texts(f"Strong firings not predicted by no. {checked} above:", evidence.unexplained, evidence.scale)


def _kinds(evidence: Evidence) -> Iterable[str]:
    for row in evidence.classes:
        examples = f", such as {', '.join(map(quoted, row.examples))}" if row.examples else ""
        yield f"{quoted(row.name)}: fires on {row.fires_in:.0%} of them, {row.covers:.0%} of all firing{examples}"


def _texts(heading: str, shown: Sequence[Shown], scale: Scale) -> list[str]:
    return _part(heading, (with_levels(one, scale) for one in shown))


def _part(heading: str, lines: Iterable[str]) -> list[str]:
    told = list(lines)
    return [f"{heading}\n{block(told)}"] if told else []
