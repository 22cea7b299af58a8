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

    model = Part("model")
    model.add_argument("--model", help="the subject model (default: the suite's)")
    add_trust(model)
    text = Part("text")
    text.add_argument("--corpus", help=f"{CORPUS} (default: the suite's)")
    text.add_argument("--corpus-tokens", type=whole(1), metavar="N", help="read at most N tokens of the corpus")
    run = command(
        under, "run", Elsewhere("evals.run", "run_command"),
        "Run variants of the agent on every neuron of a suite. The same command goes on after an interruption.",
        "agent eval run planted --variant token-lookup-30 --variant tournament --seeds 3 --budget 20", [model, text],
    )  # fmt: skip
    run.add_argument("suite", metavar="SUITE", help="a name from `agent eval list`, or a .toml file")
    add_quiet(run)
    study = run.add_argument_group("comparison")
    study.add_argument(
        "--variant", action="append", metavar="NAME_OR_FILE",
        help="a shipped variant or a .toml file; may be given several times (default: tournament)",
    )  # fmt: skip
    study.add_argument("--seeds", type=whole(1), default=1, metavar="N", help="seeds 0 to N-1 (default: 1)")
    study.add_argument(
        "--budget", type=whole(1), metavar="N",
        help="units of work for every run; one is a tool call of at most 64 texts or 4,096 tokens (default: the "
        "variants' own)",
    )  # fmt: skip
    study.add_argument(
        "--halves",
        action="store_true",
        help="also explain each neuron from each half of the text, to measure stability",
    )
    work = run.add_argument_group("results and processes")
    work.add_argument("--out", metavar="DIR", help="the folder of results (default: evaluations/SUITE)")
    work.add_argument("--jobs", type=whole(1), metavar="N", help="processes (default: one per processor)")

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
        "Compare variants: paired differences, p-values, and costs. Each difference has its 95 % interval.",
        "agent eval compare evaluations/planted --metric recovery", [folders, measured],
    )  # fmt: skip
    report = command(
        under, "report", Elsewhere("evals.report.command", "report_command"),
        "Write a page with tables and plots of what was measured.", "agent eval report evaluations/planted", [folders],
    )  # fmt: skip
    report.add_argument("--out", metavar="DIR", help="where the page goes (default: into the folder of results)")
    power = command(
        under, "power", Elsewhere("evals.power", "power_command"),
        "Estimate how often a comparison finds a true difference. It also says how often one is "
        "found where there is none.",
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
