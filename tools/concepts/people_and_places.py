"""Names of people and places, from the US census and GeoNames, and what people of a country are called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tools.concepts.class_definitions import ClassDefinition
from tools.concepts.english import Inflector
from tools.concepts.meanings import KNOWN
from tools.concepts.wordnet import Key, WordNet

_CENSUS = "US Census Bureau, names of 1990"
_GEONAMES = "GeoNames"
_N_MEN, _N_WOMEN, _N_SURNAMES = 1219, 2000, 6000
_LARGE_CITY = 250_000
_USED = 1.5


@dataclass(frozen=True)
class Places:
    """What GeoNames knows: names, and of cities their inhabitants."""

    countries: Sequence[str] = ()
    capitals: Sequence[str] = ()
    states: Sequence[str] = ()
    continents: Sequence[str] = ()
    cities: Mapping[str, int] = field(default_factory=dict)


def people(men: Sequence[tuple[str, float]], women: Sequence[tuple[str, float]], last: Sequence[tuple[str, float]],
           common: Mapping[str, int]) -> list[ClassDefinition]:  # fmt: skip
    """Classes of names; each list has names in capitals with their share in percent, most frequent first."""
    of_men, of_women = dict(men[:_N_MEN]), dict(women[:_N_WOMEN])
    male = [name for name, share in of_men.items() if share >= 0.1 * of_women.get(name, 0)]
    female = [name for name, share in of_women.items() if share >= 0.1 * of_men.get(name, 0)]
    surnames = [name for name, _ in last[:_N_SURNAMES] if len(name) > 2]
    return [
        _names("male first names", male, _CENSUS, common),
        _names("female first names", female, _CENSUS, common),
        _names("first names", sorted({*male, *female}), _CENSUS, common),
        _names("surnames", surnames, _CENSUS, common),
    ]


def places(known: Places, common: Mapping[str, int]) -> list[ClassDefinition]:
    """Classes of places."""
    cities = [name for name, n in known.cities.items() if n >= _LARGE_CITY]
    return [
        _names("countries", known.countries, _GEONAMES, common),
        _names("capital cities", known.capitals, _GEONAMES, common),
        _names("cities", [*cities, *known.capitals], _GEONAMES, common),
        _names("US states", known.states, _GEONAMES, common),
        _names("continents", known.continents, _GEONAMES, common),
    ]


def nationalities(wordnet: WordNet, english: Inflector) -> ClassDefinition:
    """What belongs to a country: adjectives and nouns such as French, Dane and Danes."""
    members: dict[str, bool] = {}
    country = {key for name in ("country.n.2", "country.n.1", "nation.n.1") for key in _tree(wordnet, name)}
    for synset in wordnet.of("a"):
        if country.intersection(wordnet.related(synset.key, "\\")):
            members |= {word: False for word in synset.words if word[0].isupper() and word.isalpha()}
    for key in wordnet.tree(wordnet.find("inhabitant.n.1")):
        for word in wordnet.synsets[key].words:
            if word[0].isupper() and word.isalpha():
                plurals = [f"{word}s", *([f"{word[:-3]}men"] if word.endswith("man") else [])]  # Germans, Frenchmen
                members |= dict.fromkeys([word, *(one for one in plurals if english.frequency(one) >= _USED)], False)
    return ClassDefinition(
        "nationalities", "name", "WordNet 3.1", "what or who is of a country, region or city", members
    )


def _tree(wordnet: WordNet, name: str) -> list[Key]:
    keys = wordnet.tree(wordnet.find(name))
    return [*keys, *(one for key in keys for one in wordnet.instances.get(key, []))]


def _names(name: str, listed: Sequence[str], source: str, common: Mapping[str, int]) -> ClassDefinition:
    members = {}
    for one in listed:
        spelled = _spelled(one) if one.isupper() and len(one) > 2 else one
        members[spelled] = common.get(spelled.lower(), 0) >= KNOWN
    return ClassDefinition(name, "name", source, "", members)


def _spelled(name: str) -> str:
    """A name that is given in capitals, as people write it."""
    return re.sub(r"^Mc(\w)", lambda match: "Mc" + match.group(1).upper(), name.title())
