"""Options that several commands share, as parts of a parser, and how they become arguments of the Python API."""

from __future__ import annotations

import argparse
from typing import Any

from agent.cli.option_types import amount, seconds, whole

CORPUS = (
    "a file, a folder, - for standard input, or hf:owner/name; a file is .jsonl, .ndjson or .json of objects with a "
    '"text", .parquet, .csv or .tsv with a column "text", or plain text, also with .gz or .zst after it'
)
"""What `--corpus` takes."""


class Part(argparse.ArgumentParser):
    """Options for several commands, under a heading in the help of each; without a title, under its `options`."""

    def __init__(self, title: str | None = None) -> None:
        super().__init__(add_help=False, allow_abbrev=False)
        self._group = self.add_argument_group(title) if title else None

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        """As for any parser."""
        return self._group.add_argument(*args, **kwargs) if self._group else super().add_argument(*args, **kwargs)


def neuron_part() -> Part:
    """Which neuron, and of which model."""
    neuron = Part("neuron")
    neuron.add_argument(
        "target", metavar="TARGET",
        help="the neuron: L5N131, 5/131 or gpt2-xl/L5N131; L5N131- is its negative side, if neurons have one",
    )  # fmt: skip
    neuron.add_argument(
        "--model",
        default="auto",
        help="mini, gpt2, gpt2-medium, gpt2-large, gpt2-xl, smollm2, a Hugging Face id, a folder in Hugging Face's "
        "format, or auto (the default): gpt2 when it is on this machine, else mini",
    )
    add_trust(neuron)
    return neuron


def corpus_part() -> Part:
    """Which corpus, and which activation index of it."""
    corpus = Part("text")
    corpus.add_argument("--corpus", help=f"{CORPUS} (default: the model's own)")
    corpus.add_argument("--corpus-tokens", type=whole(1), metavar="N", help="read at most N tokens of the corpus")
    corpus.add_argument(
        "--index", metavar="DIR", default="auto",
        help="the activation index to take evidence from, none, or auto (the default): the one that `agent index "
        "build` made for this model and corpus, if it exists and --corpus-tokens is not given",
    )  # fmt: skip
    return corpus


def runs_part(default: str = "runs") -> Part:
    """Where runs are; a subcommand of a command with this option gives `argparse.SUPPRESS`."""
    runs = Part()
    runs.add_argument("--runs-dir", default=default, metavar="DIR", help="the folder of all runs (default: runs)")
    return runs


def endpoint_part(of: str = "") -> Part:
    """Which endpoint is asked, and the limits on all calls; `of` says of what, such as ` of a run`."""
    llm = Part("LLM")
    llm.add_argument(
        "--llm-url", metavar="URL",
        help="an OpenAI-compatible endpoint, such as http://localhost:11434/v1 (default: $OPENAI_BASE_URL, or OpenAI)",
    )  # fmt: skip
    llm.add_argument(
        "--max-tokens", type=whole(1), metavar="N",
        help=f"limit on the tokens of all LLM calls{of}, in and out (default: no limit)",
    )  # fmt: skip
    llm.add_argument(
        "--max-usd", type=amount, metavar="USD",
        help=f"limit on the US dollars for all LLM calls{of}, at known prices (default: no limit)",
    )  # fmt: skip
    llm.add_argument(
        "--llm-concurrency", type=whole(1), metavar="N",
        help="requests in flight per process, at most (default: 16)",
    )  # fmt: skip
    llm.add_argument("--llm-timeout", type=seconds, metavar="S", help="for one attempt (default: 120)")
    llm.add_argument(
        "--token-field", choices=("max_completion_tokens", "max_tokens"),
        help="the endpoint's name for the limit on reply tokens (default: detected)",
    )  # fmt: skip
    return llm


def llm_part() -> Part:
    """Which LLMs are asked, and within which limits."""
    llm = endpoint_part(" of a run")
    llm.add_argument(
        "--simulator", metavar="openai:MODEL",
        help="the LLM that simulates explanations in free text; better not the explainer, which knows what it meant "
        "(default: the explainer if that is an LLM)",
    )  # fmt: skip
    llm.add_argument(
        "--simulation", choices=("excerpt", "all-at-once", "token-by-token"),
        help="how an LLM simulates: whole excerpts, all at once with log probabilities, or token by token "
        "(default: excerpt)",
    )  # fmt: skip
    llm.add_argument(
        "--simulated-excerpts", type=whole(3), metavar="N",
        help="excerpts on which an explanation in free text is simulated for a score (default: 30)",
    )  # fmt: skip
    llm.add_argument(
        "--excerpts-per-call",
        type=whole(1),
        metavar="N",
        help="excerpts simulated in one LLM call (default: 15)",
    )
    return llm


def settings_part() -> Part:
    """How to explain a neuron: `agent.setup.settings.configured` takes these."""
    how = Part("explanation")
    how.add_argument(
        "--explainer", metavar="NAME",
        help="who writes hypotheses: rules (needs no LLM) or openai:MODEL (default: the variant's, rules)",
    )  # fmt: skip
    how.add_argument(
        "--budget", type=whole(1), metavar="N",
        help="units of work; one is a tool call of at most 64 texts or 4,096 tokens (default: the variant's, 20)",
    )  # fmt: skip
    how.add_argument(
        "--max-seconds",
        type=seconds,
        metavar="S",
        help="time for tool calls (default: the variant's, none)",
    )
    add_seed(how)
    how.add_argument(
        "--rival", action="append", default=[], metavar="SENTENCE",
        help="your own explanation, which competes; may be given several times",
    )  # fmt: skip
    how.add_argument(
        "--variant", default="tournament", metavar="NAME_OR_FILE",
        help="the agent's variant: a name from `agent eval list`, or a .toml file (default: tournament)",
    )  # fmt: skip
    how.add_argument(
        "--planted", action="append", default=[], metavar="MODULE:FUNCTION",
        help="a function of token strings, explained as L0N0, the second one given as L0N1, and so on",
    )  # fmt: skip
    add_concepts(how)
    return how


def engine_part() -> Part:
    """Which processes share the work: `tools.engine.open.open_engine` takes these."""
    engine = Part("processes")
    engine.add_argument(
        "--engine", choices=("local", "ray"), default="local",
        help="processes on this machine, or the actors of a Ray cluster (default: local)",
    )  # fmt: skip
    engine.add_argument(
        "--workers", type=whole(1), metavar="N",
        help="how many at once, each with its own subject model (default: one per processor of this machine or "
        "of the cluster, or per GPU when GPUs do the work)",
    )  # fmt: skip
    engine.add_argument(
        "--ray-address", metavar="ADDRESS",
        help="a running Ray cluster: auto for the one this machine has joined, or HOST:PORT (default: one is "
        "started on this machine for this command)",
    )  # fmt: skip
    return engine


def output_part() -> Part:
    """What is printed."""
    output = Part()
    add_json(output)
    add_quiet(output)
    return output


def model_part() -> Part:
    """Which model, where no neuron is named."""
    model = Part("model")
    model.add_argument("--model", default="auto", help="a name or a folder, as for `agent explain` (default: auto)")
    add_trust(model)
    return model


def add_trust(parser: argparse._ActionsContainer) -> None:
    """Add the option that lets a model bring code of its own."""
    parser.add_argument(
        "--trust-remote-code", action="store_true",
        help="let Python code that the model's folder brings run, with your rights (default: never)",
    )  # fmt: skip


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where random choices begin."""
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="for all random choices (default: 0)")


def add_concepts(parser: argparse._ActionsContainer) -> None:
    """Add the option that brings word classes of a user's own."""
    parser.add_argument(
        "--concepts", metavar="FILE.toml", help="your own word classes, in addition to the built-in ones"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option that prints JSON."""
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Add the option that shows no progress."""
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def reading_arguments(arguments: argparse.Namespace) -> dict[str, Any]:
    """Keyword arguments of `agent.api` that say which model and which text, from `neuron_part` and `corpus_part`."""
    return {
        "model": arguments.model,
        "trust_remote_code": arguments.trust_remote_code,
        "corpus": arguments.corpus,
        "corpus_tokens": arguments.corpus_tokens,
        "index": arguments.index,
    }


def llm_arguments(arguments: argparse.Namespace) -> dict[str, Any]:
    """Keyword arguments of `agent.api.explain` and `score_sentence`."""
    return {
        "simulator": arguments.simulator,
        "max_tokens": arguments.max_tokens,
        "max_usd": arguments.max_usd,
        "llm": {
            "url": arguments.llm_url,
            "concurrency": arguments.llm_concurrency,
            "timeout_s": arguments.llm_timeout,
            "token_field": arguments.token_field,
            "simulation": arguments.simulation,
            "simulated_excerpts": arguments.simulated_excerpts,
            "excerpts_per_call": arguments.excerpts_per_call,
        },
    }
