"""`agent review`: the web app over all runs, and `agent review export`: what reviewers noted, as a file."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from agent.commands.output import say
from tools.errors import BadInput, NotAvailable
from traces.database.results import ResultsDatabase
from traces.database.reviews import labels
from traces.export.tables import write_labels

_NEEDED = ("fastapi", "uvicorn", "jinja2")


def serve(arguments: argparse.Namespace) -> None:
    """Serve the app until it is interrupted."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise NotAvailable(f"agent review needs {' and '.join(missing)}: pip install {' '.join(missing)} gets it.")
    from agent.review.serve import serve as serve_app

    serve_app(
        Path(arguments.runs_dir),
        arguments.host,
        arguments.port,
        is_browser_wanted=not arguments.no_browser,
        say=say,
    )


def export(arguments: argparse.Namespace) -> None:
    """Write all reviews."""
    path = Path(arguments.path)
    if path.is_dir():
        raise BadInput(f"{arguments.path} is a folder: name a file that ends with .csv or .jsonl.")
    rows = labels(ResultsDatabase(arguments.runs_dir))
    write_labels(rows, path)
    say(f"{len(rows):,} {'review' if len(rows) == 1 else 'reviews'} written to {arguments.path}.")
