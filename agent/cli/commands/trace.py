"""`agent trace`: runs as text, as a page, as a file for Inspect, compared, and replayed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.options import add_quiet, runs_part
from agent.cli.output import has_colours, progress, say, width
from agent.cli.parsing import Commands, Handler, command, group
from tools.errors import BadInput, StorageError
from tools.garbage_collection import without_collection
from traces.storage import replace_file
from traces.text.formatting import visible

if TYPE_CHECKING:
    from traces.events.runs import RunFolder


_RUN = "the run's id, a part of it, or last"
_RUN_OR_TRACE = f"{_RUN}; or the path of an events.jsonl"


def add(commands: Commands) -> None:
    """Mount them."""
    under = group(commands, "trace", "Look at runs.", "agent trace open last")

    def about_a_run(name: str, run: Handler, about: str, example: str, *loads: str) -> argparse.ArgumentParser:
        made = command(under, name, run, about, example, [runs_part()], loads)
        made.add_argument("name", metavar="RUN", help=_RUN if name == "show" else _RUN_OR_TRACE)
        made.add_argument("--neuron", metavar="L5N131", help="one neuron of a run with several (default: all)")
        return made

    command(
        under, "list", list_all,
        "List all runs with their verdicts and scores.", "agent trace list", [runs_part()], ("traces.text.show",),
    )  # fmt: skip
    shown = about_a_run(
        "show", show,
        "Show a run: explanation, rivals, experiments, decisions. On a terminal, tokens are in colour.",
        "agent trace show last", "traces.text.show",
    )  # fmt: skip
    shown.add_argument("--no-color", action="store_true", help="no colours, even on a terminal")
    opened = about_a_run(
        "open", open_page,
        "Write a run as one HTML page, and open it in the browser. The page needs no other file and no network.",
        "agent trace open last\n  agent trace open last --out neuron.html --no-browser", "traces.html.render",
    )  # fmt: skip
    opened.add_argument("--out", metavar="FILE", help="where the page goes (default: report.html beside the trace)")
    opened.add_argument("--no-browser", action="store_true", help="only write the page")
    compared = command(
        under, "diff", diff,
        "Show where two runs differ. It compares settings, verdict, scores, rivals and activations, and names the "
        "first event that differs.",
        "agent trace diff 20261126T1441 last", [runs_part()], ("traces.text.difference",),
    )  # fmt: skip
    compared.add_argument("a", metavar="A", help=_RUN_OR_TRACE)
    compared.add_argument("b", metavar="B", help=_RUN_OR_TRACE)
    replayed = about_a_run(
        "replay", replay,
        "Run again from the trace alone, and show what differs. Opens no new sealed text, and asks no LLM.",
        "agent trace replay last\n  agent trace replay last --recorded", "agent.run.replay",
    )  # fmt: skip
    replayed.add_argument(
        "--recorded", action="store_true",
        help="take tool results from the trace and repeat only the decisions, which takes seconds",
    )  # fmt: skip
    add_quiet(replayed)
    exported = about_a_run(
        "export", export,
        "Export a run as an Inspect log. `inspect view` shows it. Needs pip install -e '.[inspect]'.",
        "agent trace export last run.eval", "traces.export.inspect_log",
    )  # fmt: skip
    exported.add_argument("path", metavar="FILE", help="what to write: .eval or .json")
    schema = command(
        under, "schema", show_schema,
        "Print the JSON Schema of an event, or of a result. An event is a line of events.jsonl, a result is "
        "the content of result.json.",
        "agent trace schema > events.schema.json\n  agent trace schema --result > result.schema.json",
    )  # fmt: skip
    schema.add_argument("--result", action="store_true", help="the schema of result.json")


def list_all(arguments: argparse.Namespace) -> None:
    """Print a table of all runs."""
    from traces.text.show import list_runs

    say(list_runs(arguments.runs_dir, width()).rstrip("\n"))


def show(arguments: argparse.Namespace) -> None:
    """Print the story of a run, in colours on a terminal unless `--no-color` or `NO_COLOR` forbids them."""
    from traces.text.show import show_run

    is_coloured = has_colours() and not arguments.no_color
    said = show_run(arguments.runs_dir, arguments.name, neuron=arguments.neuron, width=width(), is_coloured=is_coloured)
    say(said.rstrip("\n"))


def open_page(arguments: argparse.Namespace) -> None:
    """Write a page for each neuron of a run, print where it is, and show the first in the browser if there is one."""
    from traces.analysis.story import read_story
    from traces.events.runs import RunFolder, traces_of
    from traces.html.render import story_html

    paths = traces_of(arguments.runs_dir, arguments.name, arguments.neuron)
    if arguments.out and len(paths) > 1:
        raise BadInput(f"the run has {len(paths)} neurons and --out names one file: choose one with --neuron.")
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
        _show(pages[0])  # only the first of many: nobody wants a hundred tabs


def _show(page: Path) -> None:
    """Open a page in the browser; without one, the printed path has to do."""
    import webbrowser

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


def export(arguments: argparse.Namespace) -> None:
    """Write a run as an Inspect log."""
    from traces.events.runs import traces_of
    from traces.export.inspect_log import write_inspect_log

    path = Path(arguments.path)
    log = write_inspect_log(traces_of(arguments.runs_dir, arguments.name, arguments.neuron), path)
    n = len(log.samples)
    n_events = sum(len(sample.events) for sample in log.samples)
    say(
        f"{n} neuron{'' if n == 1 else 's'} with {n_events:,} events written to {visible(str(path))}.\n"
        f"Look at it with: inspect view --log-dir {visible(str(path.parent))}"
    )


def show_schema(arguments: argparse.Namespace) -> None:
    """Print the JSON Schema of an event, or of a result. An event is a line of events.jsonl, a result the content
    of result.json."""
    from traces.events.schema import event_schema_text, result_schema_text

    say(result_schema_text() if arguments.result else event_schema_text())


def diff(arguments: argparse.Namespace) -> None:
    """Print where two runs differ, even on different neurons or models. The exit code is 0 whether or not they do."""
    from traces.analysis.difference import differences
    from traces.analysis.story import read_story
    from traces.events.runs import traces_of
    from traces.text.difference import difference_text

    a, b = (traces_of(arguments.runs_dir, name) for name in (arguments.a, arguments.b))
    pages = [
        difference_text(
            differences(read_story(one), read_story(other)), _name(arguments.a, one), _name(arguments.b, other), width()
        )
        for one, other in _paired(a, b)
    ]
    say("\n".join(pages).rstrip("\n"))


def replay(arguments: argparse.Namespace) -> None:
    """Repeat a run from its trace alone and print the outcome.

    The first word printed is `same` or `differs`. Either is a result, so the exit code is 0; it differs only if the run
    cannot be replayed at all.
    """
    from agent.cli.replay_text import replay_text
    from agent.run.replay import replay as replayed
    from traces.events.runs import traces_of

    paths = traces_of(arguments.runs_dir, arguments.name, arguments.neuron)
    with progress(quiet=arguments.quiet) as display:
        told = [replay_text(replayed(path, display, recorded=arguments.recorded), width()) for path in paths]
    say("\n".join(told).rstrip("\n"))


def _paired(a: list[Path], b: list[Path]) -> list[tuple[Path, Path]]:
    """Pairs of traces of the two runs on the same neuron; if each run has one neuron, those two."""
    from traces.events.runs import NeuronFolder

    if len(a) == len(b) == 1:
        return [(a[0], b[0])]
    other = {NeuronFolder(path.parent).path.name: path for path in b}
    found = [(path, other[path.parent.name]) for path in a if path.parent.name in other]
    if not found:
        raise BadInput("the two runs are of several neurons and have none in common: name the events.jsonl of each.")
    return found


def _name(typed: str, path: Path) -> str:
    """What to call a run: its id where it lies in a folder of runs, else what was typed."""
    return path.parents[2].name if path.parent.parent.name == "neurons" else typed
