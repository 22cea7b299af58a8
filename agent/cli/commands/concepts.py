"""`agent concepts`: the word classes that explanations can name."""

from __future__ import annotations

import argparse
import dataclasses
import io
import random
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli.option_types import whole
from agent.cli.options import Part, add_concepts, add_json, corpus_part, neuron_part, output_part, reading_arguments
from agent.cli.output import progress, say, say_json, width
from agent.cli.parsing import Commands, command, group
from traces.text.formatting import one_line, visible

if TYPE_CHECKING:
    from tools.concepts.concepts import Concept, Concepts


_SAMPLE = 40


def add(commands: Commands) -> None:
    """Mount them."""
    under = group(
        commands, "concepts", "Look at the word classes that explanations can name.",
        "agent concepts show verbs of emotion\n  agent concepts of forgiveness",
    )  # fmt: skip
    options = Part()
    add_concepts(options)
    add_json(options)
    listed = command(
        under, "list", list_all, "List all classes, or those of one kind.",
        "agent concepts list --kind closed", [options],
    )  # fmt: skip
    listed.add_argument(
        "--kind", metavar="KIND",
        choices=("meaning", "closed", "grammar", "calendar", "name", "punctuation", "format", "code", "spelling"),
        help="meaning, closed, grammar, calendar, name, punctuation, format, code or spelling",
    )  # fmt: skip
    shown = command(
        under, "show", show,
        "Show what a class is, where it comes from and its members.",
        "agent concepts show putting things right --all", [options],
    )  # fmt: skip
    shown.add_argument("name", nargs="+", metavar="NAME", help="the name of a class; needs no quotes")
    shown.add_argument("--all", action="store_true", help="all members, not some")
    of = command(
        under, "of", of_word, "List the classes that a word or phrase belongs to.",
        "agent concepts of forgiveness", [options],
    )  # fmt: skip
    of.add_argument("word", nargs="+", metavar="WORD", help="a word or phrase")
    firing = command(
        under, "fires", fires,
        "List the word classes that a neuron fires on. They are chosen on half of the text that an explainer "
        "may see, and measured on the other half.",
        "agent concepts fires L8N321 --model smollm2 --corpus FILE",
        [neuron_part(), corpus_part(), output_part()], ("agent.api",),
    )  # fmt: skip
    firing.add_argument("-n", type=whole(1), default=12, metavar="N", help="how many (default: 12)")
    add_concepts(firing)


def list_all(arguments: argparse.Namespace) -> None:
    """Print the names of all classes, or of those of one kind."""
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
    """Print what a class is, where it comes from and its members."""
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


def fires(arguments: argparse.Namespace) -> None:
    """Print the word classes that best predict where a neuron fires."""
    from rich.console import Console
    from rich.table import Table

    from agent.api import firing_classes

    with progress(quiet=arguments.quiet) as display:
        found = firing_classes(
            arguments.target,
            arguments.n,
            **reading_arguments(arguments),
            concepts=arguments.concepts,
            display=display,
        )
    if arguments.json:
        say_json(dataclasses.asdict(found) | {"neuron": str(found.neuron)})
        return
    table = Table(box=None, pad_edge=False, header_style="")
    for name in ("class", "r", "fires in", "covers", "distinct words", "unseen", "words on which it fires"):
        table.add_column(name, justify="left" if name in ("class", "words on which it fires") else "right")
    for one in found.classes:
        table.add_row(
            visible(one.name), f"{one.correlation:.2f}", f"{one.fires_in:.0%}", f"{one.covers:.0%}",
            f"{one.n_distinct:,}", f"{one.unseen:.0%}", visible(", ".join(one.examples)),
        )  # fmt: skip
    say(
        f"{found.model}/{found.neuron} on {found.corpus}: fires above {found.theta:.3g}, on {found.rate:.2%} of words\n"
    )
    if found.classes:
        with io.StringIO() as drawn:
            Console(file=drawn, width=max(100, width()), markup=False, highlight=False).print(table)
            say("\n".join(line.rstrip() for line in drawn.getvalue().splitlines()))
    say(
        "\nChosen on one half of the explore text, measured on the other. r: correlation of being in the class with "
        "the value\non a word. Fires in: share of the class's words. Covers: share of the words it fires on. Unseen: "
        "share of the class's\nfiring words that the first half lacks."
    )


def _load(arguments: argparse.Namespace) -> Concepts:
    from tools.concepts.concepts import Concepts

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
