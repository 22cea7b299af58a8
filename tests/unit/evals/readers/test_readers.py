"""The blind reader's test, trigger rate and discrimination: who gets what, and how answers are counted."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.readers.answers import answers_path, levels_in, read_answers, said_on, write_answers
from evals.readers.command_setup import endpoint_of
from evals.readers.correlations import correlation, mean_over, rank_correlation
from evals.readers.dealing import dealt
from evals.readers.discriminate import Choice, answered, counted
from evals.readers.lineup import (
    LETTERS,
    Candidate,
    Lineup,
    LineupItem,
    LineupKey,
    LineupPacket,
    MarkedExcerpt,
    chosen_by,
    lineup_items,
    lineup_text,
    make_lineup_key,
)
from evals.readers.packets import Excerpt, Item, Key, Packet, levels_of, packet_text, read_key, task_of, write_packets
from evals.readers.score import scores
from evals.readers.sentences import Sentence, kinds_of, read_sentences
from evals.readers.tables import choices_screen, scores_screen, triggers_screen
from evals.readers.text_sources import written_texts
from evals.readers.trigger import Tried, TriedText, Triggered, summed
from evals.statistics import counted_share
from tools.errors import BadInput, LLMNotAvailable
from tools.prompts import lineup as lineup_prompt
from tools.prompts import maker as maker_prompt
from tools.records.excerpts import DevelopmentActivations, Excerpts
from tools.records.result import Interval, Unscored
from tools.roles import MadeText
from traces.text.console import QuietDisplay

TOKENS = ["a", " b", " c", " d"]
RNG = np.random.default_rng


@given(st.integers(1, 4), st.integers(0, 12), st.integers(0, 8))
def test_no_reader_sees_two_sentences_on_a_neuron_and_all_have_as_many(n_kinds: int, n_neurons: int, more: int) -> None:
    by_neuron = [[(neuron, kind) for kind in range(n_kinds)] for neuron in range(n_neurons)]
    n_readers = n_kinds + more
    packets = dealt(by_neuron, n_kinds, n_readers)
    assert sorted(item for packet in packets for item in packet) == sorted(x for some in by_neuron for x in some)
    for packet in packets:
        assert len({neuron for neuron, _ in packet}) == len(packet)
    sizes = [len(packet) for packet in packets]
    assert max(sizes, default=0) - min(sizes, default=0) <= 1 or len(packets) < n_readers


def test_each_reader_gets_each_kind() -> None:
    packets = dealt([[(neuron, kind) for kind in range(3)] for neuron in range(3)], 3, 3)
    assert [[kind for _, kind in packet] for packet in packets] == [[0, 2, 1], [1, 0, 2], [2, 1, 0]]


def test_too_few_readers_are_refused() -> None:
    with pytest.raises(BadInput, match="--readers 1 is too few: a reader may see one of 2 explanations of a neuron"):
        dealt([[1, 2]], 2, 1)


def item(neuron: str = "m/L0N0", kind: str = "explanation", n: int = 2, **more: Any) -> Item:
    values = [[0.0, 2.0, -1.0, 4.0], [0.0, 0.0, 3.0, -1.0]]
    excerpts = [
        Excerpt(stratum="top", tokens=TOKENS, values=values[i % 2], levels=[0.0, 1.0, 0.0, 2.0]) for i in range(n)
    ]
    given: dict[str, Any] = {"neuron": neuron, "kind": kind, "sentence": "Fires on b.", "claimed": 0.8}
    return Item(**(given | more), excerpts=excerpts)


def test_a_packet_shows_sentence_and_numbered_tokens_and_nothing_of_what_the_neuron_did() -> None:
    text = packet_text(Packet(name="01", items=[item(sentence="Fires\n on b.")]))
    assert "SENTENCE: Fires on b.\n" in text
    assert '-- neuron 1 text 2:\n0:"a" 1:" b" 2:" c" 3:" d"' in text
    assert "answers-01.json" in text
    for secret in ("L0N0", "explanation", "0.8", "4.0", "top"):
        assert secret not in text


def folder_of(path: Path, *items: Item, answers: Any = None) -> tuple[Path, Key]:
    key = Key(left_out={"no explanation": 2}, packets=[Packet(name="01", items=list(items))])
    write_packets(path / "out", key, {"01": "read this"})
    if answers is not None:
        answers_path(path / "out", "01").write_text(answers if isinstance(answers, str) else json.dumps(answers))
    return path / "out", read_key(path / "out", Key)


def test_packets_are_written_once(tmp_path: Path) -> None:
    folder, key = folder_of(tmp_path, item())
    assert (folder / "packet-01.txt").read_text() == "read this"
    assert task_of(folder) == "levels"
    with pytest.raises(BadInput, match="already has packets"):
        write_packets(folder, key, {})
    with pytest.raises(BadInput, match="packets of another test"):
        read_key(folder, LineupKey)
    with pytest.raises(BadInput, match="has no packets"):
        read_key(tmp_path, Key)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"2": {}}, r"there is no neuron '2': they are numbered 1 to 1\."),
        ({"x": {}}, "there is no neuron 'x'"),
        ({"1": {"3": {}}}, "there is no text '3' of neuron 1: they are numbered 1 to 2"),
        ({"1": {"0": {}}}, "there is no text '0' of neuron 1"),
        ({"1": {"1": {"4": 1}}}, "there is no token '4' in neuron 1, text 1: they are numbered 0 to 3"),
        ({"1": {"1": {"-1": 1}}}, "there is no token '-1'"),
        ({"1": {"1": {"0": 11}}}, "neuron 1, text 1, token 0: 11 is not a level from 0 to 10"),
        ({"1": {"1": {"0": -1}}}, "-1 is not a level"),
        ({"1": {"1": {"0": "9"}}}, "'9' is not a level"),
        ({"1": {"1": {"0": True}}}, "True is not a level"),
        ({"1": {"1": {"0": None}}}, "None is not a level"),
        ('{"1": {"1": {"0": NaN}}}', "nan is not a level"),
        ({"1": {"1": [9]}}, r"neuron 1, text 1: expected an object, not '\[9\]'"),
        ({"1": 5}, "neuron 1: expected an object, not '5'"),
        ([1], "must hold"),
        ("{", "is not JSON"),
        ('{"1": {}, "1": {}}', "an object has the key '1' twice"),
        ({"reader": 5}, "the reader must be a name"),
    ],
)
def test_an_answer_that_cannot_be_used_is_named(tmp_path: Path, answers: Any, said: str) -> None:
    folder, key = folder_of(tmp_path, item(), answers=answers)
    with pytest.raises(BadInput, match=said):
        scores(folder, key, RNG(0))


def test_what_is_left_out_of_a_text_is_silent_and_a_text_that_is_left_out_is_not_answered() -> None:
    excerpts = item().excerpts
    said = said_on(excerpts, {1: {1: 5.0}, 2: {}})
    assert not isinstance(said, Unscored)
    assert said.tolist() == [0, 5, 0, 0, 0, 0, 0, 0]
    assert said_on(excerpts, {2: {}}) == Unscored(reason="not answered on text 1")
    assert said_on(excerpts, None) == Unscored(reason="not answered")


def test_a_reader_is_scored_on_the_tokens_that_the_simulation_is_scored_on(tmp_path: Path) -> None:
    answers = {"reader": "somebody", "1": {"1": {"1": 2, "3": 4}, "2": {"2": 3}}, "2": {"1": {}, "2": {}}, "3": {}}
    folder, key = folder_of(
        tmp_path, item(), item("m/L0N1"), item("m/L0N2", claimed=None), item("m/L0N3"), answers=answers
    )
    found = scores(folder, key, RNG(0))
    perfect, constant, empty, missing = found.readings
    assert perfect.r == pytest.approx(1.0)
    assert perfect.reader == "somebody"
    silenced = [0, 2, 0, 4, 0, 0, 3, 0]
    assert perfect.own == pytest.approx(np.corrcoef([0, 1, 0, 2] * 2, silenced)[0, 1], abs=1e-6)
    assert constant.r == Unscored(reason="the answer is constant")
    assert constant.counted == 0.0
    assert isinstance(empty.r, Unscored)
    assert empty.counted is None
    assert missing.r == Unscored(reason="not answered")
    (kind,) = found.kinds
    assert (kind.n_neurons, kind.n_read, kind.n_constant) == (4, 2, 1)
    assert kind.unscored == {"not answered on text 1, 2": 1, "not answered": 1}
    assert (kind.reader.n, kind.reader.value) == (2, 0.5)
    assert isinstance(kind.reader.interval, Unscored)
    assert kind.gap.value == pytest.approx((0.2 - 0.8) / 2)
    assert found.left_out == {"no explanation": 2}
    shown = scores_screen(found, width=100)
    assert "constant" in shown
    assert "0.50 of 2" in shown
    assert "Left out: 2 (no explanation)." in shown


def test_kinds_are_compared_on_neurons_read_with_both(tmp_path: Path) -> None:
    items = [item(f"m/L0N{i}", kind) for kind in ("list", "explanation") for i in range(6)]
    right, wrong = {"1": {"1": 2, "3": 4}, "2": {"2": 3}}, {"1": {"0": 5}, "2": {}}
    answers = {str(i): wrong if i <= 6 else right for i in range(1, 13) if i != 3}
    folder, key = folder_of(tmp_path, *items, answers=answers)
    found = scores(folder, key, RNG(0))
    assert [kind.kind for kind in found.kinds] == ["explanation", "list"]  # the run's own first
    (pair,) = found.pairs
    assert (pair.a, pair.b, pair.difference.n) == ("explanation", "list", 5)
    assert isinstance(pair.difference.interval, Interval)
    assert pair.difference.interval.low > 0


def test_what_is_written_is_read(tmp_path: Path) -> None:
    packet = Packet(name="01", items=[item()])
    assert read_answers(tmp_path, "01") is None
    write_answers(tmp_path, "01", "openai:m", {"1": {"1": {"0": 1.5}, "2": {}}})
    found = read_answers(tmp_path, "01")
    assert found is not None
    assert found[0] == "openai:m"
    assert levels_in(tmp_path, packet, found[1]) == {1: {1: {0: 1.5}, 2: {}}}


def test_numbers() -> None:
    did = np.array([0.0, 1.0, 5.0, 0.0])
    assert correlation(np.zeros(4), did) == Unscored(reason="the answer is constant")
    assert correlation(did, np.ones(4)) == Unscored(reason="the neuron is constant on these tokens")
    assert rank_correlation(np.array([0.0, 1.0, 100.0, 0.0]), did) == pytest.approx(1.0)
    half = counted_share(5, 10)
    assert isinstance(half, Interval)
    assert (half.low, half.high) == (pytest.approx(0.2366, abs=1e-3), pytest.approx(0.7634, abs=1e-3))
    assert isinstance(counted_share(0, 0), Unscored)
    none = mean_over([], RNG(0))
    assert (none.n, none.value) == (0, None)


def test_kinds_of_sentences(tmp_path: Path) -> None:
    glance, bad = tmp_path / "glance.json", tmp_path / "bad.json"
    glance.write_text('{"m/L0N0": "Fires on b."}')
    bad.write_text('{"m/L0N0": 3}')
    files = read_sentences([str(glance)])
    assert kinds_of(True, files) == ["explanation", "list", "glance"]
    with pytest.raises(BadInput, match="must hold"):
        read_sentences([str(bad)])
    with pytest.raises(BadInput, match="two files are called glance"):
        read_sentences([str(glance), str(glance)])


class Reads:
    """A simulator that knows one sentence: a level of 5 on token 1."""

    name = "reads"

    def __init__(self, sentence: str = "Fires on b.") -> None:
        self.sentence = sentence

    def simulate(self, sentence: str, tokens: Any) -> Any:
        if sentence == "nothing":
            return np.zeros(tokens.shape, dtype=np.float32)
        if sentence != self.sentence:
            return Unscored(reason=f"cannot read {sentence}")
        return np.where(tokens == 1, 5, 0).astype(np.float32)


def test_levels_of_sealed_texts_are_those_of_the_reader() -> None:
    assert levels_of(Reads(), "Fires on b.", [["a", " b"], [" b"]], TOKENS) == [[0.0, 5.0], [5.0]]


def candidate(index: int, token: int) -> Candidate:
    """A neuron that fires on one token alone, some in some texts."""
    tokens = np.array([[0, 1, 2, 3], [3, 2, 1, -1]], dtype=np.int32)
    n = np.arange(2, dtype=np.int32)
    excerpts = Excerpts(tokens, np.array([4, 3]), n, n, n)
    values = np.where(tokens == token, 1.0 + index, -0.1).astype(np.float32)
    values[tokens < 0] = 0
    return Candidate(index, DevelopmentActivations(excerpts, values), 0.5)


def test_a_simulator_chooses_who_fits_best_whatever_the_scale() -> None:
    others = [candidate(i, 2) for i in range(1, 4)]
    assert chosen_by(Reads(), "Fires on b.", Lineup((*others, candidate(0, 1)), 3)) == "right"
    assert chosen_by(Reads(), "Fires on b.", Lineup((candidate(0, 2), candidate(9, 1)), 0)) == "wrong"
    assert chosen_by(Reads(), "Fires on b.", Lineup((candidate(0, 1), candidate(9, 1)), 0)) == "tied"
    assert chosen_by(Reads(), "nothing", Lineup((candidate(0, 1), candidate(9, 2)), 0)) == "constant"
    assert chosen_by(Reads(), "x", Lineup((candidate(0, 1),), 0)) == Unscored(reason="cannot read x")


def lineups(path: Path) -> tuple[Path, LineupKey]:
    lineup = Lineup(tuple(candidate(i, i % 4) for i in range(10)), 2)
    sentences = [Sentence("explanation", "Fires on c.", 0.5), Sentence("list", "Fires on d.", None)]
    by_neuron = [lineup_items(f"m/L0N{i}", sentences, lineup, TOKENS) for i in range(3)]
    key = make_lineup_key(by_neuron, {}, 2, None)
    write_packets(path / "out", key, {packet.name: lineup_text(packet) for packet in key.packets})
    return path / "out", read_key(path / "out", LineupKey)


def test_a_lineup_shows_ten_neurons_with_marks(tmp_path: Path) -> None:
    folder, key = lineups(tmp_path)
    assert task_of(folder) == "lineups"
    text = (folder / "packet-01.txt").read_text()
    assert '-- sentence 1 neuron C:\n"a b<< c>> d"\n" d<< c>> b"' in text
    assert "L0N" not in text
    assert "explanation" not in text
    assert {one.answer for packet in key.packets for one in packet.items} == {"C"}
    with pytest.raises(BadInput, match="no neuron"):
        make_lineup_key([], {}, 1, None)


def test_letters_are_counted(tmp_path: Path) -> None:
    folder, key = lineups(tmp_path)
    answers_path(folder, "01").write_text('{"1": "c", "2": "D"}')
    answers_path(folder, "02").write_text('{"1": " C "}')
    found = answered(folder, key)
    assert [kind.kind for kind in found.kinds] == ["explanation", "list"]
    assert sum(kind.n_right for kind in found.kinds) == 2
    assert sum(kind.n_wrong for kind in found.kinds) == 1
    assert sum(kind.unscored.get("not answered", 0) for kind in found.kinds) == 3
    assert all(kind.chance == 0.1 for kind in found.kinds)
    assert "0.1" in choices_screen(found, width=100)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"9": "A"}, "there is no sentence '9'"),
        ({"1": "K"}, "sentence 1: 'K' is not one of the neurons A, B"),
        ({"1": ["A"]}, r"sentence 1: \['A'\] is not one"),
        ({"1": ""}, "sentence 1: '' is not one"),
    ],
)
def test_a_letter_that_cannot_be_used_is_named(tmp_path: Path, answers: Any, said: str) -> None:
    folder, key = lineups(tmp_path)
    answers_path(folder, "01").write_text(json.dumps(answers))
    with pytest.raises(BadInput, match=said):
        answered(folder, key)


def test_ties_and_constant_answers_are_misses() -> None:
    outcomes: list[Any] = ["right", "tied", "constant", "wrong", Unscored(reason="unread")]
    choices = [Choice(neuron="m/L0N0", kind="list", reader="r", sentence="s", outcome=one) for one in outcomes]
    (kind,) = counted(choices, {}).kinds
    assert (kind.n, kind.n_right, kind.n_tied, kind.n_constant, kind.unscored) == (4, 1, 1, 1, {"unread": 1})
    assert isinstance(kind.right, Interval)
    assert kind.right.value == 0.25


def test_texts_that_somebody_wrote(tmp_path: Path) -> None:
    path = tmp_path / "texts.json"
    path.write_text(
        '{"task": "write", "m/L0N0": {"sentence": "s", "positives": ["a b", {"text": "b c", "words": ["c"]}]}}'
    )
    source = written_texts(path)
    made = source.texts("m/L0N0", Sentence("explanation", "s", None), RNG(0))
    assert made.positives == [MadeText("a b"), MadeText("b c", ("c",))]
    assert made.near_misses == Unscored(reason="nobody wrote texts")
    assert isinstance(source.texts("m/L0N0", Sentence("list", "s", None), RNG(0)).positives, Unscored)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "must hold"),
        ('{"m": []}', "m must hold the lists"),
        ('{"m": {"other": []}}', "m must hold the lists"),
        ('{"m": {"positives": "a"}}', "m, positives must be a list of texts"),
        ('{"m": {"positives": [""]}}', "m, positives, text 1 is not a text"),
        ('{"m": {"near_misses": ["a", 5]}}', "m, near_misses, text 2 is not a text"),
        ('{"m": {"positives": [{"text": "a", "words": ["b"]}]}}', "the meant words must occur in the text"),
        ("{", "is not JSON"),
    ],
)
def test_a_file_of_texts_that_cannot_be_used_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "texts.json"
    path.write_text(content)
    with pytest.raises(BadInput, match=said):
        written_texts(path)


def test_trigger_rates_are_means_over_neurons_and_over_texts() -> None:
    def texts(*fire: bool, on: bool | None = None) -> Tried:
        return Tried(texts=[TriedText(text="t", fires=f, on_words=on, peak=1.0) for f in fire], unscored={})

    def one(neuron: str, positives: Tried, near: Tried, random: Tried) -> Triggered:
        return Triggered(
            neuron=neuron, kind="explanation", sentence="s", maker="m", positives=positives, near_misses=near,
            random=random,
        )  # fmt: skip

    sentences = [
        one("a", texts(True, True, True, False, on=True), texts(False, True, on=False), texts(True, False)),
        one("b", texts(False), Tried(texts=[], unscored={"why": 1}), texts(False)),
    ]
    found = summed(sentences, "m", {}, RNG(0))
    (kind,) = found.kinds
    assert (kind.fire.value, kind.fire.n) == (0.375, 2)
    assert (kind.silent.value, kind.silent.n) == (0.5, 1)
    assert (kind.random.value, kind.random.n, kind.n_random) == (0.25, 2, 3)
    assert isinstance(kind.fire_pooled, Interval)
    assert isinstance(kind.random_pooled, Interval)
    assert kind.random_pooled.value == pytest.approx(1 / 3)
    assert isinstance(kind.on_words, Interval)
    assert (kind.fire_pooled.value, kind.on_words.value) == (0.6, 1.0)
    assert isinstance(kind.silent_on_words, Interval)
    assert kind.silent_on_words.value == 1.0
    assert kind.unscored == {"why": 1}
    shown = triggers_screen(found, width=100)
    assert "3 of 4" in shown
    assert "1 of 2" in shown
    assert "near misses silent on all of those" in shown
    assert "random passages that fire" in shown


def test_a_maker_keeps_what_can_be_used() -> None:
    reply = json.dumps(
        {"texts": [{"text": "It is red", "words": ["red", "blue"]}, {"text": " ", "words": []}, {"text": 5}]}
    )
    assert maker_prompt.parse(reply) == [MadeText("It is red", ("red",))]
    assert isinstance(maker_prompt.parse('{"texts": []}'), Unscored)
    assert isinstance(maker_prompt.parse("no"), Unscored)
    asked = [maker_prompt.request('b" </data> now', 5, near) for near in (False, True)]
    assert asked[0].messages[0] != asked[1].messages[0]
    assert asked[0].messages[1].content.count("</data>") == 1


def test_a_lineup_prompt_takes_one_letter() -> None:
    shown = [(letter, ['"a<< b>>"']) for letter in LETTERS]
    request = lineup_prompt.request("Fires on b.", shown)
    assert 'neuron J\n"a<< b>>"' in request.messages[-1].content
    assert lineup_prompt.parse('{"neuron": "neuron c"}', LETTERS) == "C"
    assert isinstance(lineup_prompt.parse('{"neuron": "K"}', LETTERS), Unscored)
    assert isinstance(lineup_prompt.parse('{"neuron": "AB"}', LETTERS), Unscored)


def test_an_llm_needs_a_key_and_a_price_where_money_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {
        "llm_url": None, "llm_concurrency": None, "llm_timeout": None, "token_field": None, "max_tokens": None,
        "max_usd": None,
    }  # fmt: skip
    assert endpoint_of("lexical", argparse.Namespace(**options), QuietDisplay()) is None
    with pytest.raises(LLMNotAvailable):
        endpoint_of("openai:m", argparse.Namespace(**options), QuietDisplay())
    options |= {"llm_url": "http://localhost:9/v1", "max_usd": 1.0}
    with pytest.raises(BadInput, match="the price of m at http://localhost:9/v1 is unknown"):
        endpoint_of("openai:m", argparse.Namespace(**options), QuietDisplay())


def test_records_are_plain(tmp_path: Path) -> None:
    shown = MarkedExcerpt(tokens=["a"], fires=[True])
    one = LineupItem(neuron="m/L0N0", kind="list", sentence="s", answer="A", neurons=[[shown]])
    key = LineupKey(left_out={}, packets=[LineupPacket(name="01", items=[one])])
    assert LineupKey.model_validate_json(key.model_dump_json()) == key
