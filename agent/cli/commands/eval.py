"""`agent eval`: the commands that measure variants. The work is in `evals`."""

from __future__ import annotations

from agent.cli.option_types import whole
from agent.cli.options import CORPUS, Part, add_json, add_quiet, add_trust
from agent.cli.parsing import Commands, Elsewhere, command, group


def add(commands: Commands) -> None:
    """Mount them."""
    from agent.cli.commands import eval_readers

    under = group(
        commands, "eval", "Measure which variant of the agent is better.",
        "agent eval run planted --variant token-lookup-30 --variant tournament --seeds 3",
    )  # fmt: skip

    run = command(
        under, "run", Elsewhere("evals.run", "run_command"),
        "Run variants of the agent on every neuron of a suite; the same command goes on after an interruption.",
        "agent eval run planted --variant token-lookup-30 --variant tournament --seeds 3 --budget 20",
    )  # fmt: skip
    run.add_argument("suite", metavar="SUITE", help="a name from `agent eval list`, or a .toml file")
    run.add_argument(
        "--variant", action="append", metavar="NAME_OR_FILE",
        help="a shipped variant or a .toml file; may be given several times (default: tournament)",
    )  # fmt: skip
    run.add_argument("--seeds", type=whole(1), default=1, metavar="N", help="seeds 0 to N-1 (default: 1)")
    run.add_argument("--budget", type=whole(1), metavar="N", help="of every run (default: the variants' own)")
    run.add_argument(
        "--halves",
        action="store_true",
        help="also explain each neuron from each half of the text, to measure stability",
    )
    run.add_argument("--out", metavar="DIR", help="the folder of results (default: evaluations/SUITE)")
    run.add_argument("--jobs", type=whole(1), metavar="N", help="processes (default: one per processor)")
    run.add_argument("--model", help="the subject model (default: the suite's)")
    add_trust(run)
    run.add_argument("--corpus", help=f"{CORPUS} (default: the suite's)")
    run.add_argument("--corpus-tokens", type=whole(1), metavar="N", help="read at most N tokens of the corpus")
    add_quiet(run)

    folders = Part()
    folders.add_argument(
        "folders", nargs="*", metavar="DIR", help="folders of results (default: the latest under evaluations)"
    )
    measured = Part()
    measured.add_argument(
        "--metric", default="score",
        help="score, recovery, gain, gain-lookup, development, probe-skill, optimism-gap, predictor, reader-gap, "
        "lookup, lookup-full, words or quoted (default: score)",
    )  # fmt: skip
    add_json(measured)
    command(
        under, "compare", Elsewhere("evals.compare", "compare_command"),
        "Compare variants: paired differences with intervals, p-values, and costs.",
        "agent eval compare evaluations/planted --metric recovery", [folders, measured],
    )  # fmt: skip
    report = command(
        under, "report", Elsewhere("evals.report.command", "report_command"),
        "Write a page with tables and plots.", "agent eval report evaluations/planted", [folders],
    )  # fmt: skip
    report.add_argument("--out", metavar="DIR", help="where the page goes (default: into the folder of results)")
    power = command(
        under, "power", Elsewhere("evals.power", "power_command"),
        "Estimate how often such a comparison would find a true difference, and a false one.",
        "agent eval power evaluations/mini-40 --difference 0.05 --neurons 40", [folders, measured],
    )  # fmt: skip
    power.add_argument(
        "--difference", type=float, default=0.05, metavar="D", help="true mean difference of scores (default: 0.05)"
    )
    power.add_argument("--repeats", type=whole(1), default=1000, metavar="N", help="simulated studies (default: 1000)")
    power.add_argument("--neurons", type=whole(2), metavar="N", help="in each (default: as many as were compared)")
    eval_readers.add(under)
    command(
        under, "list", Elsewhere("evals.run", "list_command"),
        "List the suites and variants that ship.", "agent eval list",
    )  # fmt: skip
