"""Text from the Hugging Face hub: GPT-2's default corpus, and datasets by name."""

from __future__ import annotations

import errno
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.errors import BadInput, NotAvailable, StorageError, first_line
from tools.evidence.progress import Progress
from tools.evidence.texts.formats import looks_like_file, parquet_texts
from tools.hub_cache import check_hub_cache, hub_cache_is_known

SAMPLE_REPO = "stas/openwebtext-10k"
# The dataset's own branch holds a loading script that no longer runs; the hub keeps this conversion beside it.
SAMPLE_REVISION = "refs/convert/parquet"
SAMPLE_FILES = "plain_text/train/*.parquet"

REACH_S = 3.0
MIN_CHARACTERS = 40_000_000
CHARACTERS_PER_TOKEN = 8


def is_reachable() -> bool:
    """Whether the hub (`$HF_ENDPOINT`) answers at all; says so within a little over three seconds."""
    from huggingface_hub import constants, get_session

    answers: list[int] = []

    def ask() -> None:
        try:
            answers.append(get_session().head(constants.ENDPOINT, timeout=REACH_S).status_code)
        except (
            Exception
        ):  # whatever is in the way (names, proxies, certificates, offline mode), the hub is out of reach
            return

    # a thread, because a dead name server blocks for longer than any time-out that can be given to the request
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(REACH_S + 0.5)
    return bool(answers)


def _cached_sample() -> list[Path]:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    if not hub_cache_is_known():
        return []
    try:
        folder = snapshot_download(
            SAMPLE_REPO,
            repo_type="dataset",
            revision=SAMPLE_REVISION,
            allow_patterns=SAMPLE_FILES,
            local_files_only=True,
        )
    except LocalEntryNotFoundError:
        return []
    return sorted(Path(folder).glob(SAMPLE_FILES))


def default_corpus_is_cached() -> bool:
    """Whether GPT-2's default corpus is on this machine; asks no network."""
    return bool(_cached_sample())


def fetch_corpus(progress: Progress) -> None:
    """Download GPT-2's default corpus into Hugging Face's cache, unless it is there; `progress` counts bytes.

    Raises:
        NotAvailable: the hub cannot be reached, or does not have it.
        StorageError: it cannot be kept.
    """
    if default_corpus_is_cached():
        return
    check_hub_cache()
    if not is_reachable():
        raise _no_default("the default corpus, a sample of OpenWebText, is not here and the hub is not")
    from huggingface_hub import HfApi, hf_hub_download

    try:
        tree = HfApi().list_repo_tree(
            SAMPLE_REPO, str(Path(SAMPLE_FILES).parent), repo_type="dataset", revision=SAMPLE_REVISION
        )
        files = [entry for entry in tree if entry.path.endswith(".parquet")]
        progress.start(sum(entry.size for entry in files), "fetching the sample of OpenWebText", in_bytes=True)
        try:
            for entry in files:
                hf_hub_download(
                    SAMPLE_REPO,
                    entry.path,
                    repo_type="dataset",
                    revision=SAMPLE_REVISION,
                    tqdm_class=_bar_for(progress),
                )
        finally:
            progress.finish()
    except Exception as error:  # the client raises its own, its transport's and the operating system's errors alike
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
            raise StorageError(
                f"the default corpus cannot be stored in Hugging Face's cache ({error.strerror}): "
                "free some space there or name another folder with HF_HOME."
            ) from error
        raise _no_default(f"the default corpus could not be fetched ({first_line(error)})") from error
    if not default_corpus_is_cached():
        raise _no_default(f"the hub has no {SAMPLE_FILES} in {SAMPLE_REPO}")


def _no_default(what: str) -> NotAvailable:
    return NotAvailable(
        f"{what}: run `agent fetch gpt2` where there is a network, or name your own text with `corpus=FILE`.",
        settings=("corpus",),
    )


def _bar_for(progress: Progress) -> Any:
    """A class in the shape of tqdm that passes downloaded bytes on to `progress`."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped, unused-ignore]

    class Bar(tqdm):  # type: ignore[misc, unused-ignore]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            progress.advance(int(n or 0))
            return None

    return Bar


def sample_texts() -> Iterator[tuple[str, str]]:
    """(name, text) of GPT-2's default corpus, one after another.

    Raises:
        NotAvailable: it was not fetched yet.
    """
    files = _cached_sample()
    if not files:
        raise _no_default("the default corpus, a sample of OpenWebText, is not on this machine")
    from pyarrow import ArrowException  # type: ignore[import-untyped, unused-ignore]

    number = 0
    for file in files:
        try:
            with file.open("rb") as stream:
                for text in parquet_texts(stream):
                    if text and text.strip():
                        yield f"openwebtext/{number}", text
                    number += 1
        except (OSError, ArrowException, KeyError) as error:
            raise StorageError(
                f"{file} cannot be read or is damaged: delete it and run `agent fetch gpt2` again."
            ) from error


_DATASET = re.compile(r"(?P<name>[\w.-]+(?:/[\w.-]+)?)(?::(?P<split>[\w\[\]%:-]+))?")


def looks_like_dataset(spec: str) -> bool:
    """Whether `spec` is written like `hf:name`, `hf:owner/name:split` or `owner/name`."""
    if spec.startswith("hf:"):
        return True
    return bool(re.fullmatch(r"[\w-]+/[\w.-]+(:\w+)?", spec)) and not looks_like_file(spec)


def dataset_texts(spec: str, max_tokens: int = 0) -> Iterator[tuple[str, str]]:
    """(name, text) of a Hugging Face dataset's column "text", one after another from its beginning.

    It ends after eight characters for every token wanted, and not before 40 million characters.

    Args:
        spec: `[hf:]owner/name[:split]`; the split is "train" when none is named.
        max_tokens: tokens wanted.

    Raises:
        BadInput: not a dataset's name, or it has no column "text".
        NotAvailable: the package `datasets` or the dataset is not here and cannot be fetched.
        StorageError: it could not be kept.
    """
    found = _DATASET.fullmatch(spec.removeprefix("hf:"))
    if not found:
        raise BadInput(f"cannot read the corpus {spec!r}: write it as hf:owner/name or hf:owner/name:split.")
    name, split = found["name"], found["split"] or "train"
    try:
        import datasets
    except ImportError as error:
        raise NotAvailable(
            f"reading the dataset {name} needs the package datasets: pip install -e '.[datasets]'."
        ) from error
    check_hub_cache()
    online = is_reachable()
    most = max(MIN_CHARACTERS, CHARACTERS_PER_TOKEN * max_tokens)
    try:
        if online:
            yield from _rows_text(name, datasets.load_dataset(name, split=split, streaming=True), most)
            return
        with _told_to_stay_offline():
            yield from _rows_text(name, datasets.load_dataset(name, split=split), most)
    except BadInput:
        raise
    except Exception as error:  # the package raises errors of a dozen libraries
        where = "the hub answers but" if online else "the hub cannot be reached and"
        raise NotAvailable(
            f"there is no file or folder {spec!r}, {where} the dataset {name} ({split}) cannot be read "
            f"({first_line(error)}): check the name, or name a file with `corpus=FILE`.",
            settings=("corpus",),
        ) from error


@contextmanager
def _told_to_stay_offline() -> Iterator[None]:
    """Spare 23 seconds of retries: the two packages read their switch from the environment once, when imported."""
    from datasets import config
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE = before


def _rows_text(name: str, rows: Any, most: int) -> Iterator[tuple[str, str]]:
    n_characters = 0
    for number, row in enumerate(rows):
        text = row.get("text")
        if not isinstance(text, str):
            raise BadInput(f'the dataset {name} has no text column "text"; it has {", ".join(sorted(row))}.')
        if text.strip():
            yield f"{name}/{number}", text
        n_characters += len(text)
        if n_characters > most:
            return
