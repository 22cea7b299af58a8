"""Texts made from a sentence alone: they must say what they were made to say, by the reader who reads sentences."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.concepts.concepts import Concepts
from tools.concepts.sentences import english_sentences
from tools.concepts.vectors import Vectors
from tools.making.bank import Find
from tools.making.carriers import LEADS, TAILS, Piece, spaced
from tools.making.maker import LexicalMaker
from tools.making.parts_of_speech import speech_of
from tools.making.passages import LENGTH, Supply, joined, random_passages, text_of
from tools.making.proofreading import Proofs
from tools.making.templates import INSIDE, MARKS, PLACES, TEXTS, WORDS, drafted
from tools.making.token_list_passages import TokenLevels, TokenListPassages
from tools.making.words import Words
from tools.readable.knowledge import SPECIAL, Knowledge
from tools.readable.language import Language
from tools.readable.rule import Item, Like, Named, Quoted, Spelt
from tools.readable.structural_classes import FIRST_TOKENS, STRUCTURAL_CLASSES
from tools.records.result import Unscored
from tools.roles import MadeText
from tools.rules import language as machine

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def concepts() -> Concepts:
    return Concepts.load()


@pytest.fixture(scope="module")
def knowledge(concepts: Concepts) -> Knowledge:
    return Knowledge(concepts, Vectors.load())


@pytest.fixture(scope="module")
def maker(concepts: Concepts) -> LexicalMaker:
    return LexicalMaker(concepts)


def made(found: list[MadeText] | Unscored) -> list[MadeText]:
    assert not isinstance(found, Unscored), found.reason
    return found


def test_every_example_is_one_of_its_class(knowledge: Knowledge) -> None:
    for name, texts in TEXTS.items():
        held = Proofs(knowledge, [drafted(text) for text in texts]).on_meant(Item(Named(name)))
        assert held.min() == 1, (name, held)
    for name, words in WORDS.items():
        assert all(name in knowledge.classes_of(word) for word in words), name


def test_every_class_that_is_found_in_running_text_can_be_made(knowledge: Knowledge) -> None:
    for name in knowledge.over_text:
        is_made = name in TEXTS or name in INSIDE or name == FIRST_TOKENS
        assert is_made or knowledge.concepts.get(name).context in INSIDE, name


def test_every_place_is_where_it_should_be(knowledge: Knowledge) -> None:
    names = [name for name in knowledge.over_text if name not in STRUCTURAL_CLASSES]
    by_context = {one.context: name for name in names if (one := knowledge.concepts.get(name)).context}
    for name, texts in INSIDE.items():
        held = Proofs(knowledge, [drafted(text, "house") for text in texts]).on_meant(
            Item(Named(by_context.get(name, name)))
        )
        assert held.min() == 1, (name, held)
    assert all(text.count("⟦_⟧") == 1 for texts in PLACES.values() for text in texts)
    assert all(knowledge.concepts.get(name) for name in PLACES)
    assert all(mark in text for mark, texts in MARKS.items() for text in texts)


def test_pieces_are_set_as_english_sets_them() -> None:
    draft = spaced(Piece("They saw ("), Piece("it", meant=True), Piece(")"), Piece(", and"), Piece("left."))
    assert "".join(piece.text for piece in draft) == "They saw (it), and left."
    assert LEADS.keys() == TAILS.keys()


@pytest.mark.parametrize(
    ("word", "of", "speech"),
    [("walking", None, "verb -ing"), ("houses", None, "plural"), ("must", None, "auxiliary"), ("7", None, "number"),
     ("the", None, "determiner"), ("London", None, "name"), ("(", None, "mark"), ("walks", "verbs in -s", "verb -s"),
     ("run", "base form verbs", "verb")],
)  # fmt: skip
def test_a_word_has_a_part_of_speech(concepts: Concepts, word: str, of: str | None, speech: str) -> None:
    assert speech_of(word, concepts, concepts.get(of) if of else None) == speech


def test_words_of_a_kind_and_words_that_only_look_so(knowledge: Knowledge) -> None:
    words = Words(knowledge)
    assert {"can", "would"} <= set(words.of(Named("modals")))
    assert not set(words.of(Named("modals"))) & set(words.strangers(Named("modals")))
    assert {"is", "did"} & set(words.strangers(Named("modals")))  # the auxiliary verbs are its sisters
    assert "Wednesday" in words.strangers(Named("months"))
    assert "seven" not in words.strangers(Quoted(("six",)))
    assert all(word.startswith("disc") for word in words.of(Spelt("beginning with", "disc")))
    assert not any(word[:4] == "disc" != word for word in words.strangers(Spelt("beginning with", "disc")))
    like = knowledge.vectors.likeness(["heal"], list(words.strangers(Like(("heal",)))))
    assert like.max() < 0.1


SENTENCES = [
    "Fires on months.",
    "Fires strongly on modals, weakly on verbs right after modals.",
    'Fires on "not" right after forms of be.',
    'Fires on words like "heal" and "solve".',
    "Fires on verbs in -ing within four words after forms of be.",
    "Fires on past tense verbs in the same sentence after months.",
    'Fires on words beginning with "disc".',
    "Fires on opening quotation marks.",
    "Fires on nouns in text about diseases.",
    "Fires on any word right after prepositions.",
    "Fires on nouns when repeated.",
    "Fires on lower-case words in text in quotes.",
    "Fires on numbers but not right after currency signs.",
    "Fires on Python builtins.",
    "Fires on any word in string literals.",
    'Fires on "(".',
    'Fires on "\'" in opening quotation marks.',
    "Fires on the end of plural nouns.",
    "Fires on verbs among words in -ing.",
    "Fires on opening parentheses.",
    "Fires on nouns in nested parentheses.",
    'Fires on "return" on deeply indented lines.',
    "Fires on deeply indented lines.",
    "Fires on nouns at the start of a line.",
    "Fires on any word on the same line after months.",
    "Fires on nouns when repeated on the same line.",
    "Fires on nouns when repeated for the second time.",
    "Fires on nouns when repeated after the same two words.",
    "Fires on the beginning of plural nouns.",
    "Fires on plural nouns, the longer the more.",
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "sentence", [*SENTENCES[:3], *(pytest.param(one, marks=pytest.mark.slow) for one in SENTENCES[3:])]
)
def test_texts_say_what_they_were_made_to_say(knowledge: Knowledge, maker: LexicalMaker, sentence: str) -> None:
    rule = Language(knowledge.concepts, (*SPECIAL, *STRUCTURAL_CLASSES)).parse(sentence)
    positives, near = made(maker.positives(sentence, 6, RNG(0))), made(maker.near_misses(sentence, 6, RNG(1)))
    assert len(positives) >= 2
    assert len(near) >= 2
    for one in [*positives, *near]:
        assert one.words
        assert all(word in one.text for word in one.words)
    read = [Proofs(knowledge, [(Piece(one.text),) for one in some]).highest(rule) for some in (positives, near)]
    assert read[0].min() >= 0.5
    assert read[1].max() <= 1
    assert len({one.text for one in positives + near}) == len(positives + near)


def test_the_same_seed_makes_the_same_texts(maker: LexicalMaker, concepts: Concepts) -> None:
    other = LexicalMaker(concepts)
    for make in ("positives", "near_misses"):
        first, second = (getattr(one, make)("Fires on months.", 5, RNG(3)) for one in (maker, other))
        assert first == second


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("Never fires.", "it says that the neuron never fires"),
        ("It likes cats.", "no sentence that the lexical reader understands"),
        ("Fires on `␣a` right after `␣b` (5).", "and it is neither"),
    ],
)
def test_of_what_no_text_can_be_made_the_reason_is_told(maker: LexicalMaker, sentence: str, reason: str) -> None:
    for found in (maker.positives(sentence, 3, RNG(0)), maker.near_misses(sentence, 3, RNG(0))):
        assert isinstance(found, Unscored)
        assert reason in found.reason


def test_where_everything_fires_there_is_no_near_miss(maker: LexicalMaker) -> None:
    assert isinstance(maker.near_misses("Fires on any word.", 3, RNG(0)), Unscored)


def test_a_list_says_levels_of_tokens() -> None:
    rule = machine.parse("Fires on `␣import` (7); on `ing` (2); everywhere (1).")
    levels = TokenListPassages.levels(rule)
    assert levels == TokenLevels({" import": 8, "ing": 3}, 1)
    assert isinstance(levels, TokenLevels)
    assert levels.high() == [(" import", 8)]


def test_texts_of_a_list_hold_its_tokens_and_near_misses_none(maker: LexicalMaker) -> None:
    sentence = "Fires on `␣letter`, `␣river` (9); on `ing`, `(` (8); on `␣the` (1)."
    positives = made(maker.positives(sentence, 8, RNG(0)))
    assert len(positives) == 8
    for one in positives:
        assert set(one.words) <= {"letter", "river", "ing", "("}
        if "ing" in one.words:
            assert any(part.rstrip(".,?!").endswith("ing") for part in one.text.split())
    near = made(maker.near_misses(sentence, 8, RNG(0)))
    assert len(near) == 8
    for one in near:
        words = one.text.replace(".", " ").replace(",", " ").split()
        assert not {"letter", "river", "the"} & set(words)
        assert not any(word.endswith("ing") for word in words)
        assert "(" not in one.text


@pytest.mark.slow
def test_classes_of_ones_own_are_made_too(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[[concept]]\nname = "words of my trade"\nwords = "wheel glazier kilnman"\n')
    found = made(LexicalMaker(Concepts.load(own)).positives("Fires on words of my trade.", 3, RNG(0)))
    assert {word.lower() for one in found for word in one.words} <= {"wheel", "glazier", "kilnman"}


def test_positives_are_real_sentences_with_the_strongest_words(maker: LexicalMaker) -> None:
    bank = set(english_sentences())
    found = made(maker.positives('Fires strongly on months, weakly on "doctor".', 8, RNG(0)))
    assert len({one.words for one in found}) == 8
    for one in found:
        assert "doctor" not in one.words
        assert len(sentences_of(one.text, bank)) == LENGTH


def test_a_near_miss_is_as_long_and_as_real(maker: LexicalMaker) -> None:
    bank = set(english_sentences())
    for one in made(maker.near_misses("Fires strongly on months.", 8, RNG(0))):
        assert len(sentences_of(one.text, bank)) == LENGTH


def test_what_the_bank_has_not_stands_in_a_carrier_among_real_sentences(maker: LexicalMaker) -> None:
    bank = set(english_sentences())
    found = made(maker.positives('Fires on "xylophones" and "pleaded".', 8, RNG(0)))
    mixed = [one for one in found if set(one.words) == {"pleaded", "xylophones"}]
    assert mixed
    assert 0 < len(sentences_of(mixed[0].text, bank)) < LENGTH


@given(
    st.integers(0, 1000), st.sampled_from(["Fires on nouns when repeated.", "Fires on nouns in text about diseases."])
)
@pytest.mark.slow
def test_passages_whose_sentences_need_each_other(maker: LexicalMaker, seed: int, sentence: str) -> None:
    for one in made(maker.positives(sentence, 2, RNG(seed))):
        words = one.text.lower()
        assert all(words.count(word.lower()) > ("repeated" in sentence) for word in one.words)


@pytest.mark.slow
def test_the_first_tokens_of_any_passage_are_first_tokens(maker: LexicalMaker) -> None:
    sentence = "Fires on the first four tokens."
    assert len(made(maker.positives(sentence, 4, RNG(0)))) == 4
    assert isinstance(maker.near_misses(sentence, 4, RNG(0)), Unscored)
    for one in made(maker.positives("Fires on nouns in the first four tokens.", 4, RNG(0))):
        assert any(word in " ".join(one.text.split()[:4]) for word in one.words)


@given(st.lists(st.sampled_from(["One.", "x = 1\n", "Two?", "y\n"]), min_size=1))
def test_passages_keep_lines_of_code_on_lines_of_their_own(texts: list[str]) -> None:
    whole = text_of(joined([(Piece(text),) for text in texts]))
    lines = {line.strip() for line in whole.split("\n")}
    assert all(text.strip() in lines for text in texts if text.endswith("\n"))
    assert whole.replace(" ", "").replace("\n", "") == "".join(texts).replace(" ", "").replace("\n", "")


@given(st.integers(0, 99))
def test_random_passages_are_of_the_bank(seed: int) -> None:
    sentences = [f"Sentence {n}." for n in range(10)]
    found = random_passages(sentences, 4, RNG(seed))
    assert len(found) == 4
    assert all(len(sentences_of(one.text, set(sentences))) == LENGTH for one in found)
    assert not any(one.words for one in found)


@given(st.integers(0, 99), st.integers(1, 12))
def test_words_come_in_turn(seed: int, n: int) -> None:
    finds = [Find(word, (Piece(f"{word} {n}"),)) for word in "abc" for n in range(4 if word == "a" else 2)]
    supply = Supply()
    drawn = [supply.draw(finds, [], RNG(seed)) for _ in range(n)]
    assert all(one is not None for one in drawn)
    counts = Counter(text_of(one)[0] for one in drawn if one is not None)
    assert max(counts[word] for word in "abc") - min(counts[word] for word in "abc") <= 1
    assert supply.draw(finds, [find.draft for find in finds], RNG(seed)) is None


def sentences_of(text: str, bank: set[str]) -> list[str]:
    """The sentences of the bank that a passage is made of, at least those that end where others begin."""
    found, words = [], text.split(" ")
    start = 0
    for end in range(1, len(words) + 1):
        if (one := " ".join(words[start:end])) in bank:
            found.append(one)
            start = end
        elif (
            words[end - 1].endswith((".", "?", "!"))
            and end < len(words)
            and not any(" ".join(words[start:later]) in bank for later in range(end, len(words) + 1))
        ):
            start = end
    return found
