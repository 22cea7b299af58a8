"""`agent results`: what all runs found, as a table, as files for other programs, and in OpenAI's format."""

from __future__ import annotations

import argparse
import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.option_types import score, whole
from agent.cli.options import add_json, add_quiet, runs_part
from agent.cli.output import progress, say, say_json, width
from agent.cli.parsing import Commands, command
from agent.setup.option_names import with_options
from tools.errors import BadInput
from tools.sizes import counted
from tools.subject.names import short_name
from traces.text.formatting import one_line, score_text, shorten, visible

if TYPE_CHECKING:
    from traces.database.results import ResultsDatabase
    from traces.database.rows import ResultRow
    from traces.database.selection import Selection


_HEAD = ("model", "neuron", "verdict", "score on sealed text", "excerpts", "run")
_SUFFIXES = {".csv": "csv", ".parquet": "parquet"}
_N_REASONS = 5


def add(commands: Commands) -> None:
    """Mount them."""

    def chosen(default: str | None) -> argparse.ArgumentParser:
        made = argparse.ArgumentParser(add_help=False, allow_abbrev=False, argument_default=default)
        which = made.add_argument_group("which results")
        which.add_argument("--below", type=score, metavar="SCORE", help="with a final score under this")
        which.add_argument("--above", type=score, metavar="SCORE", help="with a final score of at least this")
        which.add_argument("--layer", type=whole(0), metavar="N", help="of this layer")
        which.add_argument("--model", metavar="NAME", help="of this model, as the results name it")
        which.add_argument(
            "--verdict", choices=("supported", "split", "unresolved", "noise", "dead"), help="with this verdict"
        )
        which.add_argument("--variant", metavar="NAME", help="of this variant")
        which.add_argument("--all", action="store_true", help="all runs, not only the latest on each neuron")
        which.add_argument(
            "--sort", metavar="COLUMN",
            help="score, layer, seconds or another column; -score puts the best first (default: run)",
        )  # fmt: skip
        which.add_argument("--limit", type=whole(1), metavar="N", help="at most N")
        made.add_argument("--runs-dir", metavar="DIR", help="the folder of all runs (default: runs)")
        return made

    # Options may stand before and after the word `export`: those after it override those before it.
    before, behind = chosen(None), chosen(argparse.SUPPRESS)
    results = command(
        commands, "results", show,
        "Show what all runs found, and export it.",
        "agent results --below 0.3 --layer 5 --sort score\n"
        "  agent results export results.parquet\n"
        "  agent results export published --format neuron-explainer --model gpt2",
        [before], ("traces.database.results",),
    )  # fmt: skip
    results.set_defaults(sort="run", runs_dir="runs")
    add_json(results)
    more = results.add_subparsers(title="commands", metavar="COMMAND", required=False)
    exported = command(
        more, "export", export,
        "Write results to a CSV or Parquet file, or a folder. The folder has the format of OpenAI's neuron-explainer.",
        "agent results export low.csv --below 0.3", [behind], ("traces.database.results",),
    )  # fmt: skip
    exported.add_argument("path", metavar="PATH", help="a .csv or .parquet file, or a folder for neuron-explainer")
    exported.add_argument(
        "--format", choices=("csv", "parquet", "neuron-explainer"), help="(default: by the end of the name)"
    )
    exported.add_argument(
        "--ask-llm", action="store_true",
        help="for neuron-explainer: ask (and pay) the simulator again for simulations that are no longer stored",
    )  # fmt: skip
    add_quiet(exported)
    command(
        more, "rebuild", rebuild,
        "Rebuild the table of results from the files of runs.", "agent results rebuild",
        [runs_part(argparse.SUPPRESS)], ("traces.database.results",),
    )  # fmt: skip


def show(arguments: argparse.Namespace) -> None:
    """Print the selected results."""
    from traces.database.results import ResultsDatabase

    selection = _selection(arguments)
    database = ResultsDatabase(arguments.runs_dir)
    rows = database.select(selection)
    unscored, older = _left_out(database, selection)
    if arguments.json:
        say_json(
            {
                "results": [dataclasses.asdict(row) for row in rows],
                "left_out": {"without_score": len(unscored), "older_runs": older},
            }
        )
    else:
        say("\n".join([*_table(rows, arguments.runs_dir, width()), *_notes(rows, unscored, older, selection)]))


def export(arguments: argparse.Namespace) -> None:
    """Write the selected results to a file, or in OpenAI's format into a folder."""
    from traces.database.results import ResultsDatabase

    path = Path(arguments.path)
    form = arguments.format or _SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise BadInput(
            f"cannot tell a format from the name {arguments.path}: end it with .csv or .parquet, or give --format."
        )
    if form != "neuron-explainer" and path.is_dir():
        raise BadInput(f"{arguments.path} is a folder, and {form} is one file: name a file.")
    rows = ResultsDatabase(arguments.runs_dir).select(_selection(arguments))
    if form == "neuron-explainer":
        _export_simulations(rows, path, arguments)
        return
    from traces.export import tables

    {"csv": tables.write_csv, "parquet": tables.write_parquet}[form](rows, path)
    say(f"{counted(len(rows), 'result')} written to {arguments.path}.")


def rebuild(arguments: argparse.Namespace) -> None:
    """Rebuild the index of results from the files of all runs."""
    from traces.database.results import ResultsDatabase

    database = ResultsDatabase(arguments.runs_dir)
    unreadable = database.rebuild_index()
    lines = [f"left out: {one_line(with_options(error))}" for error in unreadable]
    say("\n".join([*lines, f"{counted(len(database.select()), 'result')} in {database.path}."]))


def _export_simulations(rows: Sequence[ResultRow], folder: Path, arguments: argparse.Namespace) -> None:
    from traces.database.models import distinct

    models = distinct(row.of_model for row in rows)
    if len(models) > 1:
        raise BadInput(
            f"the results are of {len(models)} models, and a folder holds one: choose with --model {models[0]}."
        )
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{arguments.path} is a file, and the neuron-explainer format needs a folder: name a folder.")
    from agent.run.openai_export import Exported, simulate_again

    seen: dict[str, ResultRow] = {}
    for row in rows:  # a folder has one file per neuron, from its latest run
        if row.neuron not in seen or row.run_id > seen[row.neuron].run_id:
            seen[row.neuron] = row
    reasons: Counter[str] = Counter()
    n = 0
    with progress(quiet=arguments.quiet) as display:
        for one in simulate_again(list(seen.values()), Path(arguments.runs_dir), display, ask_llm=arguments.ask_llm):
            if isinstance(one, Exported):
                one.write(folder)
                n += 1
            else:
                reasons[one.reason] += 1
                display.note(f"{one.row.model}/{one.row.neuron} is left out: {one.reason}.")
    if rows and not n:
        why, _ = reasons.most_common(1)[0]
        raise BadInput(f"none of {counted(len(seen), 'neuron')} could be exported; most often because: {why}.")
    lines = [f"{counted(n, 'neuron')} written to {arguments.path}."]
    lines += [f"{k} left out: {why}" for why, k in reasons.most_common()]
    say("\n".join(visible(line) for line in lines))


def _selection(arguments: argparse.Namespace) -> Selection:
    from traces.database.selection import Selection

    if arguments.below is not None and arguments.above is not None and arguments.below <= arguments.above:
        raise BadInput("--below must be more than --above: no score is both.")
    return Selection(
        below=arguments.below,
        above=arguments.above,
        layer=arguments.layer,
        model=None if arguments.model is None else short_name(arguments.model),
        verdict=arguments.verdict,
        variant=arguments.variant,
        latest=not arguments.all,
        sort=arguments.sort,
        limit=arguments.limit,
    )


def _left_out(database: ResultsDatabase, selection: Selection) -> tuple[list[ResultRow], int]:
    """Results that match but have no score, if the selection needs one; and how many runs are not the latest."""
    free = dataclasses.replace(selection, below=None, above=None, limit=None)
    fit = database.select(free)
    asked = selection.below is not None or selection.above is not None
    unscored = [row for row in fit if row.score is None] if asked else []
    every = dataclasses.replace(free, verdict=None)
    older = 0
    if selection.latest:
        older = len(database.select(dataclasses.replace(every, latest=False))) - len(database.select(every))
    return unscored, older


def _table(rows: Sequence[ResultRow], runs_dir: str, width: int) -> list[str]:
    from traces.database.models import told_apart

    if not rows:
        return [f"There are no such results in {runs_dir}."]
    called = told_apart(row.of_model for row in rows)
    cells = [_HEAD, *(_cells(row, called[row.of_model]) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for number, line in enumerate(cells):
        lines.append("  ".join(map(str.ljust, line, widths)).rstrip())
        if number and (said := rows[number - 1].explanation or rows[number - 1].reason):
            lines.append("    " + shorten(said, max(20, width - 4)))
    return lines


def _cells(row: ResultRow, model: str) -> tuple[str, ...]:
    from tools.records.scores import read_score

    measured = {"value": row.score, "low": row.low, "high": row.high}
    score = "no score" if row.score is None else score_text(read_score(measured))
    n = "" if row.n_excerpts is None else str(row.n_excerpts) + (f" (-{row.n_unscored})" if row.n_unscored else "")
    reused = ", reused" if row.sealed_reused else ""
    return tuple(map(one_line, (model, row.neuron, row.verdict, score + reused, n, row.run_id)))


def _notes(rows: Sequence[ResultRow], unscored: Sequence[ResultRow], older: int, selection: Selection) -> list[str]:
    lines = [
        f"{counted(len(rows), 'result')}{'' if selection.limit is None else f', at most {selection.limit} shown'}."
    ]
    shown = [row for row in rows if row.score is None]
    if shown:
        lines.append(f"{len(shown)} of them without a score: {_reasons(shown)}.")
    if unscored:
        lines.append(f"{len(unscored)} more have no score to compare: {_reasons(unscored)}.")
    if older:
        lines.append(f"Not shown: {counted(older, 'older run')} of the same neurons; --all shows them.")
    return lines


def _reasons(rows: Sequence[ResultRow]) -> str:
    found = Counter(one_line(row.reason or "no reason is known") for row in rows).most_common()
    told = [f"{n} x {shorten(reason, 80)}" for reason, n in found[:_N_REASONS]]
    return "; ".join([*told, *([f"{len(found) - _N_REASONS} other reasons"] if len(found) > _N_REASONS else [])])
