"""`agent eval readers`: the commands that measure what readers make of an explanation. See `evals.readers`."""

from __future__ import annotations

import argparse

from agent.cli.option_types import whole
from agent.cli.options import Part, add_json, add_quiet, add_seed, endpoint_part
from agent.cli.parsing import Commands, Elsewhere, command, group


def add(evaluations: Commands) -> None:
    """Mount them under `agent eval`."""
    under = group(
        evaluations, "readers", "Measure what readers can tell from an explanation alone.",
        "agent eval readers packet runs/* --out readers --also list",
    )  # fmt: skip
    runs, llm, answers, said, quiet = _runs_part(), endpoint_part(), _answers_part(), Part(), Part()
    add_json(said)
    add_quiet(quiet)

    packet = command(
        under, "packet", Elsewhere("evals.readers.commands", "packet"),
        "Write packets for readers who predict activations. A packet has explanations, and sealed excerpts on which "
        "to predict where the neuron fires.",
        "agent eval readers packet runs/* --out readers --also list --readers 6", [runs, quiet],
    )  # fmt: skip
    _add_out(packet)
    command(
        under, "score", Elsewhere("evals.readers.commands", "score"),
        "Score readers' answers beside the claimed scores.", "agent eval readers score readers", [answers, said],
    )  # fmt: skip
    asked = command(
        under, "ask", Elsewhere("evals.readers.commands", "ask_llm"),
        "Have an LLM answer packets that have no answer yet.",
        "agent eval readers ask readers --reader openai:gpt-4o-mini --max-usd 0.50", [answers, llm, said, quiet],
    )  # fmt: skip
    asked.add_argument("--reader", required=True, metavar="openai:MODEL", help="who reads")

    trigger = command(
        under, "trigger", Elsewhere("evals.readers.trigger_commands", "trigger"),
        "Measure whether texts made from explanations fire. The texts are made from the explanation alone; near misses "
        "of it should stay silent.",
        "agent eval readers trigger runs/* --maker lexical --also list\n"
        "  agent eval readers trigger runs/* --maker openai:gpt-4o-mini\n"
        "  agent eval readers trigger runs/* --maker texts.json",
        [runs, llm, said, quiet],
    )  # fmt: skip
    trigger.add_argument(
        "--maker", required=True, metavar="MAKER",
        help="who makes the texts: lexical (needs no LLM), openai:MODEL, or a .json file of texts that somebody "
        "wrote (see trigger-packet)",
    )  # fmt: skip
    trigger.add_argument("--texts", type=whole(1), default=10, metavar="N", help="of either sort (default: 10)")
    for_writers = command(
        under, "trigger-packet", Elsewhere("evals.readers.trigger_commands", "trigger_packet"),
        "Write a file for somebody who makes such texts. It holds the explanations and nothing else.",
        "agent eval readers trigger-packet runs/* --out texts.json", [runs, quiet],
    )  # fmt: skip
    for_writers.add_argument("--out", required=True, metavar="FILE", help="a new .json file")

    discriminate = command(
        under, "discriminate", Elsewhere("evals.readers.lineup_commands", "discriminate"),
        "Measure how often a reader picks the right neuron. It is one of ten that fire about as often.",
        "agent eval readers discriminate runs/* --also list", [runs, llm, said, quiet],
    )  # fmt: skip
    discriminate.add_argument(
        "--reader", default="embedded", metavar="NAME",
        help="embedded (reads explanations and lists, needs no LLM) or openai:MODEL (default: embedded)",
    )  # fmt: skip
    lineups = command(
        under, "discriminate-packet", Elsewhere("evals.readers.lineup_commands", "discriminate_packet"),
        "Write packets for readers who pick the neuron. Each has to tell the right one from nine others.",
        "agent eval readers discriminate-packet runs/* --out lineups", [runs, quiet],
    )  # fmt: skip
    _add_out(lineups)
    command(
        under, "discriminate-score", Elsewhere("evals.readers.lineup_commands", "discriminate_score"),
        "Score what these readers picked.", "agent eval readers discriminate-score lineups", [answers, said],
    )  # fmt: skip


def _runs_part() -> Part:
    runs = Part("explanations")
    runs.add_argument("runs", nargs="+", metavar="RUN", help="the folder of a finished run, or its id")
    runs.add_argument("--runs-dir", default="runs", metavar="DIR", help="where to look for ids (default: runs)")
    runs.add_argument(
        "--also", action="append", default=[], choices=("list",),
        help="in addition to the explanation, the list of the 30 tokens on which the neuron fires most",
    )  # fmt: skip
    runs.add_argument(
        "--sentences", action="append", default=[], metavar="FILE.json",
        help='more explanations, {"MODEL/NEURON": "explanation", ...}, named after the file; may be given '
        "several times",
    )  # fmt: skip
    add_seed(runs)
    return runs


def _answers_part() -> Part:
    answers = Part()
    answers.add_argument("folder", metavar="DIR", help="the folder of packets")
    return answers


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, metavar="DIR", help="a folder without packets")
    parser.add_argument(
        "--readers", type=whole(1), metavar="N",
        help="number of packets; no reader gets two explanations of one neuron (default: as many as "
        "there are explanations of a neuron)",
    )  # fmt: skip
