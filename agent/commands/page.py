"""`agent trace open`."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path

from agent.commands.output import say
from tools.collector import without_collection
from tools.errors import BadInput, StorageError
from traces.analysis.story import read_story
from traces.events.runs import RunFolder, traces_of
from traces.html.render import story_html
from traces.storage import replace_file


def open_page(arguments: argparse.Namespace) -> None:
    """Write a page for each neuron of a run, print where it is, and show the first in the browser if there is one."""
    paths = traces_of(arguments.runs_dir, arguments.name, arguments.neuron)
    if arguments.out and len(paths) > 1:
        raise BadInput(f"the run has {len(paths)} neurons and --out names one file: say which with --neuron.")
    pages = []
    for path in paths:
        page = Path(arguments.out) if arguments.out else path.with_name("report.html")
        run = RunFolder(path.parents[2]) if path.parent.parent.name == "neurons" else None
        with without_collection():  # a story is many small objects that all stay
            html = story_html(read_story(path), run.run_id if run else str(path), _manifest(run))
        # A trace may hold halves of characters.
        replace_file(page, html.encode("utf-8", "backslashreplace"), elsewhere="name another with --out")
        say(str(page))
        pages.append(page)
    if not arguments.no_browser:
        _show(pages[0])  # of many neurons the first: nobody wants a hundred tabs


def _show(page: Path) -> None:
    """Where there is no browser, the path that was printed must do."""
    try:
        webbrowser.open(page.absolute().as_uri())
    except (OSError, webbrowser.Error):
        return


def _manifest(run: RunFolder | None) -> dict[str, object] | None:
    """What is in run.json; a trace can be read without it."""
    try:
        return run.manifest() if run else None
    except StorageError:
        return None
