"""From what the user calls a model to a folder on this machine, fetching it only where it must be fetched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tools.errors import BadInput
from tools.subject.fetch import Progress, cached_folder, fetch_model
from tools.subject.folder import ModelFolder, check_folder
from tools.subject.names import GPT2_FAMILY, is_hub_name, short_name

MINI = Path(__file__).parent.parent / "mini" / "weights"


def called(model: str, corpus_cached: Callable[[], bool] = lambda: False) -> str:
    """What a result will call `model`, told before it is opened or fetched; see `resolve`."""
    if model == "auto":
        return "gpt2" if cached_folder("gpt2") and corpus_cached() else "mini"
    name, folder = short_name(model), Path(os.path.expanduser(model))
    is_folder = model and model != "mini" and name not in GPT2_FAMILY and folder.is_dir()
    return folder.resolve().name if is_folder else name


def resolve(
    model: str, corpus_cached: Callable[[], bool] = lambda: False, progress: Progress | None = None
) -> ModelFolder:
    """Find the folder of `model`: `mini`, `auto`, a folder, or a name on the Hugging Face hub.

    `auto` is gpt2 where its weights are cached and `corpus_cached()` says that its default corpus is too; else it is
    mini with `fell_back` set. A model named outright is never swapped; where it is not cached, one download is tried,
    which says within five seconds when the hub is out of reach. A folder beats a hub name of the same spelling, except
    for `mini`, `auto` and the GPT-2 family: write ./gpt2 for a folder of that name.

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
    folder = Path(os.path.expanduser(model))
    if model and name not in GPT2_FAMILY and folder.is_dir():
        return _checked(folder, folder.resolve().name)
    if folder.is_file():
        raise BadInput(f"{model} is a file: give the folder that holds config.json and model.safetensors.")
    if not is_hub_name(model):
        raise BadInput(
            f"unknown model {model!r}: it is no folder here and no name TransformerLens knows; use auto, mini, "
            f"{', '.join(GPT2_FAMILY)}, a Hugging Face id (owner/name) or a folder in Hugging Face's format."
        )
    return _checked(cached_folder(model) or fetch_model(model, progress), name)


def _checked(path: Path, name: str) -> ModelFolder:
    check_folder(path)
    return ModelFolder(path, name)
