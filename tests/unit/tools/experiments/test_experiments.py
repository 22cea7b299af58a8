"""Texts that could tell rivals apart: how each generator makes them, and which of them are chosen."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tools.mini
from agent.setup.config import Quotas
from tools.concepts.concepts import Concepts
from tools.concepts.words import words_of
from tools.evidence.splits.fresh import fresh, runs_of
from tools.evidence.splits.ngrams import ngram_hashes
from tools.experiments.candidates import Candidate, Setting, nearest
from tools.experiments.carriers import MIN_CARRIERS, N_CARRIERS, draw_carriers
from tools.experiments.choose import FIXED_COST, MAX_PER_CARRIER, choose
from tools.experiments.committee import Believed, disagreement
from tools.experiments.kinds import Claimed, Kinds
from tools.experiments.neighbours import named_words
from tools.experiments.registry import GENERATORS
from tools.experiments.sampled import N_TEXTS, PROMPT_TOKENS
from tools.experiments.seen_words import SeenWords
from tools.experiments.text_edits import CONTEXT, Texts, is_spelled
from tools.readable.reader import LexicalReader
from tools.records.excerpts import Excerpts, ExploreActivations
from tools.records.hypothesis import WrittenText
from tools.rules.vocabulary import Vocabulary
from tools.subject.tokenizer import FolderTokenizer, load_tokenizer
from tools.toolbox import UNIT_TEXTS

WIDTH, THETA = 48, 0.5
FIRING = "dog"
WORDS = [
    "the",
    "a",
    "of",
    "dog",
    "cat",
    "mountain",
    "walking",
    "walked",
    "unhappily",
    "said",
    "John's",
    "don't",
    "café",
    "12,345",
    "3.11",
    "getUserName",
    "user_name",
    "self",
    "return",
    "import",
    "x1",
    "forgiveness",
    "solve",
    "U.S.",
    "well-known",
    "Zürich",
    "naïve",
    "OD",
    "not",
    "was",
    "his",
    "her",
    "(",
    ")",
    ",",
    ";",
    ":",
    "==",
    "->",
    "...",
    "'",
    "[",
    "]",
]


def sentences(n, seed=1):
    """A long text of words of every sort, with the marks and line ends that real text has."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        words = [WORDS[i] for i in rng.integers(0, len(WORDS), size=rng.integers(4, 14))]
        words[int(rng.integers(len(words)))] = FIRING
        out.append(" ".join(words).capitalize() + str(rng.choice([".", "!", ".\n", "?\n\n"])))
    return " ".join(out)


class World:
    """A tokenizer, and excerpts of text that it cuts, in the middle of words too."""

    def __init__(self, tokenizer, width=WIDTH):
        self.tokenizer, self.width = tokenizer, width
        self.strings = tokenizer.token_strings()
        self._ends = {}
        rng = np.random.default_rng(0)
        self.vocabulary = Vocabulary(self.strings, rng.normal(size=(len(self.strings), 8)).astype(np.float32))
        self.texts = Texts(self.strings, tokenizer, width)
        self.reader = LexicalReader(self.strings, Concepts.load())
        [self.ids] = tokenizer.encode([sentences(1500)])

    def excerpts(self, n, start=0, first_id=0, longest=None):
        longest = longest or self.width
        tokens = np.full((n, self.width), -1, dtype=np.int32)
        lengths = np.zeros(n, dtype=np.int64)
        for row in range(n):
            own = self.ids[start : start + longest - row % max(1, longest // 4)]
            tokens[row, : len(own)], lengths[row] = own, len(own)
            start += len(own)
        numbers = np.arange(n, dtype=np.int32)
        assert (lengths > 0).all()
        return Excerpts(tokens, lengths, numbers, numbers + first_id, numbers)

    def text(self, tokens):
        return self.tokenizer.decode(list(tokens))

    def words(self, tokens):
        return [word.text for word in words_of([self.text(tokens)])]

    def at_the_word(self, tokens):
        """Where the word that fires ends, [n, pos]."""
        out = np.zeros(tokens.shape, dtype=bool)
        for row, ids in enumerate(tokens.tolist()):
            out[row, self._ends_of(tuple(ids))] = True
        return out

    def _ends_of(self, ids):
        """The same of one text; the tests ask for the same texts over and over."""
        if ids not in self._ends:
            words = words_of([self.strings[i] for i in ids if i >= 0])
            self._ends[ids] = [word.last for word in words if word.text == FIRING]
        return self._ends[ids]

    def activations(self, excerpts, kind):
        """Values: 1 where the word ends and 0 elsewhere; below theta everywhere; or the other way round."""
        value = {"some": (1.0, 0), "never": (0.3, 0), "everywhere": (1.0, 0.9), "flipped": (0, 1.0)}[kind]
        on = np.where(self.at_the_word(excerpts.tokens), *value)
        return ExploreActivations(excerpts, np.where(excerpts.mask, on, 0).astype(np.float32))

    def believe(self, tokens):
        """Rivals disagree about some tokens; the leader says that the word fires."""
        leader = np.where(self.at_the_word(tokens), 0.9, 0.02)
        return Believed(np.where(tokens % 7 == 3, 0.4, 0.0), np.where(tokens >= 0, leader, 0))

    def sample(self, prompts, n_tokens, rng):
        out = []
        for prompt in prompts:
            at = int(rng.integers(len(self.ids) - n_tokens))
            text = self.text([*prompt, *self.ids[at : at + n_tokens]])
            out.append((len(prompt), tuple(self.tokenizer.encode([text])[0][: self.width])))
        return out

    def setting(self, kind="some", n=60, used=frozenset(), known=frozenset(), named=(), **changes):
        explore = self.activations(self.excerpts(n, longest=changes.pop("longest", None)), kind)
        probe = self.excerpts(80, start=60 * self.width, first_id=1000)
        return Setting(
            **{
                "explore": explore, "theta": THETA, "probe": probe, "on_probe": self.believe(probe.tokens),
                "carriers": draw_carriers(explore, THETA, self.texts, used, known), "vocabulary": self.vocabulary,
                "texts": self.texts, "words": SeenWords(explore, THETA, self.vocabulary), "named": list(named),
                "believe": self.believe, "sample": self.sample, "fresh": len,
                "claimed": self.claimed(explore, probe, used, ABOUT_ANIMALS),
                "written": [WrittenText(text="The dog barks", level=9), WrittenText(text="a d", level=0)],
            } | changes
        )  # fmt: skip

    def claimed(self, explore, probe, used, *sentences):
        kinds = Kinds(self.reader, explore, THETA, probe, self.texts)
        rows = np.arange(len(probe))
        return Claimed(kinds, kinds.items(sentences), kinds.all_items(sentences), rows, used, set())

    def make(self, name, where, seed=2):
        return GENERATORS[name].make(where, np.random.default_rng(seed))


def unigram():
    """Cut and joined as sentencepiece does it, the space before a word a part of it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    raw = Tokenizer(models.BPE(unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    raw.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = trainers.BpeTrainer(vocab_size=260, special_tokens=["<unk>"], show_progress=False)
    raw.train_from_iterator([sentences(60, seed=9)], trainer)
    return FolderTokenizer(raw)


@pytest.fixture(
    scope="module", params=["mini", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bytes", "spaces"))]
)
def any_world(request, save_tokenizer, tmp_path_factory):
    if request.param == "spaces":
        return World(unigram())
    folder = Path(tools.mini.__file__).parent / "weights"
    if request.param == "bytes":
        folder = tmp_path_factory.mktemp("tokenizer")
        save_tokenizer(folder)
    return World(load_tokenizer(folder))


@pytest.fixture(scope="module")
def world():
    return World(load_tokenizer(Path(tools.mini.__file__).parent / "weights"))


KINDS = ("some", "never", "everywhere", "flipped")
ABOUT_ANIMALS = "Fires on animals."


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", GENERATORS)
def test_an_experiment_is_a_text_of_whole_words(any_world, name, kind):
    """Decoded, it is encoded to its own tokens, and its words stand in the carrier, in the text that swaps draw from,
    or in a hypothesis; a member of a class, which may be new, stands at the end."""
    where = any_world.setting(kind, named=["dog", "mountain", "solve"])
    known = {*where.words.all, *where.named}
    carriers = {c.name: {w.text for w in c.text.words} for c in where.carriers}
    excerpts = where.explore.excerpts
    explore = {str(i): row[row >= 0] for i, row in zip(excerpts.ids.tolist(), excerpts.tokens, strict=True)}
    probe = {f"probe-{i}": row for i, row in zip(where.probe.ids.tolist(), where.probe.tokens, strict=True)}
    found = any_world.make(name, where)
    assert found or (name == "look_alike" and kind == "never")
    for candidate in found:
        text = any_world.text(candidate.tokens)
        assert tuple(any_world.tokenizer.encode([text])[0]) == candidate.tokens
        assert "\ufffd" not in text
        assert 1 <= len(candidate.tokens) <= WIDTH
        words = any_world.words(candidate.tokens)
        kind_of_carrier, _, number = candidate.carrier.partition("-")
        if kind_of_carrier == "probe":
            row = probe[candidate.carrier]
            assert set(words) <= set(any_world.words(row[row >= 0]))
        elif kind_of_carrier == "explore" and candidate.about:
            assert set(words[:-1]) <= set(any_world.words(explore[number]))
        elif kind_of_carrier == "explore" and name != "sampled":
            assert set(words) <= known | carriers[candidate.carrier]


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("n", "longest"),
    [
        (3, None),
        *(pytest.param(*seldom, marks=pytest.mark.slow) for seldom in ((60, 1), (0, None), (60, None), (60, 3))),
    ],
)
def test_whatever_the_neuron_texts_are_made_and_are_the_same_again(world, name, kind, n, longest):
    where = world.setting(kind, n, longest=longest)
    found = world.make(name, where)
    assert found == world.make(name, world.setting(kind, n, longest=longest))
    assert all(candidate.generator == name and candidate.purpose and candidate.key for candidate in found)


@pytest.mark.parametrize("name", ["minimal_pair", "vocabulary_sweep", "neighbours"])
def test_an_edit_is_one_whole_word_away_from_a_text_that_fires(any_world, name):
    where = any_world.setting(named=["cat"])
    carriers = {c.name: [w.text for w in c.text.words] for c in where.carriers}
    for candidate in any_world.make(name, where):
        before, after = carriers[candidate.carrier], any_world.words(candidate.tokens)
        assert candidate.value_before == 1
        if len(before) == len(after):
            assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
        else:
            assert name == "minimal_pair"
            assert any(before[:i] + before[i + 1 :] == after for i in range(len(before) - 1))
        text = any_world.text(candidate.tokens)
        assert words_of([text])[-1].end == len(text)  # what is tested is the last token of a word


def test_a_change_that_would_touch_other_words_is_none(world):
    [text] = world.texts.encode(["foo(bar) is_user x"])
    words = [word.text for word in text.words]
    assert words == ["foo", "(", "bar", ")", "is", "_", "user", "x"]
    joined, mark, deleted, in_place, piece = world.texts.with_word(
        [(text, 1, None), (text, 1, "["), (text, 4, None), (text, 2, "walking"), (text, 5, None)]
    )
    assert joined is None  # foobar
    assert piece is None  # isuser
    assert (mark.text, in_place.text) == ("foo[bar) is_user x", "foo(walking) is_user x")
    assert deleted.text == "foo(bar)_user x"
    [last] = world.texts.with_word([(text, 7, None)])
    assert last.text == "foo(bar) is_user"  # the space before it goes too
    assert world.texts.from_word(text, 4).text == " is_user x"
    assert world.texts.encode(["", "dog " * WIDTH]) == [None, None]


def test_what_no_text_is(any_world):
    [dog] = any_world.tokenizer.encode(["the café dog"])
    whole = any_world.texts.read([tuple(dog), ()])
    assert [text and text.text for text in whole] == ["the café dog", None]
    stray = [i for i, string in enumerate(any_world.strings) if string.startswith("\\x")][:1]
    assert any_world.texts.read([(*dog, *stray)] if stray else [()]) == [None]


def test_sentences_start_after_a_stop_and_on_a_line(world):
    [text] = world.texts.encode(["a dog. The cat 3.11\nreturn x"])
    words = [word.text for word in text.words]
    starts = [word for i, word in enumerate(words) if text.starts_sentence(i)]
    assert starts == ["a", "The", "return"]
    assert text.ending == ("The", "cat", "3.11", "return", "x")


def test_where_words_end_is_known_without_reading_them(any_world):
    tokens = any_world.excerpts(40).tokens
    guess = any_world.texts.ends_words(tokens)
    n_wrong = 0
    for row, ids in enumerate(tokens):
        strings = [any_world.strings[i] for i in ids[ids >= 0]]
        inside = np.zeros(len(strings), dtype=bool)
        for word in words_of(strings):
            inside[word.first : word.last] = True
        n_wrong += int((guess[row, : len(strings) - 1] & inside[:-1]).sum())
    assert guess[tokens >= 0].mean() > 0.2
    assert n_wrong < 0.2 * guess[tokens >= 0].sum()


def test_minimal_pairs_swap_delete_and_mask(world):
    where = world.setting()
    found = world.make("minimal_pair", where)
    verbs = Counter(candidate.purpose.split()[0] for candidate in found)
    assert set(verbs) == {"swap", "delete", "mask"}
    assert min(verbs.values()) > 20
    carriers = {c.name: [w.text for w in c.text.words] for c in where.carriers}
    for candidate in found:
        if candidate.purpose.startswith("mask"):
            before, after = carriers[candidate.carrier], world.words(candidate.tokens)
            (at,) = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
            assert after[at] == where.words.commonest(before[at])
            assert is_spelled(before[at]) == is_spelled(after[at])
            assert f"`{before[at]}`, {len(before) - 1 - at} back" in candidate.purpose


def test_where_a_neuron_fires_nearly_everywhere_a_swap_finds_what_silences_it(world):
    found = world.make("minimal_pair", world.setting("flipped"))
    assert sum(world.words(candidate.tokens)[-1] == FIRING for candidate in found) > 10


def test_scraps_and_what_asks_the_same_again_are_left_out(world):
    texts = [
        ("The dog barks", 9),
        ("A dog barks", 8),  # ends in the same two words, to show the same
        ("the DOG  barks", 9),
        ("The dog of the man barks", 9),  # most words are the same, and the last one is
        ("The dog barks", 0),
        ("On a hill the cat barks", 9),
        ("On hills the cat barks", 0),  # a pair that is meant to show different things
        ("The dog eats", 9),
        ("barks", 9),
        (".", 0),
        ("-", 0),
    ]
    where = world.setting(written=[WrittenText(text=text, level=level) for text, level in texts])
    made = [world.text(candidate.tokens) for candidate in world.make("written", where)]
    assert made == ["The dog barks", "On a hill the cat barks", "On hills the cat barks", "The dog eats"]


def test_written_texts_are_read_whole_and_only_when_they_are_new(world):
    where = world.setting()
    assert [world.text(candidate.tokens) for candidate in world.make("written", where)] == ["The dog barks", "a d"]
    assert len({candidate.carrier for candidate in world.make("written", where)}) == 2
    repeats = world.setting(fresh=lambda text: len(text) - 1)  # the corpus has this text, perhaps where it is sealed
    assert world.make("written", repeats) == []
    long = [WrittenText(text=" ".join(f"dog {i}" for i in range(WIDTH)), level=1)]
    [candidate] = world.make("written", world.setting(written=long))
    assert len(candidate.tokens) <= WIDTH
    assert world.words(candidate.tokens)[-2:] == ["dog", str(WIDTH - 1)]


def test_truncation_keeps_the_last_word_and_what_is_right_before_it(world):
    where = world.setting()
    carriers = {c.name: c.text for c in where.carriers}
    kept = Counter()
    for candidate in world.make("truncation", where):
        before, after = [w.text for w in carriers[candidate.carrier].words], world.words(candidate.tokens)
        assert len(after) < len(before)
        assert before[-len(after) :] == after
        assert candidate.purpose == f"only the last {len(after)} of {len(before)} words"
        kept[len(after)] += 1
    assert kept[1] > 5
    assert kept[2] > 5
    assert max(kept) > 8


def test_a_cut_near_the_start_of_a_sentence_begins_there(world):
    [text] = world.texts.encode(["One two three four five. Six seven eight nine ten eleven twelve dog"])
    where = world.setting()
    carrier = where.carriers[0].__class__(text, 1.0, "explore-0")
    purposes = [c.purpose for c in world.make("truncation", world.setting(carriers=[carrier]))]
    assert purposes == [f"only the last {n} of 14 words" for n in (1, 2, 4, 8)]
    [other] = world.texts.encode(["One two three four five six seven. Eight nine ten eleven twelve thirteen a cat dog"])
    carrier = carrier.__class__(other, 1.0, "explore-0")
    cut = [world.text(c.tokens).strip() for c in world.make("truncation", world.setting(carriers=[carrier]))]
    assert cut[-2].startswith("Eight nine")


def test_a_sweep_asks_for_words_that_rivals_name_or_disagree_about(world):
    found = world.make("vocabulary_sweep", world.setting(named=["solve", "mountain"]))
    last = Counter(world.words(candidate.tokens)[-1] for candidate in found)
    assert len(last) > 20
    assert FIRING not in last
    assert min(last["solve"], last["mountain"]) > 20  # put into nearly every carrier


@pytest.mark.parametrize("named", [(), (FIRING,), (FIRING, "cat", "mountain")])
def test_neighbours_stand_where_a_named_word_stood(world, named):
    where = world.setting(named=named)
    found = world.make("neighbours", where)
    assert found
    carriers = {c.name: [w.text for w in c.text.words] for c in where.carriers}
    for candidate in found:
        before, after = carriers[candidate.carrier], world.words(candidate.tokens)
        (at,) = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
        assert before[at] in (named or (FIRING,))
        assert after[at] in where.words.all


def test_named_words():
    sentences = [
        "Fires on `␣dog`, `70` (9); inside quotes (-4).",
        'It likes "dog" and *pick* after “don\'t go”.',
        "No.",
    ]
    assert named_words(sentences) == ["dog", "70", "pick"]
    assert named_words([r"Fires on `␣a` (3); on `\``, `\\`, `\n` (2)."]) == ["a", "`", "\\"]


def test_words_that_were_seen(world):
    words = world.setting().words
    assert words.fired == [FIRING]
    rng = np.random.default_rng(0)
    assert all(not is_spelled(word) for word in words.silent("(", 20, rng))
    assert all(is_spelled(word) and word != FIRING for word in words.silent("cat", 20, rng))
    assert words.commonest(words.commonest("cat")) not in (None, words.commonest("cat"))
    assert "cat" not in words.near(world.tokenizer.encode([" cat"])[0], "cat", 5)
    nothing = SeenWords(world.activations(world.excerpts(0), "some"), THETA, world.vocabulary)
    assert nothing.silent("cat", 2, rng) == nothing.near([1], "cat", 2) == nothing.all == []
    assert nothing.commonest("cat") is None


def test_nearest_by_hand():
    angles = np.array([0, 10, 25, 90, 100]) / 180 * np.pi
    line = Vocabulary(list("abcde"), np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32))
    line.directions = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    everything = np.ones(5, dtype=bool)
    assert nearest(line, [0, 3], everything, 2).tolist() == [[1, 2], [4, 2]]
    assert nearest(line, [0], np.array([True, False, False, True, True]), 9).tolist() == [[3, 4]]
    assert nearest(line, [0], np.array([True, False, False, False, False]), 9).shape == (1, 0)
    assert nearest(line, [], everything, 2).shape == (0, 0)


def test_retrieval_cuts_where_rivals_disagree_and_where_the_leader_claims(world):
    where = world.setting()
    found = world.make("retrieval", where)
    reasons = Counter(candidate.purpose for candidate in found)
    assert min(reasons.values()) > 20
    assert len(reasons) == 3
    for why in reasons:
        some = [candidate for candidate in found if candidate.purpose == why]
        assert len({candidate.carrier for candidate in some}) == len(some)
        for candidate in some:
            if why != "rivals disagree":
                assert world.words(candidate.tokens)[-1] == FIRING
            assert candidate.value_before is None


def test_what_is_drawn_among_the_claimed_is_no_matter_of_chance(world):
    drawn = [
        [c.carrier for c in world.make("retrieval", world.setting(), seed) if "drawn among all" in c.purpose]
        for seed in (1, 2)
    ]
    assert drawn[0] == drawn[1]


def test_look_alikes_look_as_if_and_are_said_to_be_silent(world):
    probe = world.setting().probe
    ends = world.at_the_word(probe.tokens)
    rows = np.arange(len(probe)) % 2 == 0
    leader = np.where(ends & rows[:, None], 0.9, 0.02)  # in every other text the same word is said to be silent
    found = world.make("look_alike", world.setting(on_probe=Believed(np.zeros(leader.shape), leader)))
    assert any(world.words(candidate.tokens)[-1] == FIRING for candidate in found)
    for candidate in found:
        row = int(candidate.carrier.removeprefix("probe-")) - 1000
        if (
            len(candidate.tokens) <= probe.lengths[row]
            and tuple(probe.tokens[row, : len(candidate.tokens)]) == candidate.tokens
        ):
            assert leader[row, len(candidate.tokens) - 1] < 0.5


def test_look_alikes_are_few_where_the_leader_says_that_all_fires(world):
    probe = world.setting().probe
    everything = Believed(np.zeros(probe.tokens.shape), np.where(probe.mask, 0.9, 0))
    assert world.make("look_alike", world.setting(on_probe=everything)) == []


def test_sampled_texts_are_cut_after_a_word_where_rivals_disagree_or_the_leader_is_surest(world):
    prompts = []

    def noted(given, n_tokens, rng):
        prompts.extend(dict.fromkeys(given))
        return world.sample(given, n_tokens, rng)

    found = world.make("sampled", world.setting(named=["mountain"], sample=noted))
    free, before, after = prompts
    assert free == ()
    assert world.text(after) == " mountain"
    assert 0 < len(before) <= PROMPT_TOKENS
    assert Counter(c.carrier.split("-")[0] for c in found)["sampled"] > N_TEXTS
    for candidate in found:
        prompt = {"fr": free, "wh": before, "af": after}[candidate.purpose.split()[1][:2]]
        assert world.text(candidate.tokens).startswith(world.text(prompt) if prompt else "")
        assert candidate.carrier.startswith("explore-") == (prompt == before)
    assert FIRING in {world.words(candidate.tokens)[-1] for candidate in found}


@pytest.mark.parametrize("most", [0, 3, 12])
def test_sampled_texts_end_before_they_repeat_the_corpus(world, most):
    found = world.make("sampled", world.setting(named=["cat"], fresh=lambda text: most))
    assert all(len(candidate.tokens) <= most for candidate in found)
    assert most != 12 or found


def test_nothing_is_sampled_where_no_token_fits(world):
    where = world.setting(sample=lambda prompts, n_tokens, rng: [(len(prompt), ()) for prompt in prompts])
    assert world.make("sampled", where) == []


def test_what_repeats_the_corpus(world):
    one, other = world.excerpts(40), world.excerpts(9, start=50 * WIDTH, first_id=99)
    corpus = SimpleNamespace(
        explore=one, probe=one, development=one, sealed=SimpleNamespace(n_folds=1, open=lambda fold: other)
    )
    runs = runs_of(corpus)
    known = other.tokens[0, :20].tolist()
    assert np.isin(ngram_hashes(np.array(known, np.int32)), runs).all()
    assert fresh(tuple(known), runs) == 11
    assert fresh((1, 1, 1, *known), runs) == 14
    assert fresh((1, 1, *known[:11], 1, 1), runs) == 15
    assert fresh((1,), runs) == 1


def test_carriers_end_with_a_word_at_which_the_neuron_fires_and_are_used_once(any_world):
    explore = any_world.activations(any_world.excerpts(120), "some")
    used, endings = set(), set()
    for _ in range(20):
        drawn = draw_carriers(explore, THETA, any_world.texts, used, endings)
        assert len(drawn) <= N_CARRIERS
        assert not used & {carrier.name for carrier in drawn}
        assert len({carrier.text.ending for carrier in drawn}) == len(drawn)
        assert not endings & {carrier.text.ending for carrier in drawn}
        if not drawn or drawn[0].value == 0:
            break
        for carrier in drawn:
            assert FIRING in carrier.text.ending[-2:]  # a token may hold a word and the mark behind it
            assert carrier.value == 1
            assert len(carrier.text.ending) <= CONTEXT + 1
        used |= {carrier.name for carrier in drawn}
        endings |= {carrier.text.ending for carrier in drawn}
    assert len(used) > MIN_CARRIERS
    everything = {f"explore-{i}" for i in explore.excerpts.ids}
    assert draw_carriers(explore, THETA, any_world.texts, everything, set()) == []


def test_a_neuron_that_fires_inside_words_alone_has_carriers_that_end_there(world):
    excerpts = world.excerpts(120)
    values = np.where(~world.texts.ends_words(excerpts.tokens) & excerpts.mask, 1.0, 0).astype(np.float32)
    drawn = draw_carriers(ExploreActivations(excerpts, values), THETA, world.texts, set(), set())
    assert len(drawn) > MIN_CARRIERS
    assert all(carrier.value == 1 for carrier in drawn)


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=40), st.integers(0, 12), st.one_of(st.none(), st.sampled_from(WORDS)))
def test_whatever_the_text_a_change_changes_one_word(world, text, at, word):
    [read] = world.texts.encode([text])
    if read is None or not read.words:
        return
    at %= len(read.words)
    [found] = world.texts.with_word([(read, at, word)])
    if found is not None:
        words = [w.text for w in read.words]
        assert [w.text for w in found.words] == [*words[:at], *([word] if word else []), *words[at + 1 :]]
        assert tuple(world.tokenizer.encode([world.text(found.tokens)])[0]) == found.tokens


def test_quotas_are_those_of_the_registry():
    quotas = Quotas().by_generator()
    assert quotas == {name: generator.quota for name, generator in GENERATORS.items()}
    assert sum(quotas.values()) == UNIT_TEXTS
    assert Quotas(sampled=0).by_generator() == quotas | {"sampled": 0}


def test_disagreement_by_hand():
    p = np.array([[0.9, 0.5], [0.1, 0.5], [0.4, 0.5]])
    w = np.array([0.5, 0.3, 0.2])
    expected = 2 * (0.5 * 0.3 * 0.8 + 0.5 * 0.2 * 0.5 + 0.3 * 0.2 * 0.3)
    assert disagreement(p, w) == pytest.approx([expected, 0])
    assert disagreement(p[:1], np.array([1.0])) == pytest.approx([0, 0])


def candidate(tokens, carrier):
    return Candidate(tuple(tokens), "retrieval", "", carrier)


def test_choice_by_hand():
    made = [candidate((i,), carrier) for i, carrier in enumerate("aaab")] + [candidate([9] * 66, "c")]
    scores = np.array([0.9, 0.8, 0.7, 0.41, 0.81])
    # Carrier a's texts are worth 0.9, then 0.4, then 0.233; c's costs twice as much as a short one.
    assert choose(made, scores, 5, set()) == [0, 3, 4, 1, 2]
    assert (FIXED_COST + 66) / (FIXED_COST + 1) == 2
    witnesses = Counter("bb")
    assert choose(made, scores, 2, {(0,)}, witnesses) == [1, 4]
    assert witnesses == Counter("bbac")


texts_of_carriers = st.lists(
    st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.sampled_from("abc"), st.floats(0, 1)), max_size=30
)


@given(texts_of_carriers, st.integers(0, 10))
def test_choice(made, quota):
    candidates = [candidate(t, carrier) for t, carrier, _ in made]
    scores = np.array([score for *_, score in made])
    known = {(0,), (1, 2)}
    chosen = choose(candidates, scores, quota, known)
    taken = [candidates[row].tokens for row in chosen]
    assert len(chosen) <= quota
    assert len(set(taken)) == len(taken)
    assert not set(taken) & known
    assert known == {(0,), (1, 2)}
    earlier, worth = Counter(), []
    for row in chosen:
        carrier = candidates[row].carrier
        worth.append(scores[row] / (FIXED_COST + len(candidates[row].tokens)) / (1 + earlier[carrier]))
        earlier[carrier] += 1
    assert max(earlier.values(), default=0) <= MAX_PER_CARRIER
    assert worth == sorted(worth, reverse=True)


def test_texts_that_end_in_the_same_words_however_written_are_nearly_the_same_experiment():
    """Of three about a station wagon one is taken before other texts that tell a little less."""

    def text(number, *ending):
        return Candidate((number,), "retrieval", "", f"probe-{number}", (ending,))

    made = [
        text(0, "in", "a", "station", "wagon"), text(1, "their", "Station", "Wagon"),
        text(2, "the", "station", "-", "wagon"), text(3, "on", "the", "road"), text(4, "an", "old", "truck"),
        text(5, "wagon"),
    ]  # fmt: skip
    scores = np.array([1.0, 0.99, 0.98, 0.7, 0.6, 0.55])
    assert choose(made, scores, 4, set()) == [0, 3, 4, 5]
    assert choose(made, scores, 6, set())[4:] == [1, 2]
    heard = Counter()
    choose(made, scores, 1, set(), heard)
    assert choose(made[1:], scores[1:], 2, set(), heard) == [2, 3]  # also by another generator
