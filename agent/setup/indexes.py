"""Builds and finds activation indexes by what a user typed, and looks neurons up."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.setup.evidence import open_subject_for
from agent.setup.resources import Resources, default_corpus_tokens
from tools.cache import default_cache_dir
from tools.engine.open import open_engine
from tools.errors import BadInput, Interrupted
from tools.evidence.splits.excerpt_cuts import excerpt_width
from tools.evidence.splits.split_corpus import EVERYTHING, split_corpus
from tools.evidence.texts.corpus import dataset_of, load_texts
from tools.index.find import Source, check_source, index_folder
from tools.index.neuron_report import NeuronReport, neuron_report
from tools.index.store import BUILDING, ActivationIndex
from tools.subject.lean import LeanModel
from traces.text.console import Display


@dataclass(frozen=True)
class IndexRequest:
    """Settings of an index; see `agent index build --help`."""

    model: str = "auto"
    trust_remote_code: bool = False
    corpus: str | None = None
    corpus_tokens: int | None = None
    out: Path | None = None
    device: str = "cpu"
    dtype: str = "float32"
    batch_excerpts: int | None = None
    engine: Literal["local", "ray"] = "local"
    workers: int | None = None
    ray_address: str | None = None


def build(request: IndexRequest, display: Display) -> ActivationIndex:
    """Build an index, or go on with one that was interrupted; one that is there already is checked and returned.

    Raises:
        BadInput: no lean reader knows the model's architecture, it reads too few tokens at once, or an option does not
            fit.
        NotAvailable: the model or corpus is not here and cannot be fetched.
        StorageError: the disk is full or damaged.
        Interrupted: by Ctrl-C.
    """
    from tools.index.build import build_index
    from tools.index.plan import BuildOptions

    subject = Resources().subject(request.model, (), display, request.trust_remote_code)
    if not isinstance(subject, LeanModel):
        raise BadInput(
            f"an index needs a lean reader, which exists for the GPT-2 and Llama families, and {subject.name} is "
            "of another kind: explain its neurons without an index."
        )
    width = excerpt_width(subject)
    texts = load_texts(request.corpus, subject.name, request.corpus_tokens or 0)
    source = Source(texts.fingerprint, dataset_of(request.corpus))
    most = request.corpus_tokens or EVERYTHING
    corpus = split_corpus(texts, subject.tokenizer, most, default_cache_dir(), display, width)
    folder = request.out or index_folder(default_cache_dir(), subject.fingerprint, corpus.fingerprint, request.dtype)
    options = BuildOptions(
        request.device, request.dtype, request.batch_excerpts, default_corpus_tokens(subject), corpus.n_tokens < most
    )
    display.note(
        f"indexing {subject.n_layers * subject.d_mlp:,} neurons of {subject.name} on {corpus.n_tokens:,} tokens of "
        f"{corpus.name}; the same command goes on after an interruption."
    )
    on_gpu = request.device == "cuda"
    threads = None if on_gpu else 1
    with open_engine(request.engine, request.workers, request.ray_address, on_gpu, threads) as engine:
        try:
            model = _where(request.model, subject)
            return build_index(subject, model, corpus, source, folder, options, engine, display)
        except KeyboardInterrupt as error:
            raise Interrupted(
                f"interrupted: what was computed is kept in {folder}{BUILDING}, and the same command goes on from it."
            ) from error


def _where(model: str, subject: LeanModel) -> str:
    """How a worker finds the model: by its folder, or by its name, which may mean another folder on another machine."""
    if model == "auto":
        return subject.name
    is_folder = subject.folder.path.resolve() == Path(os.path.expanduser(model)).resolve()
    return str(subject.folder.path.resolve()) if is_folder else model


def opened(
    index: str, model: str, corpus: str | None, display: Display, trust_remote_code: bool = False
) -> ActivationIndex:
    """An index by its folder, or (`auto`) the one of a model and corpus.

    Raises:
        BadInput: there is none, or it is of another corpus.
        StorageError: it is damaged.
    """
    if index == "none":
        raise BadInput("--index none leaves nothing to show: give a folder, or auto.")
    resources = Resources()
    if index != "auto":
        given = ActivationIndex(Path(index))
        if corpus:
            check_source(given, resources.source(corpus, model)[0], corpus)
        return given
    subject = resources.subject(model, (), display, trust_remote_code)
    found = resources.index(subject, corpus, "auto")
    if found is None:
        options = f"--model {model}{f' --corpus {corpus}' if corpus else ''}"
        raise BadInput(
            f"there is no activation index of {subject.name} on {corpus or 'its default corpus'}: `agent index build "
            f"{options}` makes one."
        )
    return found[0]


def show(
    target: str,
    index: str,
    model: str,
    corpus: str | None,
    n_top: int,
    display: Display,
    trust_remote_code: bool = False,
) -> tuple[ActivationIndex, str, NeuronReport]:
    """The index, the model's name, and what is to be shown of a neuron.

    Raises:
        BadInput: there is no index or no such neuron, or the index is of another model.
        StorageError: the index is damaged.
    """
    subject, neuron = open_subject_for(target, model, display, trust_remote_code=trust_remote_code)
    if neuron.is_negative:
        raise BadInput(f"an index holds the largest values of neurons, so it has only {neuron.other_side()}.")
    found = opened(index, subject.name if model == "auto" else model, corpus, display, trust_remote_code)
    return found, subject.name, neuron_report(found, subject, neuron, n_top)
