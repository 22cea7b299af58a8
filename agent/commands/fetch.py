"""`agent fetch`: a model's weights and its default corpus, to work offline afterwards."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.commands.output import progress, say
from agent.download import DownloadBar
from tools.errors import BadInput
from tools.evidence.hub import default_corpus_is_cached, fetch_corpus
from tools.subject.fetch import cached_folder, fetch_model
from tools.subject.folder import check_folder
from tools.subject.names import GPT2_FAMILY, is_hub_name


def fetch(arguments: argparse.Namespace) -> None:
    """Download what is missing and say where it lies.

    Raises:
        BadInput: the name is none that could be fetched.
        NotAvailable: the hub cannot be reached or breaks off.
        StorageError: the cache cannot be written.
    """
    name = arguments.name
    if name == "mini":
        say("mini comes with this program, and its corpus with Python: there is nothing to fetch.")
        return
    if name == "auto" or not is_hub_name(name):
        raise BadInput(
            f"unknown model {name!r}: name {', '.join(GPT2_FAMILY)}, another model that TransformerLens knows, "
            "or a Hugging Face id (owner/name)."
        )
    with progress(quiet=arguments.quiet) as display:
        folder = _whole_in_cache(name)
        if folder is None:
            with DownloadBar(display, f"fetching {name}") as bar:
                folder = fetch_model(name, bar)
        if not default_corpus_is_cached():
            fetch_corpus(display)
    say(f"{name} and its default corpus are on this machine ({folder}).\nTry it: agent explain {name}/L5N131")


def _whole_in_cache(name: str) -> Path | None:
    folder = cached_folder(name)
    if folder is None:
        return None
    try:
        check_folder(folder)
    except BadInput:
        return None
    return folder
