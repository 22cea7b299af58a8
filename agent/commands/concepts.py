"""`agent concepts`: the classes of words that explanations can be made of."""

from __future__ import annotations

import argparse
import dataclasses
import random
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

from agent.commands.output import say, say_json, width
from tools.concepts.concepts import Concept, Concepts
from traces.text import one_line, visible

_SAMPLE = 40


def list_all(arguments: argparse.Namespace) -> None:
    """Print the names of all classes, or of those of a kind."""
    concepts = _load(arguments)
    chosen = [concepts.get(name) for name in concepts.names(arguments.kind)]
    if arguments.json:
        say_json({"concepts": [_said(one) for one in chosen]})
        return
    longest = max((len(one.name) for one in chosen), default=0)
    lines = [f"{one.name:{longest}}  {one.kind:11}  {_size(one)}" for one in chosen]
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(Counter(one.kind for one in chosen).items()))
    say("\n".join([*lines, f"{len(chosen):,} classes{': ' if kinds else ''}{kinds}."]))


def show(arguments: argparse.Namespace) -> None:
    """Print what a class is, where it comes from and what belongs to it."""
    concepts = _load(arguments)
    concept = concepts.get(" ".join(arguments.name))
    main, every = concepts.members(concept.name), concepts.members(concept.name, rare=True)
    rarer = sorted(set(every) - set(main))
    if arguments.json:
        say_json({**_said(concept), "members": main, "rarer": rarer})
        return
    lines = [one_line(f"{concept.name} ({concept.kind}; {concept.source})")]
    lines += [one_line(concept.about)] if concept.about else []
    if concept.pattern is not None:
        where = "a whole word" if concept.over == "word" else "a stretch of text"
        lines.append(f"matches {where}: {visible(concept.pattern)}")
    if concept.is_listed:
        lines.append(f"{_size(concept)}, {len(rarer):,} of them by a rarer sense")
        lines += _wrapped("", main, everything=arguments.all)
        lines += _wrapped("rarer: ", rarer, everything=arguments.all) if rarer else []
    say("\n".join(lines))


def of_word(arguments: argparse.Namespace) -> None:
    """Print the classes that a word or phrase belongs to."""
    concepts = _load(arguments)
    word = " ".join(arguments.word)
    main = concepts.classes_of(word)
    rarer = sorted(set(concepts.classes_of(word, rare=True)) - set(main))
    if arguments.json:
        say_json({"word": word, "classes": main, "rarer": rarer})
        return
    lines = [f"{name} ({concepts.get(name).kind})" for name in main] or [one_line(f'No class has "{word}".')]
    lines += textwrap.wrap(f"by a rarer sense: {', '.join(rarer)}", width()) if rarer else []
    say("\n".join(lines))


def _load(arguments: argparse.Namespace) -> Concepts:
    return Concepts.load(None if arguments.concepts is None else Path(arguments.concepts))


def _said(concept: Concept) -> dict[str, Any]:
    return {key: value for key, value in dataclasses.asdict(concept).items() if value not in (None, "")}


def _size(concept: Concept) -> str:
    if concept.n_members is not None:
        return f"{concept.n_members:,} members"
    return "a pattern" if concept.pattern is not None else "a context"


def _wrapped(head: str, words: list[str], *, everything: bool) -> list[str]:
    """Some of the words, the same each time, or all of them, in lines."""
    some = words if everything else sorted(random.Random(0).sample(words, min(_SAMPLE, len(words))))
    more = "" if len(some) == len(words) else ", ...: all with --all"
    return textwrap.wrap(head + ", ".join(some) + more, width())
