"""Classes of meaning and of grammar, made of WordNet's synsets."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tools.concepts.class_definitions import ClassDefinition
from tools.concepts.english import Inflector
from tools.concepts.wordnet import Key, Synset, WordNet

SOURCE = "WordNet 3.1"
_FORMS_SOURCE = "WordNet 3.1 and LemmInflect"

_FILES = {
    4: "nouns of action", 5: "animals", 6: "man-made things", 7: "qualities", 8: "body parts", 9: "nouns of thinking",
    10: "nouns of communication", 11: "happenings", 12: "feelings", 13: "foods and drinks", 14: "groups", 15: "places",
    16: "motives", 17: "natural objects", 18: "people by kind", 19: "natural phenomena", 20: "plants",
    21: "possessions and money", 22: "natural processes", 23: "quantities", 24: "relations", 25: "shapes",
    26: "states and conditions", 27: "substances", 28: "nouns of time", 29: "verbs of the body", 30: "verbs of change",
    31: "verbs of thinking", 32: "verbs of communication", 33: "verbs of competition", 34: "verbs of consuming",
    35: "verbs of contact", 36: "verbs of making", 37: "verbs of emotion", 38: "verbs of motion",
    39: "verbs of perception", 40: "verbs of possession", 41: "social verbs", 42: "verbs of being",
    43: "verbs of weather", 44: "participial adjectives", 1: "relational adjectives",
}  # fmt: skip
_GRAMMAR = {
    "n": {"NN": "singular nouns", "NNS": "plural nouns"},
    "v": {
        "VB": "base form verbs", "VBZ": "verbs in -s", "VBD": "past tense verbs", "VBN": "past participles",
        "VBG": "verbs in -ing",
    },
    "a": {"JJR": "comparatives", "JJS": "superlatives"},
    "r": {"RBR": "comparatives", "RBS": "superlatives"},
}  # fmt: skip
_PARTS = {"n": "nouns", "v": "verbs", "a": "adjectives", "r": "adverbs"}
_RARE_WORD, _KNOWN_WORD, _COMMON_NAME = 1.8, 3.0, 2.9
_SMALLEST, _LARGEST, _LARGEST_FAMILY = 8, 1500, 500
KNOWN = 5  # a word seen so often with a small letter is more than a name
_MAIN_SHARE = 0.2  # a reading seen this often, against the word's most frequent one, is one that a person thinks of
_SAME = 0.8
_ROMAN = re.compile(r"(?=.{2})[mc]*(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})", re.IGNORECASE)
_PLANTS_AND_ANIMALS, _COMMUNICATION = (5, 20), 10


Reading = tuple[Key, str]  # a word in one of its meanings


@dataclass(frozen=True)
class Choices:
    """What is known before: classes to leave out or to call otherwise, words that only do grammar, first names."""

    drop: frozenset[str]
    rename: dict[str, str]
    function_words: frozenset[str]
    first_names: frozenset[str] = frozenset()


class Meanings:
    """Makes the classes.

    Args:
        wordnet: where synsets and senses come from.
        english: inflections and frequencies.
        choices: what people decided.
    """

    def __init__(self, wordnet: WordNet, english: Inflector, choices: Choices) -> None:
        self._wordnet, self._english, self._choices = wordnet, english, choices
        self._forms: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {}
        self._top: dict[str, int] = defaultdict(int)
        self._words: dict[Key, list[str]] = {}
        self._lower_words: set[str] = set()
        self._hyphenated = {word for synset in wordnet.of("v") for word in synset.words if "-" in word}
        for synset in wordnet.of("n", "v", "a", "r"):
            self._words[synset.key] = [word for word in synset.words if self._is_used(word, synset)]
            for word in self._words[synset.key]:
                count = wordnet.sense(word, synset.key).count
                for form in self._all_forms(word, synset.key[0]):
                    self._top[form.lower()] = max(self._top[form.lower()], count)
                    if form.islower():
                        self._lower_words.add(form)

    def common_words(self) -> dict[str, int]:
        """Words in small letters, and how often WordNet's texts had the most frequent reading of each."""
        return {word: self._top[word] for word in sorted(self._lower_words)}

    def classes(self) -> list[ClassDefinition]:
        """All classes: broad, chosen synsets, families of derived words, adjectives, topics, names, and grammar."""
        made = [*self._broad(), *self._nouns_and_verbs(), *self._adjectives(), *self._topics(), *self._named()]
        kept = [one for one in made if one.name not in self._choices.drop]
        for one in kept:
            one.name = self._choices.rename.get(one.name, one.name)
        return [*_without_twins(kept, self._english), *self._grammar()]

    def union(self, names: Sequence[str]) -> dict[str, bool]:
        """The members of several synsets and all under them, with the words derived from those."""
        keys = [key for name in names for key in self._wordnet.tree(self._wordnet.find(name))]
        return self._members([*self._pairs(keys), *self._derived(keys)])

    def inflected(self, lemmas: Iterable[tuple[str, str]]) -> dict[str, bool]:
        """All forms of some words, given with their parts of speech, as members by a sense that one thinks of."""
        return {form: False for word, pos in lemmas for form in self._all_forms(word, pos)}

    # Words

    def _is_used(self, word: str, synset: Synset) -> bool:
        pieces = re.split(r"[ -]", word)
        if not re.fullmatch(r"[^\W\d_]+(['. -]+[^\W\d_]+)*\.?", word) or len(word) < 2:
            return False
        count = self._wordnet.sense(word, synset.key).count
        if count == 0 and len(word) == 2 and word.islower():  # chemical signs and the like
            return False
        if count == 0 and _ROMAN.fullmatch(word):
            return False
        is_latin = synset.file in _PLANTS_AND_ANIMALS and any(one.startswith("genus ") for one in synset.words)
        if is_latin and word[0].isupper():
            return False
        if len(pieces) > 1:
            is_kept = synset.file not in _PLANTS_AND_ANIMALS and len(pieces) <= 3
            return is_kept and (count > 0 or all(self._english.frequency(piece) >= _KNOWN_WORD for piece in pieces))
        return count > 0 or self._english.frequency(word) >= _RARE_WORD

    def _tagged(self, word: str, pos: str) -> dict[str, tuple[str, ...]]:
        if (word, pos) not in self._forms:
            self._forms[word, pos] = self._inflect(word, pos)
        return self._forms[word, pos]

    def _inflect(self, word: str, pos: str) -> dict[str, tuple[str, ...]]:
        pieces = re.split(r"([ -])", word)
        if len(pieces) == 1:
            if word.islower():
                return dict(self._english.forms(word, pos))
            is_counted = pos == "n" and self._english.frequency(f"{word}s") >= _RARE_WORD
            return {"NN": (word,), "NNS": (f"{word}s",)} if is_counted else {"": (word,)}
        is_first = (
            pos == "v" and "-" not in word and word.replace(" ", "-") not in self._hyphenated
        )  # not cross examine
        at = 0 if is_first else len(pieces) - 1
        if pos not in "nv" or not pieces[at].islower():
            return {"": (word,)}
        head, tail = "".join(pieces[:at]), "".join(pieces[at + 1 :])
        inflected = self._english.forms(pieces[at], pos).items()
        return {tag: tuple(head + form + tail for form in forms) for tag, forms in inflected}

    def _all_forms(self, word: str, pos: str) -> list[str]:
        return sorted({form for forms in self._tagged(word, pos).values() for form in forms} | {word})

    def _is_main(self, form: str, word: str, key: Key) -> bool:
        sense = self._wordnet.sense(word, key)
        lower = form.lower()
        if lower in self._choices.function_words:
            return False
        if lower in self._choices.first_names and self._top[lower] < KNOWN:  # john, jack and dick
            return False
        return sense.number <= 2 and sense.count + 1 >= _MAIN_SHARE * (self._top[lower] + 1)

    def _pairs(self, keys: Iterable[Key]) -> list[Reading]:
        return [(key, word) for key in keys for word in self._words[key]]

    def _members(self, readings: Iterable[Reading]) -> dict[str, bool]:
        """All forms of some words, each with whether it belongs by a rarer sense only."""
        members: dict[str, bool] = {}
        for key, word in readings:
            is_language = word[0].isupper() and self._wordnet.synsets[key].file == _COMMUNICATION  # has no plural
            for form in [word] if is_language else self._all_forms(word, key[0]):
                members[form] = members.get(form, True) and not self._is_main(form, word, key)
        return members

    def _lemmas(self, readings: Iterable[Reading]) -> set[str]:
        """Single words that belong by a sense that one thinks of."""
        return {word for key, word in readings if word.isalpha() and self._is_main(word, word, key)}

    def _derived(self, keys: Sequence[Key]) -> list[Reading]:
        """What the words of some synsets were derived into, or from."""
        return sorted({one for key in keys for one in self._wordnet.derived(key) if one[1] in self._words[one[0]]})

    # Classes

    def _broad(self) -> list[ClassDefinition]:
        by_file: dict[int, list[Key]] = defaultdict(list)
        for synset in self._wordnet.of("n", "v", "a"):
            is_instance = bool(self._wordnet.related(synset.key, "@i"))
            if synset.file in _FILES and not is_instance:
                by_file[synset.file].append(synset.key)
        return [
            ClassDefinition(
                _FILES[file], "meaning", SOURCE, "a whole file of WordNet's", self._members(self._pairs(keys))
            )
            for file, keys in sorted(by_file.items())
        ]

    def _nouns_and_verbs(self) -> list[ClassDefinition]:
        made = []
        for synset in self._wordnet.of("n", "v"):
            word = self._name_word(synset)
            if word is None:
                continue
            keys = self._wordnet.tree(synset.key)
            lemmas = self._lemmas(self._pairs(keys))
            pos = synset.key[0]
            if not _SMALLEST <= len(lemmas) <= _LARGEST:
                continue
            if pos == "n":
                made.append(self._made(self._kinds(word, synset), synset, self._pairs(keys)))
            else:
                ing = self._tagged(word, "v").get("VBG", ("",))[0]
                if not ing or " " in ing:
                    continue
                made.append(self._made(f"verbs of {ing}", synset, self._pairs(keys)))
                derived = self._derived(keys)
                more = self._lemmas(derived) - lemmas
                if len(more) >= _SMALLEST // 2 and len(more) + len(lemmas) <= _LARGEST_FAMILY:
                    made.append(self._made(f"words about {ing}", synset, [*self._pairs(keys), *derived]))
        return made

    def _name_word(self, synset: Synset) -> str | None:
        """The word of a synset that people know it by: its first sense, and nothing more frequent spelled alike."""
        pos = synset.key[0]

        def rank(word: str) -> tuple[bool, int, float]:
            shown = self._tagged(word, pos).get("VBG" if pos == "v" else "", (word,))[0]
            return " " not in word, self._wordnet.sense(word, synset.key).count, self._english.frequency(shown)

        words = [
            word
            for word in self._words[synset.key]
            if self._wordnet.sense(word, synset.key).number == 1
            and (word.islower() or synset.file == 18)
            and len(re.split(r"[ -]", word)) <= 2
            and self._is_main(word, word, synset.key)
        ]
        best = max(words, key=rank, default=None)
        return best if best is not None and self._english.frequency(best) >= _COMMON_NAME else None

    def _kinds(self, word: str, synset: Synset) -> str:
        """A noun as the name of a class: in the plural, where it has one that people use; people always have."""
        last = re.split(r"[ -]", word)[-1]
        plurals = [plural for plural in self._tagged(last, "n").get("NNS", ()) if plural != last]
        best = max(plurals, key=self._english.frequency, default=None)
        is_counted = best is not None and self._english.frequency(best) >= self._english.frequency(last) - 1.5
        if best is not None and (is_counted or synset.file == 18):
            return word.removesuffix(last) + best
        return f"kinds of {word}"

    def _made(self, name: str, synset: Synset, readings: Sequence[Reading]) -> ClassDefinition:
        return ClassDefinition(name, "meaning", SOURCE, synset.gloss, self._members(readings))

    def _adjectives(self) -> list[ClassDefinition]:
        made = []
        for synset in self._wordnet.of("n"):
            heads = self._wordnet.related(synset.key, "=")
            word = self._name_word(synset)
            keys = list(dict.fromkeys(key for head in heads for key in self._wordnet.tree(head)))
            if word is not None and len(self._lemmas(self._pairs(keys))) >= _SMALLEST:
                made.append(self._made(f"adjectives of {word}", synset, self._pairs(keys)))
        for synset in self._wordnet.of("a"):
            word = self._name_word(synset)
            keys = self._wordnet.tree(synset.key)
            if word is not None and len(keys) > 1 and len(self._lemmas(self._pairs(keys))) >= _SMALLEST:
                made.append(self._made(f"adjectives like {word}", synset, self._pairs(keys)))
        return made

    def _topics(self) -> list[ClassDefinition]:
        made = []
        for key in sorted(self._wordnet.in_domain):
            topic = self._wordnet.synsets[key]
            word, within = self._name_word(topic), self._pairs(self._wordnet.in_domain[key])
            if word is not None and len(self._lemmas(within)) >= _SMALLEST:
                made.append(self._made(f"words of {word}", topic, within))
        return made

    def _named(self) -> list[ClassDefinition]:
        """Names of single things, such as rivers and gods."""
        made = []
        for key in sorted(self._wordnet.instances):
            word = self._name_word(self._wordnet.synsets[key])
            below = [one for lower in self._wordnet.tree(key) for one in self._wordnet.instances.get(lower, [])]
            names = {w for one in below for w in self._words[one] if w.isalpha()}
            if word is not None and len(names) >= _SMALLEST:
                members = {w: w.lower() in self._lower_words for one in below for w in self._words[one]}
                synset = self._wordnet.synsets[key]
                plural = self._kinds(word, synset).removeprefix("kinds of ")
                made.append(ClassDefinition(f"names of {plural}", "name", SOURCE, f"names: {synset.gloss}", members))
        return made

    def _grammar(self) -> list[ClassDefinition]:
        classes: dict[str, dict[str, bool]] = defaultdict(dict)
        for synset in self._wordnet.of("n", "v", "a", "r"):
            pos = synset.key[0]
            for word in self._words[synset.key]:
                if not word.isalpha() or not word.islower():
                    continue
                for tag, forms in self._tagged(word, pos).items():
                    names = [_PARTS[pos], *([_GRAMMAR[pos][tag]] if tag in _GRAMMAR.get(pos, {}) else [])]
                    for form in forms:
                        is_rare = not self._is_main(form, word, synset.key)
                        extra = ["adverbs in -ly"] if pos == "r" and form.endswith("ly") else []
                        for name in [*names, *extra]:
                            classes[name][form] = classes[name].get(form, True) and is_rare
        return [ClassDefinition(name, "grammar", _FORMS_SOURCE, "", classes[name]) for name in sorted(classes)]


def _without_twins(classes: list[ClassDefinition], english: Inflector) -> list[ClassDefinition]:
    """Without those that say almost what another does: the one stays that is called by more frequent words."""

    def rank(one: ClassDefinition) -> tuple[bool, int, float, str]:
        words = one.name.split()
        return one.about != "a whole file of WordNet's", len(words), -english.frequency(words[-1]), one.name

    kept: list[ClassDefinition] = []
    of_word: dict[str, list[int]] = defaultdict(list)
    names: set[str] = set()
    for one in sorted(classes, key=rank):
        main = {word for word, is_rare in one.members.items() if not is_rare}
        shared: dict[int, int] = defaultdict(int)
        for word in main:
            for at in of_word[word]:
                shared[at] += 1
        sizes = {at: sum(not rare for rare in kept[at].members.values()) for at in shared}
        if one.name.lower() in names or any(n >= _SAME * (len(main) + sizes[at] - n) for at, n in shared.items()):
            continue
        names.add(one.name.lower())
        for word in main:
            of_word[word].append(len(kept))
        kept.append(one)
    return kept
