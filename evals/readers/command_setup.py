"""What the commands of `agent eval readers` share: reopened neurons, LLMs, and messages about packets."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from agent.cli.output import say
from agent.setup.resources import Resources
from evals.readers.runs import FinishedRun, study_of
from evals.readers.sentences import Sentence, read_sentences, sentences_on
from tools.errors import BadInput
from tools.llm.endpoint import Endpoint
from tools.llm.meter import Account, Metered
from tools.llm.prices import price_within
from tools.llm.settings import LLMSettings, parse_spec
from tools.study.study import Study
from traces.text.console import Display
from traces.text.formatting import visible


def studies(
    runs: Sequence[FinishedRun], arguments: argparse.Namespace, display: Display
) -> Iterator[tuple[FinishedRun, Study, np.random.Generator, list[Sentence]]]:
    """Each reopened neuron, a generator that depends only on it and the seed, and its explanations."""
    files, resources = read_sentences(arguments.sentences), Resources()
    for run in runs:
        study = study_of(run, resources, display)
        neuron = study.evidence.neuron
        rng = np.random.default_rng([arguments.seed, neuron.layer, neuron.index, int(neuron.is_negative)])
        yield run, study, rng, sentences_on(run, study if "list" in arguments.also else None, files)


def endpoint_of(spec: str, arguments: argparse.Namespace, display: Display) -> Metered | None:
    """The LLM that `openai:MODEL` names, ready to use; None if `spec` names none.

    Args:
        spec: what was typed.
        arguments: `llm_url`, `llm_concurrency`, `llm_timeout`, `token_field`, `max_tokens`, `max_usd`; None for the
            default.
        display: shows progress.

    Raises:
        BadInput: a setting cannot be used, or a limit on money cannot be kept because the price is unknown.
        LLMNotAvailable: there is no key where one is needed.
    """
    model = parse_spec(spec)
    if model is None:
        return None
    given = {
        "url": arguments.llm_url, "concurrency": arguments.llm_concurrency, "timeout_s": arguments.llm_timeout,
        "token_field": arguments.token_field,
    }  # fmt: skip
    endpoint = Endpoint.open(model, LLMSettings(**{name: value for name, value in given.items() if value is not None}))
    endpoint.progress = display
    price = price_within(endpoint.where.url, model, arguments.max_usd)
    # All of it may be spent here: there is no confirmation to reserve a part for.
    return Metered(endpoint, price, Account(arguments.max_tokens, arguments.max_usd, share=1.0))


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
    """Print where packets are, what to do with them, and which command comes `then`."""
    what = visible(str(out))
    lines = [
        f"{n_neurons} neurons, {len(kinds)} kinds of sentences ({', '.join(kinds)}), {len(packets)} packets in {what}.",
        f"Give each packet-NN.txt to a different reader and nothing else, least of all key.json; put their answers "
        f"beside it as answers-NN.json, or let an LLM answer: agent eval readers ask {what} --reader openai:MODEL",
        f"Then: agent eval readers {then} {what}",
    ]
    lines += [f"Left out: {n} ({reason})." for reason, n in left_out.items()]
    say("\n".join(lines))
