import random
import resource
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tools.mini as mini
from tests.unit.reference_split import reference_split
from tools.errors import BadInput, StorageError
from tools.evidence.progress import NoProgress
from tools.evidence.splits import clusters as clusters_module
from tools.evidence.splits import documents as documents_module
from tools.evidence.splits import sorted_ngrams, token_file
from tools.evidence.splits import split_corpus as splits_module
from tools.evidence.splits.clusters import cluster_documents
from tools.evidence.splits.documents import GAP_TOKENS, SECTION_TOKENS, read_documents
from tools.evidence.splits.excerpt_cuts import excerpt_width
from tools.evidence.splits.ngrams import NGRAM_TOKENS, ngram_hashes
from tools.evidence.splits.split_corpus import PARTS, SplitCorpus, split_corpus
from tools.evidence.splits.training_overlap import fingerprint_runs
from tools.evidence.texts.corpus import Corpus, _corpus
from tools.evidence.texts.names import Names, NameWriter
from tools.records.excerpts import Excerpts
from tools.subject.tokenizer import load_tokenizer


class WordTokenizer:
    """One token per word "t<number>"."""

    d_vocab = 5000
    fingerprint = "words"

    def __init__(self):
        self.n_encoded = 0

    def encode(self, texts):
        self.n_encoded += len(texts)
        return [[int(word[1:]) for word in text.split() if word[1:]] for text in texts]

    def decode(self, ids):
        return " ".join(f"t{i}" for i in ids)

    def token_strings(self):
        return [f"t{i}" for i in range(self.d_vocab)]


def corpus_of(token_lists, seen=None) -> Corpus:
    return _corpus("made up", [(f"text {i}", WordTokenizer().decode(t)) for i, t in enumerate(token_lists)], seen)


def split(token_lists, folder, max_tokens=10**9, seen=None, width=64) -> SplitCorpus:
    return split_corpus(corpus_of(token_lists, seen), WordTokenizer(), max_tokens, folder, NoProgress(), width)


@contextmanager
def documents_of(token_lists, folder):
    with token_file.TokenFile(folder / "tokens") as tokens, NameWriter(folder) as names:
        yield read_documents(corpus_of(token_lists), WordTokenizer(), 10**9, tokens, names, lambda n: None)


def by_part(corpus: SplitCorpus) -> dict[str, Excerpts]:
    folds = [corpus.sealed.open(fold) for fold in range(corpus.sealed.n_folds)]
    return dict(zip(PARTS, [corpus.explore, corpus.probe, corpus.development, *folds], strict=True))


def runs(excerpts: Excerpts) -> set[tuple[int, ...]]:
    rows = [row[:n].tolist() for row, n in zip(excerpts.tokens, excerpts.lengths, strict=True)]
    return {tuple(row[i : i + NGRAM_TOKENS]) for row in rows for i in range(len(row) - NGRAM_TOKENS + 1)}


def assert_disjoint(corpus: SplitCorpus) -> None:
    parts = list(by_part(corpus).values())
    for i, one in enumerate(parts):
        for other in parts[i + 1 :]:
            assert not set(one.documents.tolist()) & set(other.documents.tolist())
            assert not set(one.ids.tolist()) & set(other.ids.tolist())
            assert not runs(one) & runs(other)


def random_texts(rng, n, length, n_tokens=4000):
    return [rng.integers(0, n_tokens, size=length).tolist() for _ in range(n)]


def test_equal_runs_have_equal_hashes_and_others_do_not():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 3, size=3000).astype(np.int32)
    hashes = ngram_hashes(tokens)
    spelled = [tuple(tokens[i : i + NGRAM_TOKENS].tolist()) for i in range(len(hashes))]
    assert len(hashes) == 3000 - NGRAM_TOKENS + 1
    assert len(set(spelled)) == len(np.unique(hashes)) == len(set(zip(spelled, hashes.tolist(), strict=True)))
    assert len(ngram_hashes(tokens[:11])) == 0


# few tokens, copied pieces and common headers make every kind of overlap likely
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_texts=st.integers(30, 120),
    n_copies=st.integers(0, 60),
    n_tokens=st.sampled_from([3, 30, 3000]),
)
@pytest.mark.slow
def test_no_document_and_no_run_stands_in_two_splits(tmp_path_factory, seed, n_texts, n_copies, n_tokens):
    rng = np.random.default_rng(seed)
    texts = [rng.integers(0, n_tokens, size=rng.integers(5, 1500)).tolist() for _ in range(n_texts)]
    header = rng.integers(0, n_tokens, size=20).tolist()
    for _ in range(n_copies):
        source, target = rng.integers(0, n_texts, size=2)
        at = int(rng.integers(0, len(texts[source])))
        texts[target] = texts[target][:at] + texts[source][at : at + 40] + texts[target][at:]
        texts[int(rng.integers(0, n_texts))][:0] = header
    try:
        corpus = split(texts, tmp_path_factory.mktemp("cache"))
    except BadInput as error:
        assert "repeats itself too much" in str(error) or "too short" in str(error)  # noqa: PT017
        return
    assert_disjoint(corpus)


MINI_TOKENIZER = load_tokenizer(Path(mini.__file__).parent / "weights")
SMALL = [(sorted_ngrams, "BUCKET_NGRAMS", 700), (token_file, "SPAN_TOKENS", 900), (clusters_module, "_MERGE_PAIRS", 20),
         (clusters_module, "_EDGES", 7), (documents_module, "_ENCODE_CHARACTERS", 400)]  # fmt: skip


def hostile_texts(rng, n_texts, n_copies, n_tokens):
    """Texts with near copies, exact copies, pieces of one another, common headers, and two that are long."""
    texts = [rng.integers(0, n_tokens, size=rng.integers(5, 400)).tolist() for _ in range(n_texts)]
    header = rng.integers(0, n_tokens, size=20).tolist()
    for i in rng.integers(0, n_texts, size=2):
        texts[i] = rng.integers(0, n_tokens, size=3000).tolist()
    for _ in range(n_copies):
        source, target = rng.integers(0, n_texts, size=2)
        at = int(rng.integers(0, len(texts[source])))
        texts[target] = texts[target][:at] + texts[source][at : at + 40] + texts[target][at:]
        texts[int(rng.integers(0, n_texts))][:0] = header
        edited = list(texts[int(rng.integers(0, n_texts))])
        edited[len(edited) // 2] = int(rng.integers(0, n_tokens))
        texts.append(edited)
    return texts + texts[:3]


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_texts=st.integers(12, 60),
    n_copies=st.integers(0, 40),
    n_tokens=st.sampled_from([2, 30, 3000]),
    share=st.sampled_from([0.4, 1.0]),
    small=st.booleans(),
    width=st.sampled_from([64, 63, 31, 16]),
)
@pytest.mark.slow
def test_a_split_is_what_its_definition_says(tmp_path_factory, seed, n_texts, n_copies, n_tokens, share, small, width):
    """Also when buckets, blocks and batches are so small that everything is cut over many of them."""
    texts = hostile_texts(np.random.default_rng(seed), n_texts, n_copies, n_tokens)
    max_tokens = int(share * sum(map(len, texts)))
    named = [(f"text {i}", tokens, WordTokenizer().decode(tokens)) for i, tokens in enumerate(texts)]
    kept, names = reference_split(named, max_tokens, width)
    sizes = [sum(excerpt.part == part for excerpt in kept) for part in range(len(PARTS))]
    assume(min(sizes) > 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits_module, "MIN_EXCERPTS", 1)
        patch.setattr(splits_module, "MIN_EXPLORE_DOCUMENTS", 1)
        for module, constant, value in SMALL if small else ():
            patch.setattr(module, constant, value)
        corpus = split(texts, tmp_path_factory.mktemp("cache"), max_tokens, width=width)
    assert {part.tokens.shape[1] for part in by_part(corpus).values()} == {corpus.width} == {width}
    assert list(corpus.document_names) == names
    for number, part in enumerate(by_part(corpus).values()):
        expected = [excerpt for excerpt in kept if excerpt.part == number]
        assert [tuple(row[row >= 0].tolist()) for row in part.tokens] == [excerpt.tokens for excerpt in expected]
        assert part.ids.tolist() == [excerpt.number for excerpt in expected]
        assert part.documents.tolist() == [excerpt.document for excerpt in expected]
        assert part.texts.tolist() == [excerpt.text for excerpt in expected]
        assert part.lengths.tolist() == [len(excerpt.tokens) for excerpt in expected]


def test_what_is_made_of_a_corpus_is_the_same_in_every_version(tmp_path):
    """Results name their corpus by these fingerprints: another way of splitting would part them from earlier ones."""
    rng = random.Random(0)
    texts = [rng.choices(range(3000), k=50 + i * 3) for i in range(300)]
    header = rng.choices(range(3000), k=16)
    texts[100:160] = [header + text for text in texts[100:160]]
    copies = [[*text[:40], 7, *text[40:]] for text in texts[::9]]
    corpus = corpus_of([*texts, rng.choices(range(3000), k=9000), *copies, texts[5]])
    assert corpus.fingerprint == "cb96b6369a315f710d210843c1c78d0d2cd554027bf97391333b5d021af38854"
    found = split_corpus(corpus, WordTokenizer(), 100_000, tmp_path, NoProgress())
    assert found.fingerprint == "a65bf62d96c83571251cd8ae2c215d2b75689be893d7f235bed0a84b644372db"
    assert (found.counts.n_clusters, list(found.counts.n_dropped.values())) == (192, [0, 7, 5, 3, 4, 0])


@settings(max_examples=50, deadline=None)
@given(pieces=st.lists(st.sampled_from([*"ab1 '.\n\té漢\u2028", "'s ", " a b ", "  \n a"]), max_size=200))
def test_a_long_text_is_tokenised_in_pieces_as_it_is_in_one(pieces):
    text = "to be or not to be" + "".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents_module, "_ENCODE_CHARACTERS", 5)
        ((name, ids),) = documents_module._encoded(iter([("long", text)]), MINI_TOKENIZER, 10**9)
        n_pieces = len(list(documents_module._pieces(text)))
    assert (name, ids.tolist()) == ("long", MINI_TOKENIZER.encode([text])[0])
    assert n_pieces > 1


@pytest.mark.parametrize("n_buckets", [1, 7])
def test_runs_come_in_the_order_of_their_hashes_each_once_for_each_holder(tmp_path, monkeypatch, n_buckets):
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 40, size=200)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    content = rng.integers(0, 2, size=starts[-1]).astype(np.int32)
    monkeypatch.setattr(sorted_ngrams, "BUCKET_NGRAMS", len(content) // n_buckets + 1)
    with token_file.TokenFile(tmp_path / "tokens") as tokens:
        tokens.append(content)
        spans = [token_file.Spans(i, starts[i : i + 10], lengths[i : i + 10]) for i in range(0, 200, 10)]
        buckets = list(sorted_ngrams.sorted_ngrams(tokens, spans, tmp_path / "runs"))
    assert len(buckets) == n_buckets
    found = [pair for hashes, span in buckets for pair in zip(hashes.tolist(), span.tolist(), strict=True)]
    pieces = [ngram_hashes(content[start : start + n]).tolist() for start, n in zip(starts[:-1], lengths, strict=True)]
    assert found == sorted({(run, span) for span, piece in enumerate(pieces) for run in piece})
    assert len(found) < sum(map(len, pieces))
    assert not list((tmp_path / "runs").iterdir())


def test_splits_have_their_shares_and_excerpts_their_lengths(tmp_path):
    corpus = split(random_texts(np.random.default_rng(1), 300, 400), tmp_path)
    parts = by_part(corpus)
    total = sum(int(part.lengths.sum()) for part in parts.values())
    shares = {name: int(part.lengths.sum()) / total for name, part in parts.items()}
    expected = {"explore": 0.4, "probe": 0.15, "development": 0.15, "sealed-0": 0.1, "sealed-1": 0.1, "sealed-2": 0.1}
    assert shares == pytest.approx(expected, abs=0.01)
    assert corpus.sealed.sizes == [len(parts[f"sealed-{fold}"]) for fold in range(3)]
    for part in parts.values():
        assert ((part.lengths >= 16) & (part.lengths <= 64)).all()
        assert (part.mask.sum(axis=1) == part.lengths).all()
        assert (part.mask == (np.arange(64) < part.lengths[:, None])).all()
    assert_disjoint(corpus)


def test_excerpts_are_the_consecutive_tokens_of_their_document(tmp_path):
    rng = np.random.default_rng(11)
    texts = [rng.permutation(4999)[:n].tolist() for n in [140, 150, 70, 12, 8, 7] * 60]
    corpus = split(texts, tmp_path)
    pieces: dict[int, list[list[int]]] = {}
    for part in by_part(corpus).values():
        for row, n, document in zip(part.tokens, part.lengths, part.documents, strict=True):
            pieces.setdefault(int(document), []).append(row[:n].tolist())
    lengths = {tuple(map(len, found)) for found in pieces.values()}
    assert lengths == {(64, 64), (64, 64, 22), (64,), (12,), (8,)}  # tails of 12 and 6 fall; documents of 12 and 8 stay
    originals = {tuple(text[:64]) for text in texts}
    assert {tuple(found[0]) for found in pieces.values()} <= originals


@pytest.mark.slow
def test_excerpts_are_as_long_as_the_model_can_read(tmp_path):
    texts = random_texts(np.random.default_rng(1), 300, 400)
    found = {width: split(texts, tmp_path, width=width) for width in (64, 63, 31, 16)}
    for width, corpus in found.items():
        assert (corpus.width, int(corpus.explore.lengths.max())) == (width, width)
        assert split(texts, tmp_path, width=width).fingerprint == corpus.fingerprint
        assert_disjoint(corpus)
    assert len({corpus.fingerprint for corpus in found.values()}) == len(list((tmp_path / "corpora").iterdir())) == 4
    rng = np.random.default_rng(11)
    pieces = split([rng.permutation(4999)[:n].tolist() for n in [50, 46, 12] * 100], tmp_path, width=31)
    assert set(pieces.explore.lengths.tolist()) == {31, 19, 12}  # a tail of 15 falls; a document of 12 stays


def test_a_model_that_reads_fewer_than_16_tokens_is_refused():
    assert [excerpt_width(SimpleNamespace(name="m", n_ctx=n)) for n in (16, 31, 64, 65, 1023)] == [16, 31, 64, 64, 64]
    with pytest.raises(BadInput, match=r"m reads at most 15 tokens of a text.*n_positions is 17 or more"):
        excerpt_width(SimpleNamespace(name="m", n_ctx=15))


def test_a_near_duplicate_pair_falls_into_one_split(tmp_path):
    rng = np.random.default_rng(2)
    for trial in range(10):
        texts = random_texts(rng, 120, 300)
        edited = list(texts[0])
        edited[150] = 4999
        corpus = split([*texts, edited], tmp_path / str(trial))
        names = corpus.document_names
        home = {names[d]: name for name, part in by_part(corpus).items() for d in part.documents}
        assert home["text 0"] == home["text 120"]
        assert sum(corpus.counts.n_dropped.values()) == 0


def test_boilerplate_joins_nothing_and_is_dropped_from_later_splits(tmp_path):
    rng = np.random.default_rng(3)
    header = rng.integers(0, 4000, size=16).tolist()
    texts = [header + text if i < 60 else text for i, text in enumerate(random_texts(rng, 200, 300))]
    corpus = split(texts, tmp_path)
    assert corpus.counts.n_clusters == 200
    assert sum(corpus.counts.n_dropped.values()) > 20
    assert corpus.counts.n_dropped["explore"] == 0
    assert_disjoint(corpus)


def test_a_single_long_text_is_cut_into_sections_with_gaps(tmp_path):
    tokens = np.random.default_rng(4).integers(0, 4000, size=60_000).tolist()
    position = {t: i for i, t in enumerate(zip(*(tokens[k:] for k in range(4)), strict=False))}
    with documents_of([tokens], tmp_path) as documents:
        assert documents.lengths.max() <= SECTION_TOKENS
        assert np.ptp(documents.lengths) <= 1
        assert documents.lengths.sum() + GAP_TOKENS * (len(documents) - 1) == 60_000
        for at in documents.starts[1:-1].tolist():
            end, start = documents.tokens.read(at - 4, at), documents.tokens.read(at, at + 4)
            assert position[tuple(start.tolist())] - (position[tuple(end.tolist())] + 4) == GAP_TOKENS
    names = Names(tmp_path)
    assert list(names) == [f"text 0 ({i} of {len(documents)})" for i in range(1, len(documents) + 1)]
    corpus = split([tokens], tmp_path)
    assert_disjoint(corpus)
    assert len(np.unique(corpus.explore.documents)) > 30


def test_a_long_text_that_repeats_a_chapter_keeps_both_in_one_split(tmp_path):
    tokens = np.random.default_rng(12).integers(0, 4000, size=60 * 576 - 64).tolist()
    tokens[40 * 576 : 42 * 576] = tokens[3 * 576 : 5 * 576]
    corpus = split([tokens], tmp_path)
    assert corpus.counts.n_clusters == 58
    assert sum(corpus.counts.n_dropped.values()) == 0
    assert_disjoint(corpus)


def test_sections_of_a_text_that_is_a_small_part_stay_together(tmp_path):
    with documents_of(random_texts(np.random.default_rng(5), 80, 1500), tmp_path) as documents:
        clusters = cluster_documents(documents, tmp_path / "runs")
    assert len(documents) == 240
    assert all(len(set(clusters[documents.texts == text])) == 1 for text in range(80))
    assert len(set(clusters)) == 80


def test_an_excerpt_knows_the_text_that_it_is_from(tmp_path):
    corpus = split(random_texts(np.random.default_rng(11), 40, 1500), tmp_path)
    parts = by_part(corpus).values()
    texts_of = {int(d): int(t) for part in parts for d, t in zip(part.documents, part.texts, strict=True)}
    name_of = {d: corpus.document_names[d].split(" (")[0] for d in texts_of}
    assert len({(texts_of[d], name_of[d]) for d in texts_of}) == len(set(texts_of.values())) == 40


def test_weak_ties_make_no_cluster_above_the_cap(tmp_path):
    rng = np.random.default_rng(6)
    texts = random_texts(rng, 150, 300)
    for i in range(149):
        texts[i + 1][:14] = texts[i][-14:]  # a chain through the whole corpus
    corpus = split(texts, tmp_path)
    assert corpus.counts.n_clusters < 100
    assert corpus.counts.largest_cluster <= 0.05
    assert_disjoint(corpus)


def test_the_order_in_which_texts_come_does_not_matter(tmp_path):
    texts = random_texts(np.random.default_rng(7), 150, 200)
    one, other = split(texts, tmp_path / "a", 20_000), split(texts[::-1], tmp_path / "b", 20_000)
    assert one.fingerprint == other.fingerprint
    assert (one.explore.tokens == other.explore.tokens).all()
    assert one.counts == other.counts


def test_no_more_is_read_than_asked_for(tmp_path):
    tokenizer = WordTokenizer()
    texts = random_texts(np.random.default_rng(8), 2000, 100)
    corpus = split_corpus(corpus_of(texts), tokenizer, 25_050, tmp_path, NoProgress())
    assert corpus.n_tokens == 25_050
    assert tokenizer.n_encoded < 300


def test_texts_that_the_model_trained_on_are_left_out(tmp_path):
    texts = random_texts(np.random.default_rng(9), 150, 300)
    seen = fingerprint_runs(np.array(text, dtype=np.int32) for text in texts[:40])
    corpus = split(texts, tmp_path, seen=seen)
    assert corpus.counts.n_seen_texts == 40
    assert corpus.n_tokens == 110 * 300
    assert not {f"text {i}" for i in range(40)} & set(corpus.document_names)


@pytest.mark.parametrize(("n", "length"), [(1, 3), (3, 100), (40, 30)])
def test_a_corpus_too_short_to_split_says_how_much_is_needed(tmp_path, n, length):
    with pytest.raises(
        BadInput, match=rf"too short to split: it has {n * length if length > 7 else 0:,} usable tokens"
    ):
        split(random_texts(np.random.default_rng(0), n, length), tmp_path)
    assert not list(tmp_path.rglob("*.*"))


def test_a_corpus_that_repeats_itself_is_refused(tmp_path):
    page = np.random.default_rng(0).integers(0, 4000, size=64).tolist()
    with pytest.raises(BadInput, match="repeats itself too much"):
        split([[*page * 8, i] for i in range(60)], tmp_path)


def test_a_split_is_read_back_from_the_cache(tmp_path, monkeypatch):
    texts = random_texts(np.random.default_rng(10), 100, 300)
    first = split(texts, tmp_path)
    monkeypatch.setattr(splits_module, "read_documents", None)  # nothing is computed again
    again = split(texts, tmp_path)
    assert (again.fingerprint, again.counts) == (first.fingerprint, first.counts)
    assert again.document_names == first.document_names == list(first.document_names)
    for name, part in by_part(first).items():
        for column, values in vars(part).items():
            found = getattr(by_part(again)[name], column)
            assert (found == values).all()
            assert found.dtype == values.dtype == (np.int64 if column == "lengths" else np.int32)


def test_a_cached_split_is_mapped_and_what_is_written_to_it_stays_in_this_process(tmp_path):
    texts = random_texts(np.random.default_rng(10), 100, 300)
    first = split(texts, tmp_path)
    for part in by_part(first).values():
        assert all(isinstance(column.base, np.memmap) for column in vars(part).values())
    (file,) = tmp_path.rglob("explore.tokens.npy")
    content = file.read_bytes()
    first.explore.tokens[:] = 7
    assert file.read_bytes() == content


def damaged(content: bytes) -> dict[str, bytes]:
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    return {"half": content[:middle], "empty": b"", "flipped": flipped, "longer": content + b"\0"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["explore.tokens.npy", "sealed-2.ids.npy", "names.bin", "name_ends.npy", "split.json"])
def test_a_damaged_cache_is_written_anew(tmp_path, name):
    texts = random_texts(np.random.default_rng(10), 100, 300)
    first = split(texts, tmp_path)
    (file,) = tmp_path.rglob(name)
    content = file.read_bytes()
    for harmed in (*damaged(content).values(), None):
        file.unlink()
        if harmed is not None:
            file.write_bytes(harmed)
        assert split(texts, tmp_path).fingerprint == first.fingerprint
        assert file.read_bytes() == content
    assert list(file.parent.parent.iterdir()) == [file.parent]


def test_what_stops_a_split_leaves_nothing_behind(tmp_path):
    class Stopped(NoProgress):
        def advance(self, n):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        split_corpus(corpus_of(random_texts(np.random.default_rng(0), 100, 300)), WordTokenizer(), 10**9, tmp_path,
                     Stopped())  # fmt: skip
    assert list(tmp_path.rglob("*")) == [tmp_path / "corpora"]


def test_a_cache_that_cannot_be_written_is_a_storage_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(StorageError, match=str(blocked)):
        split(random_texts(np.random.default_rng(0), 100, 300), blocked)


@contextmanager
def no_file_above(n_bytes):
    """Writing more than that fails, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("n_bytes", [1000, 100_000, 150_000])
def test_a_full_disk_says_what_to_do_and_leaves_nothing_behind(tmp_path, n_bytes):
    corpus = corpus_of(random_texts(np.random.default_rng(0), 100, 300))
    with no_file_above(n_bytes), pytest.raises(StorageError, match=r"free some space .* NEURON_AGENT_CACHE"):
        split_corpus(corpus, WordTokenizer(), 10**9, tmp_path, NoProgress())
    assert list(tmp_path.rglob("*")) == [tmp_path / "corpora"]
