"""Classes of words: who belongs to what, how words are cut, a user's own classes, and how all is compiled."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import main, make_parser
from tools.concepts import sentences
from tools.concepts.class_definitions import KINDS, ClassDefinition, read_classes
from tools.concepts.compile import compile_classes, compile_sentences
from tools.concepts.concepts import DATA, Concepts, Reading
from tools.concepts.glosses import WholeSentences
from tools.concepts.packed import pack
from tools.concepts.wordnet import WordNet
from tools.concepts.words import words_of
from tools.errors import BadInput, StorageError


@pytest.fixture(scope="module")
def concepts():
    return Concepts.load()


MEMBERS = """
solve: putting things right, verbs, base form verbs; not nouns, past tense verbs, modals
solved: putting things right, past tense verbs, past participles; not base form verbs
expiation: putting things right, nouns; not verbs
atonement: putting things right; not foods and drinks
movie: films, films and acting; not modals
actor: actors, films and acting; not animals
administrator: being in charge, administrators; not verbs
loves: verbs of emotion, verbs in -s; not adjectives
sad: adjectives like sad; not verbs of emotion
went: past tense verbs; not past participles, base form verbs
taken: past participles; not past tense verbs
running: verbs in -ing, verbs of motion; not plural nouns
dogs: animals, plural nouns; not singular nouns
sheep: animals, plural nouns, singular nouns; not verbs
bigger: comparatives; not superlatives
biggest: superlatives; not comparatives
quickly: adverbs in -ly, adverbs; not nouns
is: forms of be, auxiliary verbs; not modals, nouns
isn't: forms of be, negations, contractions; not modals
can: modals; not containers
can't: modals, negations; not articles
the: articles, determiners; not pronouns, indefinite articles
himself: reflexive pronouns, masculine pronouns; not possessive pronouns
seven: number words; not ordinal words, quantifiers
seventh: ordinal words; not number words
because: subordinating conjunctions, words of cause; not coordinating conjunctions
however: discourse connectives, words of contrast; not prepositions
March: months; not weekdays
march: verbs of motion; not months
Tuesday: weekdays; not months
kilograms: units of mass; not units of length
euros: currencies; not units of mass
Mary: first names, female first names; not male first names, cities
Robert: male first names; not female first names
John: male first names; not toilets
Johnson: surnames; not female first names
France: countries; not cities, nationalities
FRANCE: countries, words in capitals
french: not nationalities
French: nationalities, capitalised words; not countries
Tokyo: cities, capital cities; not countries
Texas: US states; not countries
bread: foods and drinks; not animals
piano: musical instruments; not sports
2019: years, numbers, numbers above ninety-nine; not decimal numbers
42: numbers above nine; not numbers above ninety-nine
7: single digits, numbers; not numbers above nine
lantern: words over five letters; not long words
lamp: words over two letters; not words over five letters
12,345.67: numbers, decimal numbers; not years
21st: ordinal numerals; not numbers
XIV: Roman numerals, words in capitals; not lower-case words
elif: Python keywords; not Python builtins
len: Python builtins; not Python keywords
ValueError: Python exceptions; not Python builtins
kindness: words in -ness; not words in -ment
unhappy: words beginning with un-; not words beginning with re-
directories: files and folders; not homes and housing
filename: files and folders; not strings and characters
substrings: strings and characters; not files and folders
None: missing or empty values; not strings and characters
deadlocks: threads and processes; not opening and closing
committed: version control; not cells and genes
passwd: security and passwords; not encryption and keys
decrypts: encryption and keys; not files and folders
matrices: vectors and matrices; not trees and nodes
leaves: trees and nodes
this: not classes and objects
pytest: software testing; not servers and networks
kwargs: functions and arguments; not classes and objects
timestamps: clocks and timestamps; not the past
crowned: royalty and nobility; not prizes and awards
envoys: diplomacy and treaties; not elections and voting
harvested: farming and crops; not gardens and gardening
overdue: slowness and delay; not speed and haste
later: not slowness and delay
sprinted: speed and haste; not slowness and delay
frozen: cold and ice; not heat and warmth
forgotten: memory and forgetting; not sleep and dreams
apologized: regret and apology; not thanks and gratitude
ashamed: shame and embarrassment; not pride and arrogance
might: not strength and toughness
yesterday: the past; not the future
someday: the future; not the past
approximately: words of approximation; not words of quantity
around: not words of approximation
""".strip().splitlines()


@pytest.mark.parametrize("line", MEMBERS, ids=lambda line: line.partition(":")[0])
def test_who_belongs_and_who_does_not(concepts, line):
    word, _, told = line.partition(": ")
    yes, _, no = f"; {told}".partition("not ")
    found = concepts.classes_of(word)
    for name in filter(None, re.split(r"[,;]\s*", yes.strip("; "))):
        assert concepts.get(name).name in found
    for name in filter(None, no.split(", ")):
        assert concepts.get(name).name not in found


def test_a_member_by_a_rarer_sense_is_left_out_unless_asked_for(concepts):
    assert "can" not in concepts.members("containers")
    assert "can" in concepts.members("containers", rare=True)
    assert "containers" in concepts.classes_of("can", rare=True)
    assert concepts.classes_of("zqx") == ["lower-case words", "three-letter words", "words over two letters"]


def test_every_class_says_what_it_is(concepts):
    for name in concepts.names():
        concept = concepts.get(name)
        assert 1 <= len(name.split()) <= 4
        assert concept.kind in KINDS
        assert concept.source
        assert concept.is_listed == bool(concepts.members(name, rare=True))
    assert len({name.lower() for name in concepts.names()}) == len(concepts.names()) > 2000
    assert {concepts.get(name).kind for name in concepts.names()} == set(KINDS)
    for junk in ("entities", "objects", "things", "genera", "artifacts"):
        assert junk not in concepts.names()


def test_a_name_that_is_not_there_is_answered_with_the_closest(concepts):
    with pytest.raises(BadInput, match='there is no class "monts": did you mean "months"'):
        concepts.get("monts")
    assert concepts.suggest("verb of emotions")[0] == "verbs of emotion"
    assert concepts.get("Forms of BE").name == "forms of be"


def cut(*tokens):
    return [(word.text, word.first, word.last) for word in words_of(tokens)]


def test_words_however_the_tokenizer_cuts_them():
    assert cut(" un", "expected", "ly") == [("unexpectedly", 0, 2)]
    assert cut(' hi")', ".") == [("hi", 0, 0), ('"', 0, 0), (")", 0, 0), (".", 1, 1)]
    assert cut(" don", "'t", " John", "'s") == [("don't", 0, 1), ("John", 2, 2), ("'s", 3, 3)]
    assert cut("we", "’", "ll") == [("we", 0, 0), ("’ll", 1, 2)]
    assert cut(*"12,345.67.") == [("12,345.67", 0, 8), (".", 9, 9)]
    assert cut("1, 2", ",3") == [("1", 0, 0), (",", 0, 0), ("2", 0, 0), (",", 1, 1), ("3", 1, 1)]
    assert cut(" 21", "st", " 1990", "s") == [("21st", 0, 1), ("1990s", 2, 3)]
    assert [w for w, *_ in cut("get_user", "NameOf(x)==self.y")] == [
        "get", "_", "user", "Name", "Of", "(", "x", ")", "==", "self", ".", "y",
    ]  # fmt: skip
    assert [w for w, *_ in cut("McDonald iPhone HTMLParser DVDs")] == ["McDonald", "iPhone", "HTML", "Parser", "DVDs"]
    assert [w for w, *_ in cut("the U.S. well-known v1.2.3 -> ...")] == [
        "the", "U.S.", "well", "-", "known", "v1.2.3", "->", "...",
    ]  # fmt: skip
    assert [w for w, *_ in cut("हिन्दी cafe\u0301")] == ["हिन्दी", "cafe\u0301"]
    assert cut("", " ", "\n", "a", "") == [("a", 3, 3)]
    assert cut() == []


def test_characters_cut_into_bytes():
    assert cut(r" \xe2\x80", r"\x9c", "caf", r"\xc3", r"\xa9", r"\xe2\x80\x9d") == [
        ("“", 0, 1), ("café", 2, 4), ("”", 5, 5),
    ]  # fmt: skip
    assert cut("a", r"\xff", r"\xe2", " b") == [("a", 0, 0), ("\ufffd\ufffd", 1, 2), ("b", 3, 3)]
    assert cut("\\", "xe2", "\ud800", r"\xff")[-1] == ("\ufffd", 3, 3)


def test_members_by_token(concepts):
    tokens = [" un", "expected", "ly", " he", " is", "n", "'t", " in", " New", " York", "."]
    assert concepts.member("words in -ly", tokens).tolist() == [True] * 3 + [False] * 8
    assert concepts.member("words in -ly", tokens, only_last=True).nonzero()[0].tolist() == [2]
    assert concepts.member("forms of be", tokens).nonzero()[0].tolist() == [4, 5, 6]
    assert concepts.member("forms of be", tokens, only_last=True).nonzero()[0].tolist() == [6]
    assert concepts.member("US states", tokens).nonzero()[0].tolist() == [8, 9]
    assert concepts.member("full stops", tokens).nonzero()[0].tolist() == [10]
    assert concepts.member("months", []).shape == (0,)


PATTERNS = {
    "dates": ["January 5, 2020"], "amounts of money": ["$12.50"], "times of day": ["5:30 pm"], "percentages": ["45%"],
    "years": ["2020"], "full stops": [".", "."], "opening brackets": ["("], "closing quotation marks": ['"'],
    "opening quotation marks": ['"'], "text in quotes": ["The Book"], "web addresses": ["https://a.b/c?d=1"],
    "list markers": ["-"], "question marks": ["?"], "US states": ["New York"], "hyphenated words": ["well-known"],
    "first words of sentences": ["She", "Mr", "New"],
}  # fmt: skip
TEXT = 'She paid $12.50 for "The Book" (on January 5, 2020) at 5:30 pm. Mr. Smith saw https://a.b/c?d=1, 45% off. New York is well-known\n- item\n'  # noqa: E501


@pytest.mark.parametrize("name", PATTERNS)
def test_formats_and_punctuation(concepts, name):
    wanted = PATTERNS[name]
    assert [TEXT[a:b] for a, b in Reading(concepts, list(TEXT)).spans(name)] == wanted


BROKEN_OFF = [
    ("She said “I am", ["I am"]),
    ('He cried, "Not', ["Not"]),
    ("name = 'key", ["key"]),
    ("call `name", []),
    ('one " inch\nand more', []),
    ("the dogs' bowls", []),
]


@pytest.mark.parametrize(("text", "quoted"), BROKEN_OFF)
def test_a_quotation_that_the_text_breaks_off_goes_on_to_its_end(concepts, text, quoted):
    """A neuron that has read so far cannot know where it will be closed."""
    assert [text[a:b] for a, b in Reading(concepts, list(text)).spans("text in quotes")] == quoted


def test_colons_of_labels(concepts):
    text = "Area:\ntotal: 5 sq km\nHe said this: no.\nAt 5:30 we met. So: yes"
    found = Reading(concepts, list(text)).spans("colons of labels")
    assert [text[:a].splitlines()[-1] for a, _ in found] == ["Area", "total", "He said this"]


CODE = '''import os
def f(x: int, y="(#") -> str:
    """Say (what)."""
    # a comment
    return g(x)[0] + 'k
'''


def test_where_in_code_one_is(concepts):
    reading = Reading(concepts, list(CODE))
    found = {name: [CODE[a:b] for a, b in reading.spans(name)] for name in concepts.names("code")}
    assert found["function parameters"] == ['x: int, y="(#"']
    assert found["docstrings"] == ["Say (what)."]
    assert found["import statements"] == ["import os"]
    assert found["code comments"] == ["# a comment"]
    assert found["string literals"] == ["(#", "Say (what)."]
    assert found["call arguments"] == ["x"]
    assert found["text in square brackets"] == ["0"]
    assert found["Python keywords"] == ["import", "def", "return"]
    assert found["defined function names"] == ["f"]


def test_what_is_never_closed_holds_until_the_next_blank_line(concepts):
    text = "f(a, b\n\nc"
    (span,) = Reading(concepts, list(text)).spans("text in brackets")
    assert text[slice(*span)] == "a, b"


def test_how_much_of_a_text_is_known(concepts):
    def share(text):
        return concepts.share_known(re.findall(r"\s?\S+", text))

    assert share("The quick brown fox jumps over the lazy dogs in John's garden.") > 0.9
    assert share("Der schnelle braune Fuchs springt über den faulen Hund und bleibt liegen.") < 0.3
    assert share("她在学校学习中文。") == 0
    assert math.isnan(share("1 + 2"))


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_classes_of_ones_own(tmp_path):
    path = written(
        tmp_path,
        """
        [[concept]]
        name = "chess pieces"
        words = ["pawn", "rook", "Knight", "bishop"]
        phrases = ["en passant"]
        rare = ["bishop"]
        [[concept]]
        name = "ticket numbers"
        pattern = "[A-Z]+-[0-9]+"
        over = "text"
        case = true
        """,
    )
    concepts = Concepts.load(path)
    assert "chess pieces" in concepts.classes_of("Pawn")
    assert "chess pieces" not in concepts.classes_of("knight")
    assert concepts.members("chess pieces") == ["Knight", "en passant", "pawn", "rook"]
    assert concepts.member("ticket numbers", ["see ", "AB", "-", "12"]).tolist() == [False, True, True, True]
    assert concepts.member("chess pieces", ["took ", "en", " pass", "ant"]).tolist() == [False, True, True, True]
    assert concepts.get("chess pieces").source == str(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = ", "is not TOML"),
        ("a = 1", "has no [[concept]] table"),
        ('[[concept]]\nwords = "a"', "needs a name"),
        ('[[concept]]\nname = "a name of five words"\nwords = "a"', "needs a name of 1 to 4 words"),
        ('[[concept]]\nname = "mine"', "must have either words or a pattern"),
        ('[[concept]]\nname = "mine"\nwords = "a"\npattern = "a"', "must have either words or a pattern"),
        ('[[concept]]\nname = "mine"\nwords = []', "has no words"),
        ('[[concept]]\nname = "mine"\nwords = [1]', "must be a list of words"),
        ('[[concept]]\nname = "mine"\npattern = "("', "is no regular expression"),
        ('[[concept]]\nname = "mine"\npattern = "a*"', "matches nothing at all"),
        ('[[concept]]\nname = "mine"\nwords = "a"\nrare = "b"', "rare, which is none of its words"),
        ('[[concept]]\nname = "mine"\nwords = "a"\nkind = "new"', "is of the kind 'new'"),
        ('[[concept]]\nname = "mine"\nwords = "a"\ncolour = "b"', "which means nothing here"),
        ('[[concept]]\nname = "mine"\nwordnet = "dog.n.1"', "only the project's own files can"),
        ('[[concept]]\nname = "mine"\nnouns = "dog"', "only the project's own files can"),
        ('[[concept]]\nname = "mine"\nverbs = "dog"\npattern = "a"', "must have either words or a pattern"),
        ('[[concept]]\nname = "Months"\nwords = "a"', 'called "months" already'),
        ('[[concept]]\nname = "m"\nwords = "a"\n[[concept]]\nname = "M"\nwords = "b"', "two classes"),
    ],
)
def test_a_bad_file_is_refused_with_a_sentence(tmp_path, text, sentence):
    with pytest.raises(BadInput, match=re.escape(sentence)):
        Concepts.load(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        read_classes(tmp_path / "none.toml")


def test_damaged_data_is_said_in_a_sentence(tmp_path, monkeypatch):
    damaged = tmp_path / "concepts.npz"
    damaged.write_bytes(DATA.read_bytes()[:5000])
    monkeypatch.setattr("tools.concepts.concepts.DATA", damaged)
    with pytest.raises(StorageError, match="cannot be read"):
        Concepts.load()


def test_sources_and_licences_go_along():
    told = (DATA.parent / "SOURCES.md").read_text(encoding="utf-8")
    assert "Princeton University" in told
    assert "CC BY 4.0" in told
    assert DATA.stat().st_size < 4_000_000


def test_nothing_heavy_is_loaded():
    code = (
        "import sys; from tools.concepts.concepts import Concepts; Concepts.load();"
        "print([name for name in ('torch', 'transformers', 'lemminflect', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_knows_all_kinds():
    assert make_parser().parse_args(["concepts", "list", "--kind", KINDS[-1]]).kind == KINDS[-1]
    for kind in KINDS:
        make_parser().parse_args(["concepts", "list", "--kind", kind])


def said(capsys, *words):
    """What a command prints, and its exit code."""
    code = main(["concepts", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.slow
def test_the_commands(capsys, tmp_path):
    code, out, _ = said(capsys, "list", "--kind", "grammar")
    assert (code, "past tense verbs" in out, "15 classes: 15 grammar." in out) == (0, True, True)
    code, out, _ = said(capsys, "show", "forms", "of", "be", "--all")
    assert out.splitlines()[0] == "forms of be (closed; written for this project)"
    assert "16 members, 1 of them by a rarer sense" in out
    assert "rarer: 's" in out
    code, out, _ = said(capsys, "show", "years")
    assert r"matches a whole word: (1[5-9]|20)\d\d" in out
    _, out, _ = said(capsys, "show", "docstrings")
    assert "a string in triple quotes" in out
    _, out, _ = said(capsys, "of", "New", "York")
    assert "US states (name)" in out
    _, out, _ = said(capsys, "of", "%%%")
    assert out == 'No class has "%%%".\n'
    code, _, err = said(capsys, "show", "monts")
    assert (code, err.partition(" or ")[0]) == (2, 'agent: there is no class "monts": did you mean "months"')
    path = written(tmp_path, '[[concept]]\nname = "mine"\nwords = "pawn"')
    code, out, _ = said(capsys, "show", "mine", "--concepts", str(path), "--json")
    assert json.loads(out) == {
        "name": "mine", "kind": "meaning", "source": str(path), "over": "word", "case": False, "n_members": 1,
        "members": ["pawn"], "rarer": [],
    }  # fmt: skip
    _, out, _ = said(capsys, "of", "can", "--json")
    assert "modals" in json.loads(out)["classes"]
    assert "containers" in json.loads(out)["rarer"]
    _, out, _ = said(capsys, "list", "--json")
    assert len(json.loads(out)["concepts"]) > 2000


def test_the_example_of_the_readme_is_a_file_that_is_read(tmp_path):
    readme = (Path(__file__).resolve().parents[4] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```toml\n(\[\[concept\]\].*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert [one.name for one in read_classes(written(tmp_path, example))] == ["chess pieces", "ticket numbers"]


class Plain:
    """Adds an ending; every word is frequent."""

    def forms(self, word, pos):
        if pos == "v":
            return {"VB": (word,), "VBZ": (f"{word}s",), "VBD": (f"{word}ed",), "VBG": (f"{word}ing",)}
        return {"NN": (word,), "NNS": (f"{word}s",)} if pos == "n" else {"JJ": (word,)}

    def frequency(self, word):
        return 4.0


TOOLS = ("hammer", "chisel", "pliers", "spanner", "plane", "drill", "file", "rasp", "wrench")


@pytest.fixture
def tiny_wordnet(tmp_path):
    """WordNet's files with a tool, nine kinds of it, and an entity over them."""
    folder = tmp_path / "dict"
    folder.mkdir()
    nouns = ["  1 a licence", "00000001 03 n 01 entity 0 000 | all there is"]
    nouns.append('00000002 06 n 01 tool 0 001 @ 00000001 n 0000 | what one works with; "a tool"')
    nouns += [f"000001{n:02} 06 n 01 {word} 0 000 | no tool" for n, word in enumerate(("sofa", "lamp", "dress"))]
    senses = ["entity%1:03:00:: 00000001 1 0", "tool%1:06:00:: 00000002 1 5"]
    senses += [f"{word}%1:06:00:: 000001{n:02} 1 0" for n, word in enumerate(("sofa", "lamp", "dress"))]
    for n, word in enumerate(TOOLS, 3):
        nouns.append(f"{n:08} 06 n 01 {word} 0 001 @ 00000002 n 0000 | a tool")
        senses.append(f"{word}%1:06:00:: {n:08} {3 if word == 'file' else 1} 0")
    (folder / "data.noun").write_text("\n".join(nouns) + "\n")
    for name in ("verb", "adj", "adv"):
        (folder / f"data.{name}").write_text("")
    (folder / "index.sense").write_text("\n".join(senses) + "\n")
    hand = tmp_path / "hand"
    hand.mkdir()
    (hand / "choices.toml").write_text('drop = ["entitys"]\n[rename]\n')
    (hand / "themes.toml").write_text(
        'kind = "meaning"\nsource = "us"\n[[concept]]\nname = "work and tools"\n'
        'nouns = "bench"\nverbs = "saw"\nadjectives = "blunt"\nwords = "made saws"\nrare = "saws"\n'
    )
    (hand / "closed.toml").write_text(
        'kind = "closed"\nsource = "us"\n[[concept]]\nname = "articles"\nwords = "a the"\n'
    )
    return folder, hand


def test_compiling_twice_gives_the_same_bytes(tiny_wordnet):
    folder, hand = tiny_wordnet
    classes = compile_classes(WordNet(folder), Plain(), hand)
    by_name = {one.name: one for one in classes}
    assert by_name.keys() >= {"articles", "tools", "man-made things", "nouns", "plural nouns"}
    assert "sofa" not in by_name["tools"].members
    assert "entities" not in by_name
    assert by_name["tools"].members["hammers"] is False
    assert by_name["tools"].members["file"] is True, "its third sense"
    assert by_name["tools"].about == "what one works with"
    assert by_name["work and tools"].members == {
        "bench": False, "benchs": False, "saw": False, "sawed": False, "sawing": False, "saws": True, "blunt": False,
        "made": False,
    }  # fmt: skip
    again = compile_classes(WordNet(folder), Plain(), hand)
    assert pack(classes) == pack(list(reversed(again)))


VERBS = {
    "modals": ["can"], "subject pronouns": ["he", "they"], "past tense verbs": ["barked", "went", "painted"],
    "past participles": ["barked", "painted"], "verbs in -s": ["walks"], "plural nouns": ["walks"],
    "singular nouns": ["dog"], "adjectives": ["old"], "base form verbs": ["take"], "prepositions": ["to"],
    "determiners": ["a", "the"], "adverbs": ["freshly"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("example", "sentence"),
    [
        ("the dog barked all night long", "The dog barked all night long."),
        ("they walked  home in the rain;", "They walked home in the rain."),
        ("can the old dog see us there?", "Can the old dog see us there?"),
        ("take the letter to the old man", "Take the letter to the old man."),
        ("a freshly painted house in the town", None),
        ("went home with the others in the end", None),
        ("a pair of shoes for the winter", None),
        ("they left early", None),
        ("they went on...and nobody came back", None),
        ("`they went home', said the old man", None),
        ("he hath no house in the town", None),
        ("they went up to the hill--he stayed", None),
        ("they went " + "on and " * 40 + "on", None),
    ],
)
def test_examples_that_are_sentences_of_today(example, sentence):
    assert WholeSentences(VERBS).of([example]) == ([] if sentence is None else [sentence])


@given(st.lists(st.text(max_size=60)))
def test_whatever_is_no_example_is_no_sentence(texts):
    for sentence in WholeSentences(VERBS).of([*texts, "the dog barked all night long"]):
        assert sentence[0].isupper() or sentence[0].isdigit()
        assert sentence[-1] in ".!?"
        assert len(sentence.split()) >= 5


def test_the_sentences_of_wordnet_are_compiled_and_read_again(tiny_wordnet, tmp_path):
    folder, _ = tiny_wordnet
    with (folder / "data.verb").open("a") as file:
        file.write('00000900 29 v 01 bark 0 000 00 | make a noise; "the dog barked all night long"; "a bark"; ')
        file.write('"they barked all night at him"- Somebody Else\n')
    classes = [
        ClassDefinition(name, "grammar", "us", members=dict.fromkeys(words, False)) for name, words in VERBS.items()
    ]
    found = compile_sentences(WordNet(folder), classes)
    assert found == ["The dog barked all night long."]
    path = tmp_path / "sentences.npz"
    path.write_bytes(sentences.pack(found))
    assert sentences.pack(compile_sentences(WordNet(folder), classes[::-1])) == path.read_bytes()
    assert sentences.english_sentences(path) == tuple(found)
    path.write_bytes(b"no")
    sentences.english_sentences.cache_clear()
    with pytest.raises(StorageError, match="cannot be read: install the program anew"):
        sentences.english_sentences(path)


def test_the_bank_of_sentences_reads_as_english():
    found = sentences.english_sentences()
    assert len(found) > 15_000
    assert list(found) == sorted(set(found))
    assert sentences.DATA.stat().st_size < 800_000
    assert all(one[0].isupper() or one[0].isdigit() for one in found)
    assert all(one[-1] in ".!?" and "..." not in one and len(one.split()) >= 5 for one in found)


def test_files_that_are_not_wordnets(tmp_path):
    with pytest.raises(BadInput, match="WordNet cannot be read"):
        WordNet(tmp_path)
    for name in ("data.noun", "data.verb", "data.adj", "data.adv", "index.sense"):
        (tmp_path / name).write_text("some words\n")
    with pytest.raises(BadInput, match="does not hold WordNet's files"):
        WordNet(tmp_path)


def test_the_shipped_file_is_what_hand_written_classes_say(concepts):
    """A class by hand that was changed without compiling again would be told of wrongly."""
    for path in sorted(Path(DATA.parent, "hand").glob("*.toml")):
        if path.name == "choices.toml":
            continue
        for one in read_classes(path):
            assert concepts.get(one.name).pattern == one.pattern
            lemmas = {word for word, _ in one.lemmas}
            assert {*one.members, *lemmas} <= set(concepts.members(one.name, rare=True))


def test_no_word_is_in_many_themes():
    """A word that is everywhere tells no theme from another."""
    themes: dict[str, set[str]] = {}
    for path in Path(DATA.parent, "hand").glob("themes_of_*.toml"):
        for one in read_classes(path):
            words = [word for word, is_rare in one.members.items() if not is_rare]
            lemmas = [word for word, _ in one.lemmas]
            assert 12 <= len({*words, *lemmas}) <= 60, one.name
            for word in {*words, *lemmas}:
                themes.setdefault(word, set()).add(one.name)
    assert {word: names for word, names in themes.items() if len(names) > 2} == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [("list markers", "Shopping:\n\n* milk\n*"), ("hyphens", "a well-"), ("dashes", "so --"), ("apostrophes", "don'"),
     ("opening quotation marks", 'he said "'), ("line indents", "x\n   "), ("operators", "a +")],
)  # fmt: skip
def test_a_mark_counts_where_the_text_ends_with_it(concepts, name, text):
    """A token only knows what came before: where a text was cut says nothing against the mark."""
    spans = concepts.spans_of_pattern(concepts.get(name), text)
    assert spans
    assert spans[-1][1] == len(text)
