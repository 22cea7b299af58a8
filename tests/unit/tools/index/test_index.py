"""The activation index: what it keeps against brute force, and that its bytes do not depend on how it was built."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.errors import BadInput, StorageError
from tools.evidence.neurons.neuron import neuron_evidence
from tools.evidence.neurons.scan import scan_layer
from tools.evidence.progress import NoProgress
from tools.evidence.splits.excerpt_cuts import excerpt_width
from tools.evidence.splits.split_corpus import PARTS, split_corpus
from tools.evidence.texts.corpus import load_texts
from tools.index import build as build_module
from tools.index import plan as plan_module
from tools.index.build import build_index
from tools.index.files import mapped, read_arrays, read_manifest, write_arrays
from tools.index.find import Source, check_source, find_index, index_folder
from tools.index.keys import (
    EMPTY,
    keep_lowest,
    ordered,
    parse_sample_keys,
    parse_top_keys,
    sample_keys,
    top_keys,
)
from tools.index.layout import rows_by_length, shards_of
from tools.index.neuron import distribution, quantile_entries, sought_excerpts, top_entries
from tools.index.neuron_report import neuron_report, read_excerpts
from tools.index.plan import BuildOptions
from tools.index.shape import FIRST_VALUE_OCTAVE, PER_BIN, VALUE_BINS
from tools.index.store import ActivationIndex, layer_file
from tools.records.neuron import NeuronId
from tools.subject.folder import ModelFolder
from tools.subject.gpt2 import LeanGPT2

pytestmark = pytest.mark.slow  # each fixture builds an index

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
entry = st.tuples(finite, st.integers(0, (1 << 26) - 3), st.integers(0, 63))


def columns(entries):
    values, rows, positions = zip(*entries, strict=True)
    return np.array(values, np.float32), np.array(rows, np.int64), np.array(positions, np.int64)


@given(st.lists(entry, min_size=1))
def test_top_keys_go_by_value_down_then_row_up_and_lose_nothing(entries):
    values, rows, positions = columns(entries)
    keys = top_keys(ordered(values), rows, positions)
    order = np.argsort(keys, kind="stable")
    expected = sorted(range(len(values)), key=lambda i: (-values[i], rows[i], positions[i]))
    assert [entries_key(values, rows, positions, i) for i in order] == [
        entries_key(values, rows, positions, i) for i in expected
    ]
    found = parse_top_keys(keys)
    assert found.values.tolist() == values.tolist()
    assert (found.rows.tolist(), found.positions.tolist()) == (rows.tolist(), positions.tolist())


def entries_key(values, rows, positions, i):
    return float(values[i]), int(rows[i]), int(positions[i])


@given(st.lists(entry, min_size=1))
def test_sample_keys_go_by_row_and_lose_nothing(entries):
    values, rows, positions = columns(entries)
    keys = sample_keys(ordered(values), rows, positions)
    assert rows[np.argsort(keys, kind="stable")].tolist() == sorted(rows.tolist())
    found = parse_sample_keys(keys)
    assert found.values.tolist() == values.tolist()
    assert (found.rows.tolist(), found.positions.tolist()) == (rows.tolist(), positions.tolist())


@given(st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1000)), max_size=30), max_size=4))
def test_the_lowest_of_several_deliveries_are_the_lowest_of_all(deliveries):
    state = np.full((5, 3), EMPTY)
    for delivery in deliveries:
        delivered = sorted(delivery)
        slots = np.array([slot for slot, _ in delivered], dtype=np.int64)
        keep_lowest(state, slots, np.array([key for _, key in delivered], dtype=np.uint64))
    for slot in range(5):
        every = sorted(key for delivery in deliveries for at, key in delivery if at == slot)
        assert state[slot][state[slot] != EMPTY].tolist() == every[:3]


def test_batches_of_a_shard_hold_texts_of_one_length_and_every_row_once():
    lengths = np.random.default_rng(0).integers(16, 65, 300)
    batches = rows_by_length(lengths, 8)
    assert all(len(np.unique(lengths[rows])) == 1 and len(rows) <= 8 for rows in batches)
    assert sorted(np.concatenate(batches).tolist()) == list(range(300))


def test_shards_cover_every_row_once_and_stay_inside_a_part():
    shards = shards_of([5, 0, 9, 4], 4)
    assert [(s.part, s.first, s.end) for s in shards] == [
        (0, 0, 4), (0, 4, 5), (2, 5, 9), (2, 9, 13), (2, 13, 14), (3, 14, 18)
    ]  # fmt: skip


class InOrder:
    """Runs jobs here, in a given order, and may be stopped after some."""

    name, n_workers = "here", 1

    def __init__(self, order=lambda n: range(n), stop_after=None):
        self.order, self.stop_after = order, stop_after
        self.done = []

    def run(self, function, jobs):
        for n, number in enumerate(self.order(len(jobs))):
            if n == self.stop_after:
                raise KeyboardInterrupt
            self.done.append(jobs[number][1].number)
            yield number, function(*jobs[number])


@pytest.fixture(scope="module")
def world(save_gpt2, tmp_path_factory):
    """A GPT-2 with ReLU neurons, of which many are equal, and a corpus of small shards."""
    import torch

    from tools.mini.text import texts_of

    folder = tmp_path_factory.mktemp("indexed")
    model = save_gpt2(folder / "model", n_positions=72, activation_function="relu")
    with torch.no_grad():
        for block in model.transformer.h:
            block.mlp.c_fc.weight *= 20
        model.transformer.h[1].mlp.c_fc.weight[:, 3] = 0  # the same value everywhere, so that all rows tie
        model.transformer.h[1].mlp.c_fc.bias[3] = 0.5
        model.transformer.h[1].mlp.c_fc.bias[4] = -99  # never above 0
        first = model.transformer.h[0].mlp
        first.c_fc.weight[:, 5] *= 1000
        first.c_fc.weight[:, 6] *= 1e10
        first.c_fc.weight[:, 7] = 0
        first.c_fc.bias[7] = 0.3
        first.c_proj.weight[5:8] = 0
    model.save_pretrained(folder / "model")
    (folder / "corpus").mkdir()
    for number, (_, text) in zip(range(25), texts_of("corpus"), strict=False):
        (folder / "corpus" / f"{number:02d}.txt").write_text(text[:3000], encoding="utf-8")
    subject = LeanGPT2(ModelFolder(folder / "model", "small"))
    texts = load_texts(str(folder / "corpus"), "small")
    corpus = split_corpus(texts, subject.tokenizer, 1 << 30, folder / "cache", NoProgress())
    return folder, subject, corpus, texts


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(plan_module, "_MIN_SHARD", 32)
    monkeypatch.setattr(plan_module, "_MAX_SHARD", 32)


def built(world, folder, engine=None, **options):
    root, subject, corpus, texts = world
    return build_index(
        subject, str(root / "model"), corpus, Source(texts.fingerprint), folder, BuildOptions(**options),
        engine or InOrder(), NoProgress(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def index(world):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_module, "_MIN_SHARD", 32)
        patch.setattr(plan_module, "_MAX_SHARD", 32)
        return built(world, world[0] / "index", sample_tokens=6000)


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def largest(world, index):
    """Every neuron's largest value and its position in every excerpt, [n, layers, d_mlp], by an own forward pass."""
    import torch

    subject = world[1]
    n = sum(index.n_excerpts)
    values = np.empty((n, subject.n_layers, subject.d_mlp), np.float32)
    positions = np.empty(values.shape, np.int64)
    tokens = {0: [], 1: []}
    for shard in shards_of(index.n_excerpts, 32):
        texts = index.excerpts(np.arange(shard.first, shard.end))
        for rows in rows_by_length(texts.lengths, 32):
            width = int(texts.lengths[rows[0]])
            ids = np.concatenate([np.full((len(rows), 1), subject.bos), texts.tokens[rows, :width]], 1)
            with torch.inference_mode():
                x = subject.embed(torch.from_numpy(ids.astype(np.int64)))
                for layer in range(subject.n_layers):
                    subject.attend(x, layer)
                    neurons = subject.feed_forward(x, layer)[:, 1:].numpy()
                    values[shard.first + rows, layer] = neurons.max(1)
                    positions[shard.first + rows, layer] = neurons.argmax(1)
                    if shard.part == 0:
                        tokens[layer].append(neurons.reshape(-1, subject.d_mlp).copy())
    return values, positions, {layer: np.concatenate(found) for layer, found in tokens.items()}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.slow
def test_the_top_of_every_neuron_and_part_is_that_of_brute_force_ties_included(world, index, largest, part):
    values, positions, _ = largest
    rows = np.array(index.part_of(part))
    n_ties = 0
    for layer in range(2):
        for neuron in range(world[1].d_mlp):
            found = top_entries(index, NeuronId(layer, neuron), part)
            own = values[rows, layer, neuron]
            best = rows[np.lexsort((rows, -own))][:20]
            assert found.rows.tolist() == best.tolist()
            assert found.values.tolist() == values[best, layer, neuron].tolist()
            assert found.positions.tolist() == positions[best, layer, neuron].tolist()
            n_ties += len(np.unique(found.values)) < len(found)
    assert n_ties > 5


def test_samples_by_value_are_the_first_rows_of_each_bin(world, index, largest):
    values = largest[0]
    rows = np.array(index.part_of("explore"))
    for layer in range(2):
        for neuron in range(world[1].d_mlp):
            own = np.maximum(values[rows, layer, neuron], 2.0**-30)
            bins = np.clip(np.floor(np.log2(own)) - FIRST_VALUE_OCTAVE, 0, VALUE_BINS - 1)
            found = {low: entries for low, _, entries in quantile_entries(index, NeuronId(layer, neuron))}
            assert len(found) == len(np.unique(bins))
            for number in np.unique(bins):
                low = -np.inf if number == 0 else 2.0 ** (FIRST_VALUE_OCTAVE + number)
                assert found[low].rows.tolist() == rows[bins == number][:PER_BIN].tolist()


@pytest.mark.slow
def test_moments_threshold_and_firing_rate_are_those_of_the_tokens(world, index, largest):
    tokens = largest[2][1].astype(np.float64)
    n_firing = 0
    for neuron in range(world[1].d_mlp):
        own, found = tokens[:, neuron], distribution(index, NeuronId(1, neuron))
        assert found.n_tokens == len(own)
        assert found.mean == pytest.approx(own.mean(), rel=1e-5, abs=1e-7)
        assert found.variance == pytest.approx(own.var(), rel=1e-4, abs=1e-7)
        if own.var() < 1e-9:
            assert found.skewness is None
            continue
        centred = (own - own.mean()) / own.std()
        assert found.skewness == pytest.approx((centred**3).mean(), rel=1e-3, abs=1e-3)
        assert found.kurtosis == pytest.approx((centred**4).mean(), rel=1e-3, abs=1e-3)
        theta = max(0.1, 0.3 * np.percentile(own, 99.99))
        assert found.theta == pytest.approx(theta, rel=0.2)
        assert found.firing_rate == pytest.approx((own > found.theta).mean(), rel=0.15, abs=3e-3)
        n_firing += found.firing_rate > 0
    assert n_firing > 50


def test_very_large_values_and_all_but_equal_ones_have_a_firing_rate_and_no_made_up_moments(index, largest):
    loud, too_loud, flat = (distribution(index, NeuronId(0, neuron)) for neuron in (5, 6, 7))
    assert loud.theta > 64
    assert loud.firing_rate == pytest.approx((largest[2][0][:, 5] > loud.theta).mean(), rel=0.4)  # of one wide bin
    assert loud.firing_rate > 0.1
    assert too_loud.kurtosis is None  # its fourth powers are too large for float32
    assert np.isfinite([too_loud.mean, too_loud.variance, too_loud.theta]).all()
    assert (flat.skewness, flat.kurtosis, flat.firing_rate) == (None, None, 1)
    assert flat.mean == pytest.approx(0.3)


@pytest.mark.slow
def test_order_of_shards_interruptions_and_other_batches_of_work_change_no_byte(world, index, tmp_path, small_shards):
    expected = bytes_of(index.folder)
    backwards = built(world, tmp_path / "a", InOrder(lambda n: reversed(range(n))), sample_tokens=6000)
    assert bytes_of(backwards.folder) == expected
    with pytest.raises(KeyboardInterrupt):
        built(world, tmp_path / "b", InOrder(stop_after=4), sample_tokens=6000)
    assert not (tmp_path / "b").exists()
    rest = InOrder(lambda n: reversed(range(n)))
    assert bytes_of(built(world, tmp_path / "b", rest, sample_tokens=6000).folder) == expected
    assert not set(rest.done) & set(range(4))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_shard_that_was_damaged_meanwhile_is_computed_again(world, index, tmp_path, small_shards):
    with pytest.raises(KeyboardInterrupt):
        built(world, tmp_path / "b", InOrder(stop_after=3), sample_tokens=6000)
    shard = tmp_path / "b.building" / "shards" / "000001.shard"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    rest = InOrder()
    assert bytes_of(built(world, tmp_path / "b", rest, sample_tokens=6000).folder) == bytes_of(index.folder)
    assert rest.done[0] == 1


def test_no_flipped_bit_and_no_lost_end_of_a_shard_goes_unseen(tmp_path):
    arrays = {"top_slots": np.arange(5, dtype=np.uint32), "top_keys": np.arange(5, dtype=np.uint64)}
    path = tmp_path / "000000.shard"
    write_arrays(path, arrays)
    content = path.read_bytes()
    assert {name: found.tolist() for name, found in read_arrays(path).items()} == {
        name: array.tolist() for name, array in arrays.items()
    }
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :])
        assert read_arrays(path) is None
        path.write_bytes(content[:at])
        assert read_arrays(path) is None


@pytest.mark.parametrize(
    "name", ["tokens.npy", *(pytest.param(other, marks=pytest.mark.slow) for other in ("lengths.npy", "names.bin"))]
)
def test_texts_that_were_damaged_before_a_build_went_on_are_written_anew(world, index, tmp_path, small_shards, name):
    with pytest.raises(KeyboardInterrupt):
        built(world, tmp_path / "b", InOrder(stop_after=3), sample_tokens=6000)
    path = tmp_path / "b.building" / name
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)
    assert bytes_of(built(world, tmp_path / "b", sample_tokens=6000).folder) == bytes_of(index.folder)


def test_what_was_begun_with_other_options_is_not_thrown_away(world, tmp_path, small_shards):
    with pytest.raises(KeyboardInterrupt):
        built(world, tmp_path / "b", InOrder(stop_after=2), sample_tokens=6000)
    with pytest.raises(BadInput, match=r"b\.building holds what was computed of another index, or with other options"):
        built(world, tmp_path / "b", sample_tokens=6000, batch=3)
    assert len(list((tmp_path / "b.building" / "shards").glob("*.shard"))) == 2
    with pytest.raises(BadInput, match=r"no activation index in .*/b: `agent index build` goes on with the one"):
        ActivationIndex(tmp_path / "b")
    with pytest.raises(BadInput, match="goes on with the one"):
        ActivationIndex(tmp_path / "b.building")


def test_an_index_is_the_same_when_its_corpus_was_moved(world, index, small_shards):
    root, subject, corpus, texts = world
    moved = root, subject, dataclasses.replace(corpus, name="elsewhere"), texts
    engine = InOrder()
    assert built(moved, index.folder, engine, sample_tokens=6000).fingerprint == index.fingerprint
    assert engine.done == []


def test_a_build_that_ends_while_another_begins_is_enough(world, index, tmp_path, small_shards, monkeypatch):
    class Slow(build_module.FileLock):
        def __enter__(self):
            shutil.copytree(index.folder, tmp_path / "b")
            return super().__enter__()

    monkeypatch.setattr(build_module, "FileLock", Slow)
    engine = InOrder()
    assert bytes_of(built(world, tmp_path / "b", engine, sample_tokens=6000).folder) == bytes_of(index.folder)
    assert engine.done == []
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_folder_or_file_that_is_no_index_is_named_and_never_to_be_removed(world, index, tmp_path, small_shards):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "diary.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    for name in ("own", "file"):
        with pytest.raises(BadInput, match=f"{name} is there already and is no index: name another folder"):
            built(world, tmp_path / name, sample_tokens=6000)
    for name in ("own", "file", "empty", "nowhere"):
        with pytest.raises(BadInput, match=f"there is no activation index in .*/{name}: `agent index build` makes one"):
            ActivationIndex(tmp_path / name)
    assert built(world, tmp_path / "empty", sample_tokens=6000).fingerprint == index.fingerprint


@pytest.mark.slow
def test_a_model_that_reads_little_at_once_has_an_index_of_shorter_excerpts(world, save_gpt2, tmp_path):
    save_gpt2(tmp_path / "short", n_positions=32)
    subject = LeanGPT2(ModelFolder(tmp_path / "short", "short"))
    corpus = split_corpus(
        world[3], subject.tokenizer, 1 << 30, tmp_path / "cache", NoProgress(), excerpt_width(subject)
    )
    index = build_index(
        subject, str(tmp_path / "short"), corpus, Source(world[3].fingerprint), tmp_path / "index",
        BuildOptions(sample_tokens=6000), InOrder(), NoProgress(),
    )  # fmt: skip
    index.check_all()
    assert index.sampled_corpus().width == corpus.width == 31
    shown = neuron_report(index, subject, NeuronId(1, 0))
    assert max(len(excerpt.tokens) for excerpt in shown.top) == 31
    everything = read_excerpts(subject, corpus.explore, NeuronId(1, 0))
    best = [max(excerpt.values) for excerpt in shown.top]
    np.testing.assert_allclose(best, np.sort(everything.max(1))[::-1][: len(best)], rtol=1e-5)


def test_a_build_ended_just_before_its_last_step_is_not_done_again(world, index, tmp_path, small_shards):
    shutil.copytree(index.folder, tmp_path / "b.building")
    engine = InOrder()
    assert bytes_of(built(world, tmp_path / "b", engine, sample_tokens=6000).folder) == bytes_of(index.folder)
    assert engine.done == []


@pytest.mark.parametrize("name", [layer_file(1), "tokens.npy", "lengths.npy", "names.bin", "manifest.json"])
def test_a_flipped_bit_is_found_and_the_file_named(world, index, tmp_path, name):
    folder = tmp_path / "damaged"
    shutil.copytree(index.folder, folder)
    content = bytearray((folder / name).read_bytes())
    content[-20] ^= 4
    (folder / name).write_bytes(content)
    with pytest.raises(StorageError, match=rf"{name} is damaged .*agent index build"):
        neuron_report(ActivationIndex(folder), world[1], NeuronId(1, 0))
    with pytest.raises(StorageError, match=f"{name} is damaged"):
        ActivationIndex(folder).check_all()


def test_a_damaged_header_or_manifest_is_an_error_of_ours(index, tmp_path):
    content, tokens = (index.folder / "tokens.npy").read_bytes(), np.load(index.folder / "tokens.npy")
    n_seen = 0
    for at in range(10, 128):
        (tmp_path / "tokens.npy").write_bytes(content[:at] + bytes([content[at] ^ 8]) + content[at + 1 :])
        try:
            mapped(tmp_path / "tokens.npy", tokens.dtype, tokens.shape)
        except StorageError:
            n_seen += 1
    assert n_seen > 50
    for content in (b"[]", b"{}", b"null", b"", b"\xff"):
        (tmp_path / "manifest.json").write_bytes(content)
        with pytest.raises(StorageError, match=r"manifest\.json is damaged"):
            read_manifest(tmp_path)


def test_an_index_of_another_version_says_so(index, tmp_path):
    from tools.index.files import write_manifest

    shutil.copytree(index.folder, tmp_path / "newer")
    write_manifest(tmp_path / "newer", index.manifest | {"version": 99})
    with pytest.raises(StorageError, match="has format 99 and this program reads 1"):
        ActivationIndex(tmp_path / "newer")


def test_another_model_and_another_tokenizer_are_refused(world, index, save_gpt2, tmp_path):
    save_gpt2(tmp_path / "other", n_positions=72)
    other = LeanGPT2(ModelFolder(tmp_path / "other", "other"))
    with pytest.raises(BadInput, match="another weights than other"):
        index.check_subject(other)
    shutil.copytree(world[0] / "model", tmp_path / "spoken")
    tokenizer = json.loads((tmp_path / "spoken" / "tokenizer.json").read_text())
    tokenizer["model"]["merges"] = tokenizer["model"]["merges"][:-1]
    (tmp_path / "spoken" / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(BadInput, match="another tokenizer than spoken"):
        index.check_subject(LeanGPT2(ModelFolder(tmp_path / "spoken", "spoken")))
    with pytest.raises(BadInput, match="no neuron L7N0"):
        index.record(NeuronId(7, 0))


def test_a_folder_that_holds_another_index_is_left_alone(world, index, tmp_path, small_shards):
    shutil.copytree(index.folder, tmp_path / "taken")
    with pytest.raises(BadInput, match="holds another index"):
        built(world, tmp_path / "taken", sample_tokens=100)


@pytest.mark.slow
def test_bfloat16_keeps_twice_as_many_and_says_how_far_it_is_off(world, index, tmp_path, small_shards):
    rough = built(world, tmp_path / "rough", dtype="bfloat16", sample_tokens=6000)
    assert rough.shape.top == 40
    error = rough.manifest["against_float32"]
    assert error["n_values"] > 50
    assert 0 < error["median_relative_error"] < 0.02
    missed = 0
    for neuron in range(0, 128, 8):
        exact = top_entries(index, NeuronId(1, neuron), "explore").rows[:5]
        missed += len(np.setdiff1d(exact, top_entries(rough, NeuronId(1, neuron), "explore").rows))
        shown = neuron_report(rough, world[1], NeuronId(1, neuron)).top
        assert [max(excerpt.values) for excerpt in shown] == sorted((max(e.values) for e in shown), reverse=True)
    assert missed <= 5  # of 80; neurons that tie everywhere have no top


def test_what_is_shown_is_explore_text_read_again(world, index):
    neuron = NeuronId(1, 9)
    shown = neuron_report(index, world[1], neuron, 5)
    entries = top_entries(index, neuron, "explore")
    assert [max(excerpt.values) for excerpt in shown.top] == pytest.approx(entries.values[:5].tolist(), abs=1e-5)
    explore = index.excerpts(np.array(index.part_of("explore")))
    strings = world[1].tokenizer.token_strings()
    texts = {tuple(strings[t] for t in row[row >= 0]) for row in explore.tokens}
    every = shown.top + shown.random + [excerpt for _, _, excerpts in shown.bins for excerpt in excerpts]
    assert {tuple(excerpt.tokens) for excerpt in every} <= texts
    record = shown.exported()
    assert record.mean == distribution(index, neuron).mean
    assert len(record.most_positive_activation_records) == 5


def test_evidence_is_the_shared_sample_and_the_top_of_all_text(world, index, tmp_path):
    _, subject, corpus, _ = world
    sample = index.sampled_corpus()
    assert len(sample.explore) < len(corpus.explore)
    scan = scan_layer(subject, sample, 1, tmp_path, NoProgress())
    neuron = NeuronId(1, 9)
    evidence = neuron_evidence(scan, NeuronId(scan.layer, 9), sought_excerpts(index, neuron))
    alone = neuron_evidence(scan, NeuronId(scan.layer, 9))
    assert evidence.theta == alone.theta
    best = top_entries(index, neuron, "explore")
    order = np.argsort(-evidence.explore.values.max(1), kind="stable")[:20]
    assert evidence.explore.values.max(1)[order] == pytest.approx(best.values, abs=1e-5)
    assert len(evidence.explore.drawn) == len(sample.explore)

    class Ledger:
        def record_opening(self, fold):
            return 0

    opened = evidence.sealed.open(2, Ledger())
    assert opened.values.max() == pytest.approx(top_entries(index, neuron, "sealed-2").values[0], abs=1e-5)
    assert evidence.sealed.sizes[2] == len(opened) > sample.sealed.sizes[2]
    sealed_ids = {int(i) for fold in range(3) for i in corpus.sealed.open(fold).ids}
    assert not sealed_ids & set(evidence.explore.excerpts.ids.tolist())
    assert set(opened.excerpts.ids.tolist()) <= sealed_ids


def test_an_index_is_found_by_model_and_texts(world, index, tmp_path):
    _, subject, corpus, texts = world
    assert find_index(tmp_path, subject, Source(texts.fingerprint)) is None
    folder = index_folder(tmp_path, subject.fingerprint, corpus.fingerprint, "float32")
    folder.parent.mkdir(parents=True)
    shutil.copytree(index.folder, folder)
    shutil.copytree(index.folder, Path(f"{folder}.building"))
    found = find_index(tmp_path, subject, Source(texts.fingerprint))
    assert found is not None
    assert found.folder == folder
    assert find_index(tmp_path, subject, Source("0" * 64)) is None
    assert find_index(tmp_path, subject, Source(texts.fingerprint, dataset="owner/name")) is None


def test_a_damaged_index_is_said_wherever_it_lies_and_one_of_another_version_is_passed_over(world, index, tmp_path):
    from tools.index.files import write_manifest

    _, subject, corpus, texts = world
    folder = index_folder(tmp_path / "formats", subject.fingerprint, corpus.fingerprint, "float32")
    shutil.copytree(index.folder, folder)
    write_manifest(folder, index.manifest | {"version": 99})
    assert find_index(tmp_path / "formats", subject, Source(texts.fingerprint)) is None
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(StorageError, match=r"manifest\.json is damaged"):
        find_index(tmp_path / "formats", subject, Source(texts.fingerprint))


def test_an_index_of_other_texts_is_refused(world, index):
    check_source(index, Source(world[3].fingerprint), "corpus")
    for source in (Source("0" * 64), Source("", dataset="owner/name")):
        with pytest.raises(BadInput, match="is of the corpus corpus, not of mine: leave one of them out"):
            check_source(index, source, "mine")
