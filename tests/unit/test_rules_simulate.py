"""What a rule predicts, held against an implementation that is slow and obvious."""

from typing import get_args

import numpy as np
import pytest

from tools.errors import BadInput
from tools.rules.clauses import (
    Affix,
    AffixKind,
    After,
    Clause,
    Context,
    Early,
    Enclosure,
    Inside,
    Like,
    Listed,
    Relation,
    Repeated,
    Rule,
    Spelled,
    TokenClass,
    Width,
)
from tools.rules.simulate import Batch
from tools.rules.vocabulary import SPELLING, Vocabulary

STRINGS = [
    "a", "b", " a", " the", "The", " THE", "x1", "42", " 7", "\n", "\n\n ", "  ", ",", "()", "(", ")", ")(", "[", "]",
    "{", "}", '"', "'", "'s", ' "', '""', "é", "ing", " being", "don't",
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
    out = np.full((6 * (WIDTH + 1), WIDTH), -1, dtype=np.int32)
    for row in range(len(out)):
        n = row % (WIDTH + 1)
        kinds = rng.choice(len(STRINGS), size=int(rng.choice([2, 6, 30])), replace=False)
        out[row, :n] = rng.choice(kinds, size=n)
    return out


CLASSES: list[TokenClass] = [
    Listed(("a", " the", "\n")),
    *(Like(("b", "42", ","), width) for width in get_args(Width)),
    Like(("é",), "like"),
    *(Spelled(name) for name in SPELLING),
    *(Affix(kind, "ing") for kind in get_args(AffixKind)),
    Affix("starting with", "T"),
]
CONTEXTS: list[Context] = [
    *(After(relation, tokens) for relation in get_args(Relation) for tokens in (CLASSES[0], CLASSES[2], CLASSES[5])),
    *(Early(n) for n in (1, 5, 100)),
    *(Inside(what) for what in get_args(Enclosure)),
    Repeated(False),
    Repeated(True),
]


def belongs(tokens: TokenClass, token: int, vocabulary: Vocabulary) -> float:
    """Membership of one token in a class, from the words that define the class."""
    string = STRINGS[token]
    stem = string.lstrip(" ")
    match tokens:
        case Listed(listed):
            return float(string in listed)
        case Like(anchors, width):
            mean = sum(vocabulary.directions[STRINGS.index(anchor)].astype(float) for anchor in anchors)
            own = vocabulary.directions[token].astype(float)
            cosine = float(own @ mean) / float(np.sqrt(mean @ mean))
            low, high = {"very like": (0.45, 0.8), "like": (0.25, 0.65), "loosely like": (0.05, 0.5)}[width]
            return min(1.0, max(0.0, (cosine - low) / (high - low)))
        case Spelled(name):
            return float(SPELLING[name](string))
        case Affix("starting with", text):
            return float(stem[: len(text)] == text)
        case Affix("ending with", text):
            return float(stem[-len(text) :] == text)
        case Affix("containing", text):
            return float(text in stem)


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
        case Inside(what):
            opening, closing = {"parentheses": "()", "brackets": "[]", "braces": "{}"}[what]
            depth = 0
            for token in before:  # token by token, never below zero
                depth = max(0, depth + STRINGS[token].count(opening) - STRINGS[token].count(closing))
            return float(depth > 0)
        case After(relation, tokens):
            members = [belongs(tokens, token, vocabulary) for token in before]
            match relation:
                case "right after":
                    return members[-1] if members else 0.0
                case "two after":
                    return members[-2] if len(members) > 1 else 0.0
                case "within 4 after":
                    return max(members[-4:], default=0.0)
                case "within 16 after":
                    return max(members[-16:], default=0.0)
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
        for at, token in enumerate(text):
            total = 0.0
            for clause in rule.clauses:
                value = 1.0 if clause.token is None else belongs(clause.token, token, vocabulary)
                if clause.context is not None:
                    context = holds(clause.context, text, at, vocabulary)
                    value *= 1 - context if clause.unless else context
                total += clause.strength * value
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
    assert Batch(tokens, vocabulary).levels(rule) == pytest.approx(levels(rule, tokens, vocabulary), abs=1e-4)


def test_whole_rules(tokens, vocabulary) -> None:
    rng = np.random.default_rng(7)
    some = tokens[:: len(tokens) // 40]
    for _ in range(60):
        clauses = []
        for _ in range(rng.integers(1, 6)):
            token = rng.choice(np.array([None, *CLASSES], dtype=object))
            context = rng.choice(np.array([None, *CONTEXTS], dtype=object))
            strength = int(rng.choice([-10, -4, -1, 1, 3, 6, 10]))
            clauses.append(Clause(strength, token, context, bool(context is not None and rng.integers(2))))
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
