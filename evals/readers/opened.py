"""What the commands of `agent eval readers` share: neurons on the table again, LLMs, and what is said of packets."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from agent.cli.output import say
from agent.setup.resources import Resources
from evals.readers.endpoints import endpoint_of
from evals.readers.runs import FinishedRun, study_of
from evals.readers.sentences import Sentence, read_sentences, sentences_on
from tools.errors import BadInput
from tools.llm.meter import Metered
from tools.study.study import Study
from traces.text.console import Display
from traces.text.formatting import visible


def studies(
    runs: Sequence[FinishedRun], arguments: argparse.Namespace, display: Display
) -> Iterator[tuple[FinishedRun, Study, np.random.Generator, list[Sentence]]]:
    """Each neuron on the table, a generator that depends on it and the seed alone, and the sentences on it."""
    files, resources = read_sentences(arguments.sentences), Resources()
    for run in runs:
        study = study_of(run, resources, display)
        neuron = study.evidence.neuron
        rng = np.random.default_rng([arguments.seed, neuron.layer, neuron.index, int(neuron.is_negative)])
        yield run, study, rng, sentences_on(run, study if "list" in arguments.also else None, files)


def llm_of(spec: str, option: str, arguments: argparse.Namespace, display: Display) -> Metered:
    """The LLM that an option names.

    Raises:
        BadInput: it names none.
        LLMNotAvailable: there is no key where one is needed.
    """
    found = endpoint_of(spec, arguments, display)
    if found is None:
        other = ", lexical or a file of texts that ends in .json" if option == "--maker" else ""
        raise BadInput(f"{option} cannot be {spec!r}: write openai:MODEL{other}.")
    return found


def say_written(
    out: Path, n_neurons: int, kinds: Sequence[str], packets: Sequence[str], left_out: dict[str, int], then: str
) -> None:
    """Print where packets lie, what to do with them, and which command comes `then`."""
    what = visible(str(out))
    lines = [
        f"{n_neurons} neurons, {len(kinds)} kinds of sentences ({', '.join(kinds)}), {len(packets)} packets in {what}.",
        f"Give each packet-NN.txt to a reader of its own and nothing else, least of all key.json; put what they write "
        f"beside it as answers-NN.json, or have an LLM answer: agent eval readers ask {what} --reader openai:MODEL",
        f"Then: agent eval readers {then} {what}",
    ]
    lines += [f"Left out: {n} ({reason})." for reason, n in left_out.items()]
    say("\n".join(lines))
