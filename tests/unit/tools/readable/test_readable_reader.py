"""What readable sentences mean on text: words of texts, the classes that hold them, contexts, and the reader."""

import numpy as np
import pytest
from readable_world import World, concepts

from tools.concepts.concepts import Concepts
from tools.concepts.vectors import Vectors
from tools.readable.knowledge import COMMON, RARE, share_known
from tools.readable.reader import LexicalReader
from tools.readable.rule import Item, Like, Named, Quoted, Rule, Spelt
from tools.readable.word_texts import WordTextCache
from tools.records.result import Unscored


@pytest.fixture(scope="module")
def world() -> World:
    return World()


# Words of texts


def test_words_and_the_tokens_that_they_are_cut_into(world) -> None:
    texts = world.texts(["un", "happ", "y", "\n", " John", "'s", " (", "x", ").", " \\xc3", "\\xa9t", "\\xc3\\xa9"])
    words = [texts.keys[key] for key in texts.key]
    assert words == ["unhappy", "", "John", "'s", "(", "x", ")", ".", "été"]
    assert [words[at] for at in texts.word_of] == [
        "unhappy", "unhappy", "unhappy", "", "John", "'s", "(", "x", ".", "été", "été", "été",
    ]  # fmt: skip
    assert texts.is_last.tolist() == [False, False, *[True] * 7, False, False, True]
    assert texts.is_word.tolist() == [True] * 3 + [False] + [True] * 8


def test_the_word_before_passes_over_line_ends_and_never_leaves_the_text(world) -> None:
    texts = world.texts("one two", ["three", "\n", " four"])
    words = [texts.keys[key] for key in texts.key]
    before = {word: None if at < 0 else words[at] for word, at in zip(words, texts.previous, strict=True)}
    assert before == {"one": None, "two": "one", "three": None, "": "three", "four": "three"}


def test_texts_of_unequal_length_and_an_empty_one(world) -> None:
    tokens = world.tokens(["one two three", "four"])
    tokens = np.vstack([tokens, np.full((1, tokens.shape[1]), -1, dtype=np.int32)])
    texts = WordTextCache(world.strings, concepts()).texts(tokens)
    assert (texts.n_tokens, texts.n_words) == (4, 4)
    assert texts.shown(np.arange(1, 5, dtype=np.float32)).tolist() == [[1, 2, 3], [4, 0, 0], [0, 0, 0]]


def test_phrases_of_classes_are_found_with_their_first_and_last_word(world) -> None:
    texts = world.texts("she lives in New York City now")
    words = [texts.keys[key] for key in texts.key]
    found = {(words[one.first], words[one.last]) for one in texts.phrases}
    assert ("New", "York") in found


def test_again_whatever_the_capitals(world) -> None:
    texts = world.texts("The cat saw the dog. the", "the cat")
    words = [texts.keys[key] for key in texts.key]
    again = texts.again()
    assert [word for word, stood in zip(words, again, strict=True) if stood] == ["the", "the"]
    assert not again[texts.text_of == 1].any()


def test_in_the_same_sentence_ends_where_the_sentence_ends(world) -> None:
    texts = world.texts("a cat ran home . it slept", "b c")
    words = [texts.keys[key] for key in texts.key]
    later = texts.later_in(texts.sentence, np.array([word == "cat" for word in words]))
    assert [word for word, holds in zip(words, later, strict=True) if holds] == ["ran", "home", "."]


def test_soon_after_counts_words_and_stays_in_the_text(world) -> None:
    texts = world.texts("cat one two three four five", "six")
    words = [texts.keys[key] for key in texts.key]
    marked = np.array([word == "cat" for word in words])
    for within, held in ((1, ["one"]), (4, ["one", "two", "three", "four"])):
        assert [w for w, on in zip(words, texts.soon_after(marked, within), strict=True) if on] == held


def test_amid_takes_enough_words_within_the_window_of_the_text(world) -> None:
    texts = world.texts("cat x cat y z u v", "w")
    words = [texts.keys[key] for key in texts.key]
    amid = texts.amid(np.array([word == "cat" for word in words]), window=4, least=2)
    assert [word for word, holds in zip(words, amid, strict=True) if holds] == ["y", "z"]


def test_a_cache_cuts_the_same_texts_once(world) -> None:
    text_cache, tokens = WordTextCache(world.strings, concepts()), world.tokens(["one two", "three"])
    assert text_cache.texts(tokens) is text_cache.texts(tokens.copy())
    assert text_cache.texts(tokens) is not text_cache.texts(tokens[:1])


# What sentences mean

MEANT = [
    ('"cat"', "The cat, the Cat, the CAT and cats", ["cat", "Cat", "CAT"]),
    ('"May"', "May may MAY", ["May", "MAY"]),
    ('"of the"', "of a the of the end", ["of", "the"]),
    ('"\\""', 'he said "no"', ['"', '"']),
    ("modals", "He can go, she must", ["can", "must"]),
    ("any word right after modals", "He can go, she must stay", ["go", "stay"]),
    ("any word right after modals but not when repeated", "can go must go", ["go"]),
    ('any word within four words after "not"', "not a b c d e", ["a", "b", "c", "d"]),
    ('any word in the same sentence after "not"', "a not b c. d", ["b", "c", "."]),
    ('any word right after "of the"', "of a the x of the end", ["end"]),
    ("verbs right after modals", "He can walk, we walk", ["walk"]),
    ("verbs but not right after modals", "He can sing, they walk", ["walk"]),
    ("nouns in text about animals", "a house, a dog and a cat near a house", ["house"]),
    ("any word when repeated", "a cat and a dog", ["a"]),
    ('words ending in "ing"', "walking King ing ring", ["walking", "King", "ring"]),
    ('words beginning with "Dis"', "discover dis Disc", ["discover", "Disc"]),
    ("past tense verbs among verbs of motion", "she walked and thought", ["walked"]),
    ("months", "in March we march, MAY may", ["March", "MAY"]),
]


@pytest.mark.parametrize(("said", "text", "fires"), MEANT)
def test_what_a_sentence_means(said, text, fires, world) -> None:
    assert world.fires(f"Fires on {said}.", text) == [fires]


def test_a_class_in_text_counts_phrases_and_stretches(world) -> None:
    assert world.fires("Fires on cities.", "in Los Angeles and in Paris") == [["Los", "Angeles", "Paris"]]
    (held,) = world.fires("Fires on any word in text in quotes.", 'He said "yes we can" and left')
    assert {"yes", "we", "can"} <= set(held)
    assert not {"He", "left"} & set(held)


def test_only_the_last_token_of_a_word(world) -> None:
    text = ["un", "happ", "y", " cat"]
    assert world.fires('Fires on "unhappy".', text) == [["un", "happ", "y"]]
    assert world.fires('Fires on the end of "unhappy".', text) == [["y"]]


def test_a_token_that_holds_several_words_is_of_the_last(world) -> None:
    assert world.fires('Fires on ".".', ["x", ").", " y"]) == [[")."]]
    assert world.fires('Fires on ")".', ["x", ").", " y"]) == [[]]


def test_line_ends_are_no_words(world) -> None:
    assert world.fires("Fires on any word.", ["a", "\n", " b"]) == [["a", "b"]]


def test_words_like_others_hold_more_or_less(world) -> None:
    texts = world.texts("heal Healed recovery train")
    (like,) = [world.reader.knowledge.by_key(Like(("heal", "cure")), texts)]
    by_word = dict(zip(texts.keys, like.tolist(), strict=True))
    assert by_word["heal"] == 1
    assert by_word["Healed"] > 0.5 > by_word["train"] == 0


def test_the_largest_strength_of_what_holds(world) -> None:
    levels = world.reader.simulate('Fires strongly on "cat" and weakly on nouns.', world.tokens(["a cat saw dogs"]))
    assert levels.tolist() == [[0, 10, pytest.approx(3, abs=3), 3]]


def test_rare_and_common_words(world) -> None:
    knows = world.reader.knowledge
    assert COMMON in knows.classes_of("the")
    assert RARE in knows.classes_of("zorblax")
    assert not {COMMON, RARE} & {*knows.classes_of("house"), *knows.classes_of("12"), *knows.classes_of(",")}
    assert knows.classes_of("") == []


def test_by_key_and_by_word_agree_with_the_classes(world) -> None:
    """What the reader looks up by its matrix is what `Concepts.member` says of the same text."""
    strings = ["She", " can", " walk", " to", " New", " York", " in", " March", ",", " 12", " dogs", "."]
    texts = world.texts(strings)
    for name in ("modals", "verbs", "months", "cities", "plural nouns", "articles"):
        expected = concepts().member(name, strings)
        assert (world.reader.knowledge.tokens(Named(name), texts) > 0).tolist() == expected.tolist(), name


def test_an_item_under_all_its_conditions(world) -> None:
    texts = world.texts("can go can go")
    rule = world.reader.language.parse("Fires on verbs right after modals but not when repeated.")
    assert world.reader.knowledge.levels(rule, texts).tolist() == [0, 6, 0, 0]
    assert world.reader.knowledge.levels(Rule(), texts).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("kind", [Quoted(("of",)), Named("modals"), Spelt("ending in", "x"), Like(("heal",))])
def test_texts_without_words(kind, world) -> None:
    texts = world.texts(["\n", " "])
    assert world.reader.knowledge.column(Item(kind), texts).tolist() == [0, 0]


def test_free_text_is_refused_with_a_reason_and_never_read_as_nothing(world) -> None:
    found = world.reader.simulate("It likes verbs.", world.tokens(["a b"]))
    assert isinstance(found, Unscored)
    assert "expected 'Fires'" in found.reason
    assert not world.reader.understands("It likes verbs.")
    assert world.reader.understands("Fires on verbs.")


def test_past_the_end_is_zero(world) -> None:
    levels = world.reader.simulate("Fires on any word.", world.tokens(["a", "a b c"]))
    assert levels.tolist() == [[6, 0, 0], [6, 6, 6]]


def test_a_class_of_ones_own(tmp_path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[[concept]]\nname = "chess pieces"\nwords = ["pawn", "white queen"]\n'
        '[[concept]]\nname = "ticket numbers"\npattern = \'[A-Z]+-\\d+\'\nover = "text"\n'
    )
    strings = ["a", " pawn", " white", " queen", " AB", "-", "12"]
    reader = LexicalReader(strings, Concepts.load(own), Vectors.load())
    tokens = np.arange(len(strings), dtype=np.int32)[None]
    held = [reader.simulate(f"Fires on {name}.", tokens)[0] > 0 for name in ("chess pieces", "ticket numbers")]
    assert [np.flatnonzero(one).tolist() for one in held] == [[1, 2, 3], [4, 5, 6]]


def test_how_much_of_a_text_is_english() -> None:
    strings = ["The", " house", " is", " zorblax", " quibble", "xyzzyq", ",", " 12"]
    row = np.array([[0, 1, 2, 6, 7, -1]], dtype=np.int32)
    assert share_known(concepts(), strings, row) == 1
    assert np.isnan(share_known(concepts(), strings, row[:, 3:]))
    assert share_known(concepts(), strings, np.array([[0, 3]], dtype=np.int32)) == 0.5


def test_small_texts_never_push_a_large_one_out() -> None:
    world = World()
    large, small = world.tokens([["one ", "two "] * 6_000]), [world.tokens([f"three {n}"]) for n in range(20)]
    text_cache = WordTextCache(world.strings, concepts())
    kept = text_cache.texts(large)
    for tokens in small:
        text_cache.texts(tokens)
    assert text_cache.texts(large) is kept
