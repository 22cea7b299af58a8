"""What a rule predicts, held against an implementation that is slow and obvious."""

import re
from math import prod
from typing import get_args

import numpy as np
import pytest

from tools.errors import BadInput
from tools.rules.clauses import (
    Affix,
    AffixKind,
    After,
    Between,
    Clause,
    Context,
    Early,
    Echo,
    Enclosure,
    Growing,
    Inside,
    Like,
    Listed,
    Measure,
    Nearer,
    Range,
    Relation,
    Repeated,
    Repetition,
    Rule,
    Spelled,
    TokenClass,
    Width,
    WordAffix,
    Words,
)
from tools.rules.language import parse
from tools.rules.simulate import Batch
from tools.rules.spelling import SPELLING, WORD_SPELLING
from tools.rules.vocabulary import Vocabulary

STRINGS = [
    "a", "b", " a", " the", "The", " THE", "x1", "42", " 7", "\n", "\n\n ", "  ", ",", "()", "(", ")", ")(", "[", "]",
    "{", "}", '"', "'", "'s", ' "', '""', "é", "ing", " being", "don't",
    "#", '"""', "12", "A", "\n    ", " x = (",
]  # fmt: skip
WIDTH = 24


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    rng = np.random.default_rng(5)
    return Vocabulary(STRINGS, rng.normal(size=(len(STRINGS), 4)).astype(np.float32))


@pytest.fixture(scope="module")
def tokens() -> np.ndarray:
    """Right-padded texts of every length from 0 to the width, of few and of many different tokens."""
    rng = np.random.default_rng(6)
    out = np.full((2 * (WIDTH + 1), WIDTH), -1, dtype=np.int32)
    for row in range(len(out)):
        n = row % (WIDTH + 1)
        kinds = rng.choice(len(STRINGS), size=int(rng.choice([2, 6, 30])), replace=False)
        out[row, :n] = rng.choice(kinds, size=n)
    return out


CLASSES: list[TokenClass] = [
    Listed(("a", " the", "\n")),
    *(Like(("b", "42", ","), width) for width in get_args(Width)),
    Like(("é",), "like"),
    Nearer(("b", "42"), (",", "é", "A")),
    Nearer(("b",)),
    *(Spelled(name) for name in SPELLING),
    *(Affix(kind, "ing") for kind in get_args(AffixKind)),
    Affix("starting with", "T"),
    Words(("the", "aing", "A")),
    *(WordAffix(kind, "ing") for kind in get_args(AffixKind)),
    *(Spelled(name) for name in WORD_SPELLING),
]
NEARER = Nearer(("a", "b"), ("[", "é"))
CONTEXTS: list[Context] = [
    *(
        After(relation, tokens)
        for relation in get_args(Relation)
        for tokens in (CLASSES[0], CLASSES[2], Spelled("numbers"), NEARER)
    ),
    *(Early(n) for n in (1, 5, 100)),
    *(Inside(what) for what in get_args(Enclosure)),
    Repeated(False),
    Repeated(True),
    *(Echo(what) for what in get_args(Repetition)),
    Between(CLASSES[0], Spelled("numbers")),
    Between(NEARER, Nearer((",",))),
    Between(Listed(("a", "(")), Listed((")", "a"))),
    Between(Words(("the",)), Spelled("newlines")),
    *(Range(measure, 2, high) for measure in get_args(Measure) for high in (2, 5, None)),
    *(Growing(measure, 1, 4) for measure in get_args(Measure)),
    *(After(relation, Words(("the",))) for relation in get_args(Relation)),
]


def word_at(text: list[int], at: int) -> str:
    """The run of letters that the text ends in at a token, of which all but the first piece are letters alone."""
    word = ""
    for token in reversed(text[: at + 1]):
        string = STRINGS[token]
        last = re.search(r"[^\W\d_]*$", string)
        assert last
        word = last[0] + word
        if last[0] != string:
            break
    return word


def belongs(tokens: TokenClass, text: list[int], at: int, vocabulary: Vocabulary) -> float:
    """Membership of one token in a class, from the words that define the class."""
    token = text[at]
    string = STRINGS[token]
    stem = string.lstrip(" ")
    word = word_at(text, at)
    match tokens:
        case Listed(listed):
            return float(string in listed)
        case Like(anchors, width):
            mean = sum(vocabulary.directions[STRINGS.index(anchor)].astype(float) for anchor in anchors)
            own = vocabulary.directions[token].astype(float)
            cosine = float(own @ mean) / float(np.sqrt(mean @ mean))
            low, high = {"very like": (0.45, 0.8), "like": (0.25, 0.65), "loosely like": (0.05, 0.5)}[width]
            return min(1.0, max(0.0, (cosine - low) / (high - low)))
        case Nearer(anchors, others):
            towards = sum(vocabulary.directions[STRINGS.index(anchor)].astype(float) for anchor in anchors)
            away = sum((vocabulary.directions[STRINGS.index(other)].astype(float) for other in others), np.zeros(4))
            direction = towards - away
            return 3 * float(vocabulary.directions[token] @ direction) / float(np.sqrt(direction @ direction))
        case Spelled(name):
            return float(SPELLING[name](string) if name in SPELLING else WORD_SPELLING[name](word))
        case Words(listed):
            return float(word in listed or (word[:1].isupper() and word[:1].lower() + word[1:] in listed))
        case WordAffix("starting with", part):
            return float(word[: len(part)] == part)
        case WordAffix("ending with", part):
            return float(word[-len(part) :] == part)
        case WordAffix(_, part):
            return float(part in word)
        case Affix("starting with", part):
            return float(stem[: len(part)] == part)
        case Affix("ending with", part):
            return float(stem[-len(part) :] == part)
        case Affix("containing", part):
            return float(part in stem)


def line_of(text: list[int], at: int) -> int | None:
    """Where the line of a token begins: at the latest line break, itself included; None on the first line."""
    return max((i for i in range(at + 1) if "\n" in STRINGS[text[i]]), default=None)


def depths(text: list[int], kinds: str) -> list[int]:
    """How many brackets are open after each token, token by token and never below zero."""
    out, depth = [0], 0
    for token in text:
        change = sum(STRINGS[token].count(c) for c in kinds[::2]) - sum(STRINGS[token].count(c) for c in kinds[1::2])
        depth = max(0, depth + change)
        out.append(depth)
    return out


def measured(measure: Measure, text: list[int], at: int) -> int:
    string, line = STRINGS[text[at]], line_of(text, at)
    visible = [i for i in range(line or 0, at + 1) if not STRINGS[text[i]].isspace()]
    match measure:
        case "position":
            return at + 1
        case "line position":
            return -1 if line is None or string.isspace() else len(visible)
        case "indent":
            if line is None:
                return -1
            begun = "".join(STRINGS[token] for token in text[line : (visible[0] if visible else at) + 1])
            begun = begun.rsplit("\n", 1)[1]
            return len(begun) - len(begun.lstrip())
        case "word length":
            return len(word_at(text, at)) or -1
        case "number length":
            if not string.strip().isdigit():
                return -1
            digits = re.search(r"[0-9]+$", "".join(STRINGS[token] for token in text[: at + 1]))
            # A number goes on in pieces of digits alone.
            n = 0
            for token in reversed(text[: at + 1]):
                piece = STRINGS[token]
                if not piece.strip().isdigit():
                    break
                n += len(piece.strip())
                if piece[0] == " ":
                    break
            assert digits
            return n
        case "occurrence":
            return sum(same_word(text, i, at) for i in range(at + 1))
        case "parenthesis depth":
            return min(depths(text, "()")[at : at + 2])
        case "bracket depth":
            return min(depths(text, "()[]{}")[at : at + 2])
        case "bracket distance":
            after = depths(text, "()[]{}")
            level = after[at]
            if not level:
                return -1
            return at - max(i for i in range(at) if after[i] < level <= after[i + 1])


def same_word(text: list[int], one: int, other: int) -> bool:
    first, second = word_at(text, one), word_at(text, other)
    return first == second if first or second else text[one] == text[other]


def in_string(text: list[int], at: int) -> bool:
    """Inside marks on one line: the marks of the text, one after another, as a reader pairs them."""
    state, left = "", " "
    states = []
    for token in text[: at + 1]:
        string = STRINGS[token]
        before = state
        if "\n" in string or '"""' in string:
            state = ""
        else:
            for character in string:
                if state:
                    state = "" if character == state else state
                elif character == '"' or (character == "'" and not left.isalnum()):
                    state = character
                left = character
        left = " " if string.strip().lower() in ("f", "r", "b", "u", "rb", "br") else string[-1]  # b'...' is a string
        states.append(bool(before) and state == before)
    return states[at]


def holds(context: Context, text: list[int], at: int, vocabulary: Vocabulary) -> float:
    """How far a context holds for the token at one place of one text."""
    before = text[:at]
    match context:
        case Early(n):
            return float(at < n)
        case Repeated(False):
            return float(text[at] in before)
        case Repeated(True):
            return float(any(text[i - 1 : i + 1] == text[at - 1 : at + 1] for i in range(1, at)) and at > 0)
        case Inside("quotes"):
            n = 0
            for token in before:
                string = STRINGS[token]
                n += string.count('"')
                if not (string.strip().strip("'")).isalpha():
                    n += string.count("'")
            return float(n % 2 == 1)
        case Inside("strings"):
            return float(in_string(text, at))
        case Inside("comments"):
            line = line_of(text, at)
            return float(any(STRINGS[token] == "#" for token in text[line or 0 : at]) and line != at)
        case Inside("docstrings"):
            n = sum(STRINGS[token] == '"""' for token in before)
            return float(n % 2 == 1 and STRINGS[text[at]] != '"""')
        case Between(first, last):
            begun = [i for i in range(at) if belongs(first, text, i, vocabulary) >= 0.5]
            ended = [i for i in range(at + 1) if belongs(last, text, i, vocabulary) >= 0.5]
            return float(bool(begun) and not any(i > begun[-1] for i in ended))
        case Echo("word"):
            return float(any(same_word(text, i, at) for i in range(at)))
        case Echo("word on the line"):
            return float(any(same_word(text, i, at) for i in range(line_of(text, at) or 0, at)))
        case Echo(_):
            return float(any(text[i - 2 : i + 1] == text[at - 2 : at + 1] for i in range(2, at)) and at > 1)
        case Range(measure, low, high):
            number = measured(measure, text, at)
            return float(number >= low and (high is None or number <= high))
        case Growing(measure, low, high):
            return min(1.0, max(0.0, (measured(measure, text, at) - low) / (high - low)))
        case Inside(what):
            opening, closing = {"parentheses": "()", "brackets": "[]", "braces": "{}"}[what]
            depth = 0
            for token in before:  # token by token, never below zero
                depth = max(0, depth + STRINGS[token].count(opening) - STRINGS[token].count(closing))
            return float(depth > 0)
        case After(relation, tokens):
            members = [belongs(tokens, text, i, vocabulary) for i in range(at)]
            if isinstance(tokens, Nearer):
                if relation == "amid":
                    return 4 * sum(members[-16:]) / 16
                if relation not in ("right after", "two after"):
                    members = [min(1.0, max(0.0, member)) for member in members]
            match relation:
                case "right after":
                    return members[-1] if members else 0.0
                case "two after":
                    return members[-2] if len(members) > 1 else 0.0
                case "within 4 after":
                    return max(members[-4:], default=0.0)
                case "within 8 after":
                    return max(members[-8:], default=0.0)
                case "within 16 after":
                    return max(members[-16:], default=0.0)
                case "at least 8 after":
                    return max(members[: max(0, at - 7)], default=0.0)
                case "on lines starting with":
                    begun = max((i for i in range(at + 1) if "\n" in STRINGS[text[i]]), default=None)
                    if begun is None:
                        return 0.0
                    on_line = [i for i in range(begun, at) if not STRINGS[text[i]].isspace()]
                    return members[on_line[0]] if on_line else 0.0
                case "anywhere after":
                    return max(members, default=0.0)
                case "amid":
                    return min(1.0, 4 * sum(members[-16:]) / 16)
                case "on lines with":
                    start = max((i + 1 for i, token in enumerate(before) if "\n" in STRINGS[token]), default=0)
                    return max(members[start:], default=0.0)


def levels(rule: Rule, tokens: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    out = np.zeros(tokens.shape)
    for row, padded in enumerate(tokens):
        text = [int(token) for token in padded if token >= 0]
        for at in range(len(text)):
            total = 0.0
            for clause in rule.clauses:
                said = [] if clause.token is None else [(belongs(clause.token, text, at, vocabulary), False)]
                for given, unless in ((clause.context, clause.unless), (clause.also, clause.also_unless)):
                    if given is not None:
                        said.append((holds(given, text, at, vocabulary), unless))
                if len(said) > 1 or any(unless for _, unless in said):
                    said = [(min(1.0, max(0.0, value)), unless) for value, unless in said]
                total += clause.strength * prod(1 - value if unless else value for value, unless in said)
            out[row, at] = min(10.0, max(0.0, total))
    return out


@pytest.mark.parametrize("token_class", CLASSES, ids=str)
def test_token_classes(token_class, tokens, vocabulary) -> None:
    rule = Rule((Clause(7, token_class),))
    assert Batch(tokens, vocabulary).levels(rule) == pytest.approx(levels(rule, tokens, vocabulary), abs=1e-4)


@pytest.mark.parametrize("unless", [False, True])
@pytest.mark.parametrize("context", CONTEXTS, ids=str)
def test_contexts(context, unless, tokens, vocabulary) -> None:
    rule = Rule((Clause(7, None, context, unless),))
    some = tokens[unless::2]  # one half of the texts each
    assert Batch(some, vocabulary).levels(rule) == pytest.approx(levels(rule, some, vocabulary), abs=1e-4)


@pytest.mark.slow
def test_whole_rules(tokens, vocabulary) -> None:
    rng = np.random.default_rng(7)
    some = tokens[:: len(tokens) // 15]
    for _ in range(60):
        clauses = []
        for _ in range(rng.integers(1, 6)):
            token = rng.choice(np.array([None, *CLASSES], dtype=object))
            context = rng.choice(np.array([None, *CONTEXTS], dtype=object))
            strength = int(rng.choice([-10, -4, -1, 1, 3, 6, 10]))
            unless = bool(context is not None and rng.integers(2))
            also = rng.choice(np.array([None, *CONTEXTS], dtype=object)) if context is not None else None
            also_unless = also is not None and (unless or bool(rng.integers(2)))
            clauses.append(Clause(strength, token, context, unless, also, also_unless))
        rule = Rule(tuple(clauses))
        found = Batch(some, vocabulary).levels(rule)
        assert found.dtype == np.float32
        assert found.min() >= 0
        assert found.max() <= 10
        assert (found[some < 0] == 0).all()
        assert found == pytest.approx(levels(rule, some, vocabulary), abs=1e-4)


def test_a_rule_without_clauses_and_a_batch_without_texts(tokens, vocabulary) -> None:
    assert not Batch(tokens, vocabulary).levels(Rule(())).any()
    rule = Rule((Clause(3), Clause(2, None, Repeated(True)), Clause(1, None, After("on lines with", CLASSES[0]))))
    assert Batch(tokens[:0], vocabulary).levels(rule).shape == (0, WIDTH)
    assert Batch(tokens[:, :1], vocabulary).levels(rule).shape == (len(tokens), 1)


def test_tokens_nearer_some_than_others_speak_for_and_against() -> None:
    """Directions on a plane, of mean 0: `east` and `west` opposite, `north` and `south` across."""
    strings = ["east", "west", "north", "south"]
    plane = Vocabulary(strings, np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], dtype=np.float32))
    batch = Batch(np.array([[0, 0, 1, 2, 3, 0], [1, 1, 0, 0, 0, -1]], dtype=np.int32), plane)

    def held(sentence: str) -> list[list[float]]:
        found = batch.clause(parse(sentence).clauses[0])
        assert found.dtype == np.float32
        return found.tolist()

    one_side = "tokens nearer `east` than `west`"
    assert held(f"Fires on {one_side} (8).") == [[3, 3, -3, 0, 0, 3], [-3, -3, 3, 3, 3, 0]]
    assert held("Fires on tokens nearer `east` (8).") == held(f"Fires on {one_side} (8).")
    diagonal = held("Fires on tokens nearer `east`, `north` than `west` (8).")[0]
    assert diagonal == pytest.approx([6 / 5**0.5, 6 / 5**0.5, -6 / 5**0.5, 3 / 5**0.5, -3 / 5**0.5, 6 / 5**0.5])
    assert held(f"Fires right after {one_side} (8).") == [[0, 3, 3, -3, 0, 0], [0, -3, -3, 3, 3, 0]]
    assert held(f"Fires two after {one_side} (8).") == [[0, 0, 3, 3, -3, 0], [0, 0, -3, -3, 3, 0]]
    assert held(f"Fires amid {one_side} (8).") == [[0, 0.75, 1.5, 0.75, 0.75, 0.75], [0, -0.75, -1.5, -0.75, 0, 0]]
    assert held(f"Fires anywhere after {one_side} (8).") == [[0, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 0]]
    assert held(f"Fires unless right after {one_side} (8).") == [[1, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]]
    both = f"Fires on {one_side} right after {one_side} (8)."
    assert held(both) == [[0, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0]], "two that speak against firing do not speak for it"
    weighed = batch.levels(parse(f"Fires everywhere (5); on {one_side} (1)."))
    assert weighed.tolist() == [[8, 8, 2, 5, 5, 8], [2, 2, 8, 8, 8, 0]]


def test_amid_adds_up_what_is_nearer_without_a_cut() -> None:
    plane = Vocabulary(["east", "west"], np.array([[1.0], [-1.0]], dtype=np.float32))
    rule = parse("Fires amid tokens nearer `east` (1).")
    found = Batch(np.zeros((1, 20), dtype=np.int32), plane).clause(rule.clauses[0])
    assert found[0].tolist() == [min(at, 16) * 0.75 for at in range(20)]


def test_what_follows_changes_nothing_before_it(tokens, vocabulary) -> None:
    """Levels look only back: the subject is causal, and a text cut short must be predicted as the whole text was."""
    full = tokens[(tokens >= 0).all(axis=1)]
    for context in CONTEXTS:
        rule = Rule((Clause(9, None, context),))
        cut = Batch(full[:, :10], vocabulary).levels(rule)
        assert (cut == Batch(full, vocabulary).levels(rule)[:, :10]).all()


def test_a_token_that_the_model_does_not_have(tokens, vocabulary) -> None:
    with pytest.raises(BadInput, match="`the` is not one token of this model; did you mean `␣the`"):
        Batch(tokens, vocabulary).levels(Rule((Clause(3, Listed(("the",))),)))
