"""Experiments on the classes that readable rules name: members nobody saw, words of the border, other contexts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import tools.mini
from tools.concepts.concepts import Concepts
from tools.concepts.sentences import sentences_for
from tools.experiments.candidates import Candidate, Setting, edit
from tools.experiments.committee import Believed
from tools.experiments.kinds import Claimed, Kinds, written_like
from tools.experiments.members import MOST_OFTEN, N_EACH, other_contexts, sister_classes, unseen_members
from tools.experiments.real_sentences import real_sentences
from tools.experiments.registry import GENERATORS, QUOTAS_WITH_WRITER
from tools.experiments.seen_words import SeenWords
from tools.experiments.text_edits import Texts
from tools.readable.generalisation import Generalisation
from tools.readable.language import Language
from tools.readable.reader import LexicalReader
from tools.records.excerpts import Excerpts, ExploreActivations
from tools.roles import Revealed
from tools.rules.vocabulary import Vocabulary
from tools.subject.tokenizer import load_tokenizer
from tools.toolbox import UNIT_TEXTS

WIDTH, THETA = 32, 0.5
SEEN = ("walk", "run", "go", "climb")
ON_PROBE = ("travel", "wander", "walk", "sneak")
PLACES = ("house", "river", "school", "market", "garden")
MOTION = "Fires on verbs of motion."
AFTER_TO = 'Fires on verbs of motion right after "to".'


class World:
    """Texts in which people want to walk, and a neuron that fires on two of the verbs."""

    def __init__(self) -> None:
        self.tokenizer = load_tokenizer(Path(tools.mini.__file__).parent / "weights")
        self.strings = self.tokenizer.token_strings()
        self.reader = LexicalReader(self.strings, Concepts.load())
        self.texts = Texts(self.strings, self.tokenizer, WIDTH)
        self.vocabulary = Vocabulary(self.strings, np.ones((len(self.strings), 4), dtype=np.float32))
        self.explore = self.excerpts(SEEN, 24, 0)
        self.probe = self.excerpts(ON_PROBE, 24, 100)
        values = self.reader.levels(self.reader.language.parse('Fires on "walk" and "run".'), self.explore.tokens)
        spread = np.linspace(0.6, 1, values.size).reshape(values.shape).astype(np.float32)
        self.activations = ExploreActivations(self.explore, np.where(values > 0, spread, 0))

    def excerpts(self, verbs: Sequence[str], n: int, first_id: int) -> Excerpts:
        said = []
        for i in range(n):
            verb, place = verbs[i % len(verbs)], PLACES[i % len(PLACES)]
            said.append(f"{i} of them want to {verb} by the {place}." if i % 3 else f"{i} of us {verb} by the {place}.")
        ids = self.tokenizer.encode(said)
        tokens = np.full((n, WIDTH), -1, dtype=np.int32)
        for row, own in enumerate(ids):
            tokens[row, : len(own)] = own
        numbers = np.arange(n, dtype=np.int32)
        return Excerpts(tokens, np.array([len(own) for own in ids]), numbers, numbers + first_id, numbers)

    def setting(
        self, *sentences: str, used: frozenset[str] = frozenset(), tried: frozenset[str] = frozenset()
    ) -> Setting:
        kinds = Kinds(self.reader, self.activations, THETA, self.probe, self.texts)
        nothing = np.zeros(self.probe.tokens.shape)
        return Setting(
            explore=self.activations, theta=THETA, carriers=[], probe=self.probe, on_probe=Believed(nothing, nothing),
            vocabulary=self.vocabulary, texts=self.texts, words=SeenWords(self.activations, THETA, self.vocabulary),
            named=[], believe=lambda tokens: Believed(nothing, nothing), sample=lambda *_: [], fresh=len,
            claimed=Claimed(
                kinds, kinds.items(sentences), kinds.all_items(sentences), np.arange(len(self.probe)), used, tried
            ),
        )  # fmt: skip

    def last_word(self, candidate: Candidate) -> str:
        [text] = self.texts.read([candidate.tokens])
        assert text is not None
        assert text.ends_with_word
        return text.words[-1].text

    def fires(self, sentence: str, candidate: Candidate) -> bool:
        tokens = np.array([candidate.tokens], dtype=np.int32)
        return bool(self.reader.levels(self.reader.language.parse(sentence), tokens)[0, -1] > 0)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def language(world: World) -> Language:
    return world.reader.language


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("make", [unseen_members, sister_classes, other_contexts])
@pytest.mark.parametrize("sentence", [MOTION, AFTER_TO, 'Fires on words like "walk" and "run".',
                                      'Fires on words beginning with "wal".'])  # fmt: skip
def test_what_is_made_is_a_text_that_ends_with_the_word(world, make, sentence):
    for candidate in make(world.setting(sentence), rng()):
        said = world.tokenizer.decode(list(candidate.tokens))
        assert tuple(world.tokenizer.encode([said])[0]) == candidate.tokens
        assert world.last_word(candidate)
        assert candidate.about
        assert candidate.key


@pytest.mark.parametrize("sentence", [MOTION, AFTER_TO, 'Fires on words like "walk" and "run".'])
def test_unseen_members_were_never_shown_and_the_rule_says_that_they_fire(world, sentence):
    found = unseen_members(world.setting(sentence), rng())
    words = {world.last_word(candidate).lower() for candidate in found}
    assert len(words) > 5
    shown = {word for text in world.texts.read([tuple(row[row >= 0].tolist()) for row in world.explore.tokens])
             for word in [w.text.lower() for w in text.words]}  # fmt: skip
    assert not words & shown
    assert all(world.fires(sentence, candidate) for candidate in found)
    assert "explore" in {candidate.carrier.partition("-")[0] for candidate in found}


def test_members_are_put_where_the_neuron_fired_and_are_inflected_as_the_word_there(world):
    found = [c for c in unseen_members(world.setting(AFTER_TO), rng()) if c.carrier.startswith("explore")]
    assert found
    per_carrier = [c.carrier for c in found]
    assert max(per_carrier.count(name) for name in per_carrier) <= N_EACH
    assert all(c.value_before is None or c.value_before > THETA for c in found)
    base = world.reader.knowledge.concepts
    in_base_form = ["base form verbs" in base.classes_of(world.last_word(c)) for c in found]
    assert np.mean(in_base_form) >= 0.8


def test_a_change_is_told_only_where_the_value_says_which_text_was_changed(world):
    """Where the neuron has the same value at an earlier word, what was recorded would be the change of another text."""
    texts = [f"They walk and {verb} by the {place}." for verb in ("walk", "run", "climb") for place in PLACES]
    ids = world.tokenizer.encode(texts)
    tokens = np.full((len(ids), WIDTH), -1, dtype=np.int32)
    for row, own in enumerate(ids):
        tokens[row, : len(own)] = own
    numbers = np.arange(len(ids), dtype=np.int32)
    explore = Excerpts(tokens, np.array([len(own) for own in ids]), numbers, numbers, numbers)
    levels = world.reader.levels(world.reader.language.parse('Fires on "walk", "run" and "climb".'), tokens)
    values = np.where(levels > 0, 1.0, 0).astype(np.float32)
    kinds = Kinds(world.reader, ExploreActivations(explore, values), THETA, world.probe, world.texts)
    [item] = kinds.items(['Fires on "run".'])
    found = kinds.carriers(item, frozenset())
    assert found
    assert not any(carrier.is_found_by_value for carrier in found)
    candidate = edit(found[0].text, found[0].last, "mine", "", found[0], "about")
    assert (candidate.value_before, candidate.about) == (None, "about")
    spread = values * np.linspace(0.6, 1, values.size, dtype=np.float32).reshape(values.shape)
    kinds = Kinds(world.reader, ExploreActivations(explore, spread), THETA, world.probe, world.texts)
    one = kinds.carriers(item, frozenset())[0]
    assert one.is_found_by_value
    assert edit(one.text, one.last, "mine", "", one).value_before == round(one.value, 5)


def test_members_that_stand_in_probe_text_are_found_there(world):
    found = [c for c in unseen_members(world.setting(MOTION), rng()) if c.carrier.startswith("probe")]
    assert {"travel", "wander"} <= {world.last_word(c) for c in found} <= {"travel", "wander", "sneak"}


def test_the_border_is_silent_for_the_rule_and_fires_for_a_wider_one(world):
    found = sister_classes(world.setting(AFTER_TO), rng())
    assert found
    assert not any(world.fires(AFTER_TO, candidate) for candidate in found)
    assert any(world.fires("Fires on verbs.", candidate) for candidate in found)


def test_the_words_of_a_rule_are_tried_where_its_context_does_not_hold(world):
    found = other_contexts(world.setting(AFTER_TO), rng())
    assert any(candidate.carrier.startswith("probe") for candidate in found)
    assert not any(world.fires(AFTER_TO, candidate) for candidate in found)
    elsewhere = [candidate for candidate in found if candidate.carrier.startswith("probe")]
    assert all(world.fires(MOTION, candidate) for candidate in elsewhere)


def test_words_that_were_tried_give_way_to_others_and_carriers_are_used_once(world):
    first = unseen_members(world.setting(MOTION), rng())
    tried = frozenset(world.last_word(c).lower() for c in first)
    used = frozenset(c.carrier for c in first)
    again = [
        c for c in unseen_members(world.setting(MOTION, used=used, tried=tried), rng()) if c.value_before is not None
    ]
    assert not {c.carrier for c in again} & used
    assert not {world.last_word(c).lower() for c in again} & tried


@pytest.mark.parametrize("sentence", [MOTION, AFTER_TO, 'Fires on "walk" and "run".', "Fires on percentages.",
                                      'Fires on any word right after "not".'])  # fmt: skip
def test_a_rule_is_tried_in_sentences_that_somebody_else_wrote(world, sentence):
    found = real_sentences(world.setting(sentence), rng())
    assert len(found) > 3
    assert found == real_sentences(world.setting(sentence), rng())
    bank = sentences_for("experiments")
    for candidate in found:
        said = world.tokenizer.decode(list(candidate.tokens))
        assert any(one.startswith(said.strip()) for one in bank), said
        assert world.fires(sentence, candidate)
        assert candidate.about
    words = [world.tokenizer.decode(list(c.tokens)).split()[-1].lower() for c in found]
    assert max(words.count(word) for word in words) <= MOST_OFTEN


def test_what_names_no_class_is_asked_nothing(world):
    for sentence in ('Fires on "walk".', "Never fires.", "Fires on `walk` (10)."):
        for make in (unseen_members, sister_classes, other_contexts):
            assert make(world.setting(sentence), rng()) == []


def test_a_word_is_written_as_the_one_that_it_replaces():
    assert [written_like("go", other) for other in ("run", "Run", "RUN", "I")] == ["go", "Go", "GO", "Go"]
    assert written_like("Paris", "house") == "Paris"


def test_every_round_asks_about_unseen_members():
    for quotas in ({name: one.quota for name, one in GENERATORS.items()}, QUOTAS_WITH_WRITER):
        assert sum(quotas.values()) == UNIT_TEXTS
        assert 5 * quotas["unseen_member"] >= UNIT_TEXTS
        assert min(quotas["sister_class"], quotas["other_context"]) > 0


def outcomes(about: str, generator: str, fired: int, n: int) -> list[Revealed]:
    return [Revealed((1,), 0.0, i < fired, generator=generator, about=about) for i in range(n)]


def test_a_class_whose_unseen_members_were_silent_is_too_wide(world):
    def is_too_wide(fired: int, n: int) -> bool:
        revealed = outcomes("verbs of motion", "unseen_member", fired, n)
        return Generalisation(world.reader, revealed, world.explore.tokens).is_too_wide(MOTION)

    assert [is_too_wide(*one) for one in ((0, 2), (2, 9), (5, 9), (0, 3))] == [False, True, False, True]


def test_what_became_of_a_class_is_told_with_what_experiments_said(world, language):
    revealed = [
        *outcomes("verbs of motion", "unseen_member", 2, 9), *outcomes("verbs of motion", "sister_class", 4, 5),
        *outcomes("verbs", "unseen_member", 0, 4),
    ]  # fmt: skip
    found = Generalisation(world.reader, revealed, world.explore.tokens)

    def told(parent: str, child: str) -> list[tuple[str, str]]:
        changes = found.changes("H2", language.parse(parent), language.parse(child))
        return [(change.action, change.reason) for change in changes]

    assert told(MOTION, 'Fires on "run" and "walk".') == [
        (
            "narrow",
            'H2\'s "verbs of motion" did not hold for unseen members (2 of 9 fired): narrowed to "run" and "walk"',
        )
    ]
    assert told("Fires on modals and on verbs.", "Fires on modals.") == [
        ("narrow", 'H2\'s "verbs" did not hold for unseen members (0 of 4 fired): left out')
    ]
    [(action, reason)] = told(MOTION, "Fires on verbs.")
    assert action == "widen"
    assert reason.endswith("and of words of sister classes 4 of 5 fired: widened to verbs")
    assert told(MOTION, MOTION) == []
