"""The learner of readable rules on neurons of known meaning, and the explainer that revises by experiments."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from readable_world import World, concepts, filler

from tools.evidence.neurons.neuron import threshold
from tools.readable.contract import why_not
from tools.readable.explainer import ReadableExplainer
from tools.readable.features import Features
from tools.readable.learn import Learner
from tools.readable.merit import Merit
from tools.readable.neighbouring_items import neighbours
from tools.readable.rule import Context, Item, Named, Quoted, Rule
from tools.readable.sample import N_FOLDS, Gram, Sample, doubted
from tools.readable.screen import Screen
from tools.records.excerpts import ExploreActivations
from tools.roles import Revealed

MONTHS = ["January", "February", "April", "June", "July", "September", "October", "November"]
UNSEEN_MONTHS = ["August", "December"]
ANIMALS = ["cat", "dog", "cow", "horse", "sheep", "goat", "tiger", "wolf"]
N_TEXTS = 160

Value = Callable[[list[str], int], float]


def among(words: Sequence[str], seed: int = 0, others: Sequence[str] = ("ran", "of", "near", "the")) -> list[str]:
    """Texts of filler and of other words; some of `words` in each third of them."""
    rng = np.random.default_rng(seed)
    texts = filler(N_TEXTS, 14, rng)
    for n, row in enumerate(texts):
        for at in rng.choice(14, size=4, replace=False):
            row[at] = str(rng.choice(others))
        if n % 3 == 0:
            row[int(rng.integers(1, 13))] = words[n // 3 % len(words)]
    return [" ".join(row) for row in texts]


def on(*words: str) -> Value:
    return lambda text, at: 1.0 if text[at] in words else 0.0


def explore(world: World, texts: Sequence[str], value: Value) -> ExploreActivations:
    found = world.activations(texts, value, ExploreActivations)
    assert isinstance(found, ExploreActivations)
    return found


def learner(world: World, activations: ExploreActivations, seed: int = 0) -> Learner:
    texts = world.reader.text_cache.texts(activations.excerpts.tokens)
    documents = np.repeat(activations.excerpts.documents, activations.excerpts.lengths)
    values = activations.values[activations.excerpts.mask]
    rng = np.random.default_rng(seed)
    sample = Sample(texts, values, np.ones(texts.n_tokens), documents, threshold(values), rng)
    return Learner(sample, Features(texts, world.reader.knowledge), world.reader.language)


def learnt(world: World, texts: Sequence[str], value: Value, seed: int = 0) -> str:
    path = learner(world, explore(world, texts, value), seed).path()
    return world.reader.language.render(path[-1].rule if path else Rule())


@pytest.fixture
def world() -> World:
    return World()


def test_a_class_is_found_by_its_words_and_holds_for_those_that_were_not_shown(world) -> None:
    sentence = learnt(world, among(MONTHS), on(*MONTHS))
    assert world.fires(sentence, " ".join(UNSEEN_MONTHS)) == [UNSEEN_MONTHS]
    assert world.fires(sentence, "river table cat ran of near") == [[]]
    assert '"' not in sentence


def test_two_words_that_share_no_class_are_quoted(world) -> None:
    sentence = learnt(world, among(["zorb", "river", "quib"]), on("zorb", "quib"))
    assert world.fires(sentence, "zorb river quib table") == [["zorb", "quib"]]


def test_a_word_is_found_in_its_context(world) -> None:
    texts = among(["must zorb", "near zorb", "can zorb", "should zorb", "may zorb", "would zorb"])

    def value(text: list[str], at: int) -> float:
        return float(text[at] == "zorb" and at > 0 and text[at - 1] in ("must", "can", "should", "may", "would"))

    sentence = learnt(world, texts, value)
    assert world.fires(sentence, "must zorb near zorb could zorb") == [["zorb", "zorb"]], sentence


def test_a_word_of_one_document_earns_nothing(world) -> None:
    """Its strength is fitted on documents in which it doesn't stand."""
    texts = among(["river"])
    texts[7] = "zorb lamp " * 6 + "zorb"
    assert learnt(world, texts, on("zorb")) == "Never fires."


def test_chance_earns_nothing(world) -> None:
    noise = np.random.default_rng(3)
    texts = among(ANIMALS)
    kept = {(text, at): noise.random() for text in range(N_TEXTS) for at in range(14)}
    activations = explore(world, texts, lambda text, at: 0.0)
    for (row, at), value in kept.items():
        activations.values[row, at] = float(value > 0.99)
    assert len(learner(world, activations).path()) <= 1


def test_the_same_seed_gives_the_same_rule(world) -> None:
    texts = among([*MONTHS, *ANIMALS])
    assert learnt(world, texts, on(*MONTHS, "cat"), 5) == learnt(World(), texts, on(*MONTHS, "cat"), 5)


def test_how_strongly_is_said_in_words(world) -> None:
    def value(text: list[str], at: int) -> float:
        return 1.0 if text[at] in MONTHS else 0.25 if text[at] == "zorb" else 0.0

    sentence = learnt(world, among([*MONTHS, "zorb", "zorb", "zorb"]), value)
    strengths = {item.kind: strength for strength, item in world.reader.language.parse(sentence).items}
    weak = strengths[Quoted(("zorb",))]
    assert weak < max(strengths.values())


def test_forms_keep_to_what_they_may_be_made_of(world) -> None:
    made = learner(world, explore(world, among([*MONTHS, "zorb"]), on(*MONTHS, "zorb")))
    for path, allowed in ((made.path("classes"), Named), (made.path("words"), object)):
        assert path
        for one in path:
            assert all(isinstance(item.kind, allowed) for _, item in one.rule.items)
            assert why_not(world.reader.language.render(one.rule)) is None
    assert not any(isinstance(kind, Named) for _, item in made.path("words")[-1].rule.items for kind in item.kinds())


def test_each_item_more_is_worth_more(world) -> None:
    path = learner(world, explore(world, among([*MONTHS, "zorb", "quib"]), on(*MONTHS, "zorb", "quib"))).path()
    worth = [one.worth for one in path]
    assert len(worth) > 1
    assert worth == sorted(worth)


# The sample


def test_folds_are_of_whole_documents_and_sums_are_what_they_say(world) -> None:
    made = learner(world, explore(world, among(ANIMALS), on(*ANIMALS)))
    sample = made.sample
    documents = np.repeat(np.arange(N_TEXTS), 14)
    assert all(len(set(sample.fold[documents == one])) == 1 for one in range(N_TEXTS))
    assert set(sample.fold) == set(range(N_FOLDS))
    assert sample.weight.sum() == pytest.approx(1)
    assert sample.weight @ sample.target == pytest.approx(0, abs=1e-9)
    assert sample.weight @ sample.target**2 == pytest.approx(1)
    tokens = np.arange(0, sample.n, 3)
    by_key = sample.by_key(sample.weight[tokens], tokens)
    assert by_key.sum() == pytest.approx(sample.weight[tokens].sum())
    for fold in range(N_FOLDS):
        held = tokens[sample.fold[tokens] == fold]
        assert by_key[fold].sum() == pytest.approx(sample.weight[held].sum())


def test_what_few_documents_speak_for_is_doubted() -> None:
    """Of gains alike in sum, by fold: one that all folds agree on, one of two folds, one of a single fold."""
    alike, of_two, of_one = doubted(np.array([[0.02, 0.05, 0.1], [0.02, 0.05, 0], *[[0.02, 0, 0]] * 3]))
    assert alike == pytest.approx(0.1)
    assert alike > of_two > of_one


def test_firing_counts_beside_the_value(world) -> None:
    texts = among(["zorb", *["quib"] * 9])
    activations = explore(world, texts, lambda text, at: {"zorb": 3.0, "quib": 0.8}.get(text[at], 0.0))
    silent, weak, strong = learner(world, activations).sample.wanted(np.array([0.0, 0.8, 3.0]))
    assert silent == 0
    assert strong / weak > 3.0 / 0.8  # a step at theta, beside the slope


def test_words_that_two_classes_have_in_common_are_counted(world) -> None:
    made = learner(world, explore(world, among([*MONTHS, *ANIMALS]), on(*MONTHS)))
    texts = made.features.texts
    (months,) = [kind for kind in made.features.kinds if kind == Named("months")]
    some = np.array([key in (*MONTHS[:2], *ANIMALS) for key in texts.keys])
    assert made.features.n_words(months, some) == 2


def test_what_columns_explain_out_of_fold(world) -> None:
    made = learner(world, explore(world, among(ANIMALS), on(*ANIMALS)))
    sample, gram = made.sample, Gram(made.sample)
    truth = (sample.values > 0).astype(np.float32)
    gram.add(0, truth)
    gram.add(1, (np.random.default_rng(0).random(sample.n) > 0.9).astype(np.float32))
    assert gram.explained((0,)).sum() > 0.85
    assert gram.explained((1,)).sum() < 0.01
    assert gram.explained((0, 1)).sum() == pytest.approx(gram.explained((0,)).sum(), abs=0.01)
    assert np.abs(gram.residual((0,))).max() < 0.4 * sample.target.max()
    assert gram.residual(()) is sample.target


# The explainer


def proposals(explainer: ReadableExplainer, activations: ExploreActivations, seed: int = 0) -> list[str]:
    found = explainer.propose(activations, len(activations), np.random.default_rng(seed))
    return [one.sentence for one in found]


@pytest.mark.slow
def test_proposals_keep_the_contract_and_are_read_as_they_are_written(world) -> None:
    activations = explore(world, among([*MONTHS, *ANIMALS, "zorb"]), on(*MONTHS, *ANIMALS, "zorb"))
    explainer = ReadableExplainer(world.reader)
    sentences = proposals(explainer, activations)
    assert len(sentences) == len(set(sentences)) > 1
    language = world.reader.language
    for sentence in sentences:
        assert why_not(sentence) is None
        assert language.render(language.parse(sentence)) == sentence
    assert proposals(ReadableExplainer(world.reader), activations) == sentences
    one = explainer.propose_one(activations, len(activations), np.random.default_rng(0))
    assert one is not None
    assert one.sentence == sentences[0]


def test_where_there_is_nothing_to_say_nothing_is_proposed(world) -> None:
    activations = explore(world, among(ANIMALS), lambda text, at: 0.0)
    explainer = ReadableExplainer(world.reader)
    assert proposals(explainer, activations) == []
    assert explainer.propose_one(activations, len(activations), np.random.default_rng(0)) is None


def revealed(world: World, values: dict[str, float]) -> list[Revealed]:
    """Experiments, each a text at whose end the neuron had a value."""
    return [
        Revealed(tuple(int(token) for token in world.tokens([text])[0]), value, value > 0.5, ())
        for text, value in values.items()
    ]


def test_a_class_whose_members_did_not_fire_is_narrowed(world) -> None:
    """The text shows cats alone, so that any class they are in says as much of it; experiments show the rest."""
    cats = ["lion", "tiger", "cat", "leopard"]
    activations = explore(world, among(cats), on(*cats))
    explainer, size = ReadableExplainer(world.reader), len(activations)
    told = revealed(
        world,
        {
            **{f"near the {word}": 0.0 for word in ("dog", "cow", "horse", "sheep", "goat", "wolf", "pig", "eagle")},
            **{f"near the {word}": 1.0 for word in ("lion", "tiger", "cat", "leopard")},
        },
    )
    wide = "Fires on words for animals."
    found = explainer.revise(activations, size, np.random.default_rng(0), told, [wide])
    narrowed = found[0].sentence
    assert found[0].form == "revised"
    assert narrowed != wide
    assert world.fires(narrowed, "the dog and the cow") == [[]]
    (held,) = world.fires(narrowed, "the lion, the tiger and the cat")
    assert len(held) >= 2
    assert all(why_not(one.sentence) is None for one in found)


def test_a_revision_of_what_nobody_can_read_is_left_out(world) -> None:
    activations = explore(world, among(MONTHS), on(*MONTHS))
    found = ReadableExplainer(world.reader).revise(
        activations, len(activations), np.random.default_rng(0), [], ["It likes months."]
    )
    assert [one.form for one in found] == ["mixed, other folds"]


def test_merit_goes_down_where_experiments_speak_against_a_rule(world) -> None:
    made = learner(world, explore(world, among(MONTHS), on(*MONTHS)))
    rule = world.reader.language.parse("Fires on months.")
    against = revealed(world, {f"near {word}": 0.0 for word in UNSEEN_MONTHS} | {"near zorb": 1.0})
    for_it = revealed(world, {f"near {word}": 1.0 for word in UNSEEN_MONTHS} | {"near zorb": 0.0})
    merits = [Merit(made, world.reader, told).of(rule) for told in (against, [], for_it)]
    assert merits[0] < merits[1] - 0.05
    assert merits[0] < merits[2] - 0.05
    assert Merit(made, world.reader, []).of(Rule()) == 0


def test_neighbours_are_parts_of_a_class_wider_ones_and_its_words(world) -> None:
    made = learner(world, explore(world, among([*ANIMALS, "eagle", "salmon"]), on(*ANIMALS)))
    kinds = [item.kind for item in neighbours(Item(Named("mammals")), made)]
    assert Named("animals") in kinds
    assert Named("mammals") not in kinds
    assert any(isinstance(kind, Quoted) for kind in kinds)
    assert list(neighbours(Item(Quoted(("cat",))), made)) == []
    assert list(neighbours(Item(Named("modals")), made)) == []


def test_the_fingerprint_is_of_all_that_decides(world) -> None:
    assert ReadableExplainer(world.reader).fingerprint == ReadableExplainer(World().reader).fingerprint
    assert len(ReadableExplainer(world.reader).fingerprint) == 64


def test_no_class_by_meaning_stands_for_one_word_of_it(world) -> None:
    """Strings are used for adding, in some dictionary; nobody who reads "words about adding" thinks of them."""
    texts = among(["string", "strings", "bugle", "wolf", "table", "valley"])
    sentence = learnt(world, texts, on("string", "strings"))
    assert world.fires(sentence, "string wolf strings add") == [["string", "strings"]], sentence
    kinds = [kind for _, item in world.reader.language.parse(sentence).items for kind in item.kinds()]
    assert not any(isinstance(kind, Named) and concepts().get(kind.name).kind == "meaning" for kind in kinds)


def test_what_adds_a_trifle_is_left_out(world) -> None:
    """A word on which a neuron of months fires a quarter as much, and rarely."""

    def value(text: list[str], at: int) -> float:
        return 1.0 if text[at] in MONTHS else 0.29 if text[at] == "zorb" else 0.0

    assert learnt(world, among([*MONTHS, "zorb"]), value) == "Fires on months."


def test_a_class_is_not_said_to_stand_where_it_has_but_a_word_or_two(world) -> None:
    rng = np.random.default_rng(0)
    texts = filler(N_TEXTS, 14, rng)
    for n, row in enumerate(texts):
        row[3:5] = [str(rng.integers(2, 99)), "%"] if n % 3 == 0 else ["the", str(rng.choice(["mile", "ton", "inch"]))]
    one = learner(world, explore(world, [" ".join(row) for row in texts], on("%")))
    units, there = Named("units"), Context("in", Named("percentages"))
    screen = Screen(one.sample, one.features, one.sample.target, "mixed")
    screen.conditions(Item(units), one.column(Item(units)), 40)
    assert Item(units, context=Context("right after", Named("numbers"))) in screen.found
    assert Item(units, context=there) not in screen.found
