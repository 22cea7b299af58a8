"""What can be typed to look at runs: `agent trace ...` and `agent review ...`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from agent.option_types import port

_RUN = "the run's id, a part of it, or last"
_RUN_OR_TRACE = f"{_RUN}; or the path of an events.jsonl"
Command = Callable[..., argparse.ArgumentParser]


def add_traces(commands: Any, command: Command, runs: argparse.ArgumentParser) -> None:
    """`agent trace` and its subcommands; `runs` has the options that say where runs lie."""
    group = commands.add_parser(
        "trace", help="Look at runs.", description="Look at runs.", epilog="example:\n  agent trace open last"
    ).add_subparsers(metavar="COMMAND", required=True)

    def about_a_run(name: str, run: str, about: str, example: str) -> argparse.ArgumentParser:
        made = command(group, name, run, about, example, [runs])
        made.add_argument("name", metavar="RUN", help=_RUN if name == "show" else _RUN_OR_TRACE)
        made.add_argument("--neuron", metavar="L5N131", help="which one, for a run of several (default: all of them)")
        return made

    command(
        group, "list", "agent.commands.trace:list_all",
        "List all runs with their verdicts and scores.", "agent trace list", [runs],
    )  # fmt: skip
    show = about_a_run(
        "show", "agent.commands.trace:show",
        "Tell the story of a run: explanation, rivals, experiments, decisions, tokens in colour.",
        "agent trace show last",
    )  # fmt: skip
    show.add_argument("--no-color", action="store_true", help="no colours, also on a terminal")
    opened = about_a_run(
        "open", "agent.commands.page:open_page",
        "Write the story of a run as one HTML page that loads nothing, and open it in the browser.",
        "agent trace open last\n  agent trace open last --out neuron.html --no-browser",
    )  # fmt: skip
    opened.add_argument("--out", metavar="FILE", help="where the page goes (default: report.html beside the trace)")
    opened.add_argument("--no-browser", action="store_true", help="only write the page")
    diff = command(
        group, "diff", "agent.commands.compare:diff",
        "Say where two runs differ: settings, verdict, scores, rivals, readings, and the first event that is not the "
        "same.",
        "agent trace diff 20261126T1441 last", [runs],
    )  # fmt: skip
    diff.add_argument("a", metavar="A", help=_RUN_OR_TRACE)
    diff.add_argument("b", metavar="B", help=_RUN_OR_TRACE)
    replay = about_a_run(
        "replay", "agent.commands.compare:replay",
        "Run again from the trace alone, and say where, if anywhere, the result differs. Opens no new sealed fold, and "
        "pays for no LLM call.",
        "agent trace replay last\n  agent trace replay last --recorded",
    )  # fmt: skip
    replay.add_argument(
        "--recorded", action="store_true",
        help="take the results of tools from the trace and derive only the decisions again, in seconds",
    )  # fmt: skip
    replay.add_argument("--quiet", action="store_true", help="show no progress")
    export = about_a_run(
        "export", "agent.commands.inspect:export",
        "Write a run as a log of Inspect, for `inspect view` (pip install -e '.[inspect]').",
        "agent trace export last run.eval",
    )  # fmt: skip
    export.add_argument("path", metavar="FILE", help="what to write: .eval or .json")
    schema = command(
        group, "schema", "agent.commands.schema:show",
        "Print the JSON Schema of a line of events.jsonl, or of result.json.",
        "agent trace schema > events.schema.json\n  agent trace schema --result > result.schema.json",
    )  # fmt: skip
    schema.add_argument("--result", action="store_true", help="the schema of result.json")


def add_review(command: Command, commands: Any) -> None:
    """`agent review` and `agent review export`."""
    review = command(
        commands, "review", "agent.commands.review:serve",
        "Look at all runs and batches in the browser, compare them, try texts, and note whether you agree.",
        "agent review\n  agent review --runs-dir old-runs --port 9000\n  agent review export labels.csv",
    )  # fmt: skip
    review.add_argument("--runs-dir", default="runs", metavar="DIR", help="the folder of all runs (default: runs)")
    review.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS",
        help="who can reach it (default: 127.0.0.1, only this machine; there is no password)",
    )  # fmt: skip
    review.add_argument(
        "--port", type=port, default=8321, metavar="PORT", help="0 for any that is free (default: 8321)"
    )
    review.add_argument("--no-browser", action="store_true", help="only serve")
    more = review.add_subparsers(metavar="COMMAND", required=False)
    export = command(
        more, "export", "agent.commands.review:export",
        "Write what reviewers noted, as CSV or JSON lines by the file's ending.", "agent review export labels.csv",
    )  # fmt: skip
    export.add_argument("path", metavar="FILE", help="what to write: .csv or .jsonl")
    export.add_argument("--runs-dir", default=argparse.SUPPRESS, metavar="DIR", help="the folder of all runs")
