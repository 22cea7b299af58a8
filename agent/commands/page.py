"""`agent trace open`."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path

from agent.commands.compare import traces_of
from agent.commands.output import say
from tools.errors import BadInput, StorageError
from traces.html.render import story_html
from traces.runs import RunFolder
from traces.storage import replace_file
from traces.story import read_story


def open_page(arguments: argparse.Namespace) -> None:
    """Write a page for each neuron of a run, print where it is, and show it in the browser where there is one."""
    paths = traces_of(arguments.runs_dir, arguments.name, arguments.neuron)
    if arguments.out and len(paths) > 1:
        raise BadInput(f"the run has {len(paths)} neurons and --out names one file: say which with --neuron.")
    for path in paths:
        page = Path(arguments.out) if arguments.out else path.with_name("report.html")
        run = RunFolder(path.parents[2]) if path.parent.parent.name == "neurons" else None
        html = story_html(read_story(path), run.run_id if run else str(path), _manifest(run))
        replace_file(page, html.encode())
        say(str(page))
        if not arguments.no_browser:
            webbrowser.open(page.absolute().as_uri())  # where there is none, the path was printed


def _manifest(run: RunFolder | None) -> dict[str, object] | None:
    """What is in run.json; a trace can be read without it."""
    try:
        return run.manifest() if run else None
    except StorageError:
        return None
