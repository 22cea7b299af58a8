"""`agent review`: the web app for all runs; `agent review export`: the reviews as a file."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from agent.cli.option_types import port
from agent.cli.options import runs_part
from agent.cli.output import say
from agent.cli.parsing import Commands, command
from tools.errors import BadInput, NotAvailable

_NEEDED = ("fastapi", "uvicorn", "jinja2")


def add(commands: Commands) -> None:
    """Mount both."""
    review = command(
        commands, "review", serve,
        "Browse all runs and batches in a web app. Compare them, try texts, and note whether you agree.",
        "agent review\n  agent review --runs-dir old-runs --port 9000\n  agent review export labels.csv", [runs_part()],
    )  # fmt: skip
    review.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS",
        help="the address to listen on (default: 127.0.0.1, only this machine; there is no password)",
    )  # fmt: skip
    review.add_argument(
        "--port", type=port, default=8321, metavar="PORT", help="0 for any that is free (default: 8321)"
    )
    review.add_argument("--no-browser", action="store_true", help="only serve")
    more = review.add_subparsers(title="commands", metavar="COMMAND", required=False)
    exported = command(
        more, "export", export,
        "Export all reviews as CSV or JSON lines. The ending of the file's name says which.",
        "agent review export labels.csv", [runs_part(argparse.SUPPRESS)],
    )  # fmt: skip
    exported.add_argument("path", metavar="FILE", help="what to write: .csv or .jsonl")


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
    from traces.database.results import ResultsDatabase
    from traces.database.reviews import labels
    from traces.export.tables import write_labels

    path = Path(arguments.path)
    if path.is_dir():
        raise BadInput(f"{arguments.path} is a folder: name a file that ends with .csv or .jsonl.")
    rows = labels(ResultsDatabase(arguments.runs_dir))
    write_labels(rows, path)
    say(f"{len(rows):,} {'review' if len(rows) == 1 else 'reviews'} written to {arguments.path}.")
