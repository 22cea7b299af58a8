import argparse
import errno
import io
import json
import os
import pickle
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from importlib import import_module

import pytest

from agent.cli import main, make_parser
from agent.cli.parsing import Elsewhere
from agent.setup.option_names import with_options
from tools import errors
from tools.errors import AgentError

HEAVY = ("torch", "transformers", "transformer_lens", "langgraph", "numpy", "pydantic", "structlog", "rich")


def every_command(parser, typed=()):
    """All commands and groups of commands, as words that are typed, with their parsers."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, made in action.choices.items():
                yield [*typed, name], made
                yield from every_command(made, (*typed, name))


COMMANDS = [words for words, _ in every_command(make_parser())]
GROUPS = [words for words in COMMANDS if any(more[:-1] == words for more in COMMANDS)]


def heavy_imports_of(code: str) -> list[str]:
    """Which heavy packages a new process has loaded after running `code`."""
    report = f"import sys; print('loaded', *(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize("arguments", [["--help"], ["explain", "--help"], ["trace", "show", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments):
    assert heavy_imports_of(f"from agent.cli import main\nassert main({arguments!r}) == 0") == []


def test_the_test_of_imports_can_fail():
    assert heavy_imports_of("import numpy, rich") == ["numpy", "rich"]


def test_help_is_there_at_once():
    def seconds() -> float:
        """Of the processor: how long it takes by the clock also says what else the machine does."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "agent.cli", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.3


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_every_help_ends_in_an_example_that_can_be_copied(command, capsys):

    assert main([*command, "--help"]) == 0
    out = capsys.readouterr().out
    example = out.rstrip().splitlines()[-1].strip()
    assert example.startswith(" ".join(["agent", *command]))
    assert make_parser().parse_args(shlex.split(example.split(" > ")[0])[1:]).run


@pytest.mark.parametrize("command", [[], *GROUPS], ids=" ".join)
def test_a_list_of_commands_has_a_line_for_each(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*command, "--help"]) == 0
    listed = capsys.readouterr().out.partition("\n  COMMAND\n")[2].partition("\n\n")[0].splitlines()
    names = {words[-1] for words, _ in every_command(make_parser()) if words[:-1] == command}
    assert [line.split()[0] for line in listed if line.split()[0] in names] == [line.split()[0] for line in listed]
    assert len(listed) == len(names)
    assert all(line.endswith(".") for line in listed)


def test_a_run_of_a_suite_has_its_options_in_groups(capsys):
    assert main(["eval", "run", "--help"]) == 0
    out = capsys.readouterr().out
    for heading in ("model", "text", "comparison", "results and processes"):
        assert f"\n\n{heading}:\n" in out
    assert out.partition("\n\noptions:\n")[2].partition("\n\n")[0].count("\n  --") == 1


def test_every_command_exists():
    found = {" ".join(words): made for words, made in every_command(make_parser())}
    assert {"explain", "resume", "trace show", "batch show", "eval readers score", "index build"} <= set(found)
    for made in found.values():
        run = made.get_default("run")
        if run is None:  # a group of commands
            assert made._subparsers is not None
            continue
        assert callable(run)
        for module in made.get_default("loads"):
            assert import_module(module)
        if isinstance(run, Elsewhere):
            assert callable(getattr(import_module(run.module), run.function))


def test_alone_it_prints_help(capsys):
    assert main([]) == 0
    alone = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert alone == capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh", "fish"])
def test_a_script_for_each_shell(shell, capsys):
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    assert "explain" in capsys.readouterr().out


def test_bash_completes_commands_and_options(tmp_path, capsys):
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "agent.bash"
    script.write_text(capsys.readouterr().out)

    def completed(*words):
        typed = " ".join(shlex.quote(word) for word in words)
        code = (
            f"source {script}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _shtab_agent; "
            'echo "${COMPREPLY[@]}"'
        )
        return subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert completed("agent", "ev") == ["eval"]
    assert completed("agent", "trace", "sh") == ["show"]
    assert completed("agent", "explain", "--bu") == ["--budget"]


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option, capsys):
    assert main([option]) == 0
    assert re.fullmatch(r"agent \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["trace"], "agent trace: the following arguments are required: COMMAND; see `agent trace --help`."),
        (["explain"], "agent explain: the following arguments are required: TARGET; see `agent explain --help`."),
        (
            ["explain", "L1N1", "--budget", "0"],
            "agent explain: --budget: must be a whole number of at least 1, not '0'; see `agent explain --help`.",
        ),
        (
            ["explain", "L1N1", "--budget", "-5"],
            "agent explain: --budget: must be a whole number of at least 1, not '-5'; see `agent explain --help`.",
        ),
        (
            ["explain", "L1N1", "--budget", "abc"],
            "agent explain: --budget: must be a whole number of at least 1, not 'abc'; see `agent explain --help`.",
        ),
        (
            ["explain", "L1N1", "--max-seconds", "nan"],
            "agent explain: --max-seconds: must be a number of seconds above 0, not 'nan'; see `agent explain --help`.",
        ),
        (
            ["explain", "L1N1", "--seed", "-1"],
            "agent explain: --seed: must be a whole number of at least 0, not '-1'; see `agent explain --help`.",
        ),
        (
            ["top", "L1N1", "-n", "0"],
            "agent top: -n: must be a whole number of at least 1, not '0'; see `agent top --help`.",
        ),
        (["explain", "L1N1", "--bud", "3"], "agent: unrecognized arguments: --bud 3; see `agent --help`."),
    ],
)
def test_usage_errors_are_one_sentence(arguments, sentence, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr() == ("", sentence + "\n")


def raising(error):
    def run(*args, **kwargs):
        raise error

    return run


ALL_ERRORS = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, AgentError)]


@pytest.mark.parametrize("error", ALL_ERRORS, ids=lambda e: e.__name__)
def test_each_error_has_its_exit_code_and_prints_one_sentence(error, monkeypatch, capsys):
    monkeypatch.setattr("traces.text.show.list_runs", raising(error("it broke: mend it.")))
    assert main(["trace", "list"]) == error.exit_code
    assert capsys.readouterr() == ("", "agent: it broke: mend it.\n")


def test_exit_codes_are_the_documented_ones():
    assert {e.__name__: e.exit_code for e in ALL_ERRORS} == {
        "AgentError": 1, "BadInput": 2, "NotAvailable": 3, "LLMNotAvailable": 4, "StorageError": 5, "Interrupted": 130,
    }  # fmt: skip


def test_the_unexpected_is_one_line_and_a_traceback_only_when_asked_for(monkeypatch, capsys):
    monkeypatch.setattr("traces.text.show.list_runs", raising(ZeroDivisionError("division\nby zero")))
    assert main(["trace", "list"]) == 1
    expected = "agent: unexpected ZeroDivisionError: division by zero (AGENT_DEBUG=1 shows the traceback).\n"
    assert capsys.readouterr() == ("", expected)
    monkeypatch.setenv("AGENT_DEBUG", "1")
    assert main(["trace", "list"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_before_anything_began(monkeypatch, capsys):
    monkeypatch.setattr("traces.text.show.list_runs", raising(KeyboardInterrupt()))
    assert main(["trace", "list"]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("agent: interrupted: ")


def test_how_to_go_on_is_said_behind_what_went_wrong(monkeypatch, capsys):
    broken = ZeroDivisionError("division by zero")
    broken.add_note("`agent resume x` goes on where it was.")
    monkeypatch.setattr("traces.text.show.list_runs", raising(broken))
    assert main(["trace", "list"]) == 1
    expected = "agent: unexpected ZeroDivisionError: division by zero (AGENT_DEBUG=1 shows the traceback). "
    assert capsys.readouterr().err == f"{expected}`agent resume x` goes on where it was.\n"


BEGUN = """
import sys
print("begun", flush=True)
try:
    from agent.cli import main
except KeyboardInterrupt:  # before the first line of ours
    sys.exit(130)
sys.exit(main())
"""


@pytest.mark.parametrize(
    "delay", [0.0, 0.02, 0.05, 0.1, 0.2, *(pytest.param(later, marks=pytest.mark.slow) for later in (0.35, 0.6, 1.0))]
)
@pytest.mark.parametrize("command", ["explain", "top"])
def test_ctrl_c_at_any_moment(command, delay, tmp_path):
    """From our first line on: while the interpreter itself starts, Ctrl-C is its own affair."""
    words = [sys.executable, "-c", BEGUN, command, "L5N131", "--model", "mini"]
    env = os.environ | {"NEURON_AGENT_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen(
        words, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "begun\n"
        time.sleep(delay)
        one.send_signal(signal.SIGINT)
        out, err = one.communicate(timeout=60)
    assert one.returncode == 130, err
    assert out == ""
    said = [line for line in err.splitlines() if not re.match(r"\d\d:\d\d:\d\d  ", line)]  # progress begins so
    assert len(said) <= 1, err
    assert all(line.startswith("agent: ") for line in said)


def test_ctrl_c_that_turns_into_another_error_is_ctrl_c_all_the_same(tmp_path):
    code = """
import os, signal, sys
import traces.text.show
def broken(*_):
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        raise ImportError("a module is half imported")
traces.text.show.list_runs = broken
from agent.cli import main, make_parser
sys.argv = ["agent", "trace", "list"]
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr.startswith("agent: interrupted: ")


def test_ctrl_c_in_text_that_is_executed_ends_with_the_documented_code(tmp_path):
    """As the making of a dataclass or a named tuple does."""
    code = """
import os, signal, sys
import traces.text.show
traces.text.show.list_runs = lambda *_: exec("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
from agent.cli import main, make_parser
sys.argv = ["agent", "trace", "list"]
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 130  # and not by a signal
    assert done.stderr.startswith("agent: interrupted: ")


def test_ctrl_c_that_the_shell_has_switched_off_stays_off(tmp_path):
    """As in the background of a script."""
    code = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from agent.cli import main, make_parser
sys.argv = ["agent", "trace", "list"]
main()
assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True)


def run_agent(arguments, **options):
    return subprocess.run([sys.executable, "-m", "agent.cli", *arguments], text=True, check=False, **options)


def test_a_reader_that_goes_away_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        done = run_agent(["trace", "list"], stdout=gone, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_under_stdout():
    with open("/dev/full", "w") as full:
        done = run_agent(["trace", "list"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 5
    assert done.stderr == "agent: cannot write to stdout: the disk is full; free some space.\n"


def test_closed_output_streams_are_no_error():
    # closed by the shell, as in `agent trace list >&- 2>&-`
    command = f"{sys.executable} -m agent.cli trace list >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0


def test_an_encoding_that_cannot_say_it():
    code = "from agent.cli.output import say, say_json; say('␣⏎ é'); say_json({'a': 'é␣'})"
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    first, rest = out.split("\n", 1)
    assert first.isascii()
    assert json.loads(rest) == {"a": "é␣"}


@pytest.mark.slow
@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
@pytest.mark.parametrize("encoding", ["ascii", "ascii:strict"])
def test_help_in_an_encoding_that_cannot_say_it(command, encoding, monkeypatch):
    out = io.BytesIO()
    name, _, errors = encoding.partition(":")
    stream = io.TextIOWrapper(out, encoding=name, errors=errors or "strict")
    monkeypatch.setattr("sys.stdout", stream)
    assert main([*command, "--help"]) == 0
    assert b"example" in out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
@pytest.mark.parametrize(
    "arguments", [["test", "--help"], ["explain", "L1N1", "--budget", "␣é"], ["trace", "show", "␣é"]]
)
def test_any_output_in_an_encoding_that_cannot_say_it(settings, arguments):
    env = os.environ | {"PYTHONCOERCECLOCALE": "0"} | settings
    done = run_agent(arguments, env=env, capture_output=True)
    assert done.returncode == (0 if "--help" in arguments else 2)
    assert "Traceback" not in done.stderr
    assert done.stdout.isascii()


@pytest.mark.parametrize("arguments", [["--help"], ["explain", "--help"], ["--version"], ["eval", "list"]])
@pytest.mark.slow
def test_help_for_a_reader_that_goes_away(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        done = run_agent(arguments, stdout=gone, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_help_on_a_full_disk():
    with open("/dev/full", "w") as full:
        done = run_agent(["--help"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 5
    assert done.stderr == "agent: cannot write to stdout: the disk is full; free some space.\n"


def test_json_is_readable_where_it_can_be(capsys):
    from agent.cli.output import say_json

    say_json({"a": "é␣"})
    assert capsys.readouterr().out == '{\n  "a": "é␣"\n}\n'


def test_what_libraries_print_does_not_reach_stdout(capsys):
    from agent.cli.output import progress

    with progress(quiet=True):
        print("Loaded pretrained model gpt2 into HookedTransformer")
    assert capsys.readouterr().out == ""


def test_log_levels(monkeypatch, capsys):
    import logging

    import structlog

    from traces.text.console import make_display

    for level, said in ((None, {"warning"}), ("info", {"info", "warning"}), ("error", set())):
        monkeypatch.setenv("AGENT_LOG", level or "")
        assert main(["trace", "list"]) == 0
        capsys.readouterr()
        structlog.get_logger("ours").info("ours info")
        structlog.get_logger("ours").warning("ours warning")
        logging.getLogger("theirs").info("theirs info")
        logging.getLogger("theirs").warning("theirs warning")
        err = capsys.readouterr().err
        assert {word for who in ("ours", "theirs") for word in ("info", "warning") if f"{who} {word}" in err} == said
        make_display().note("progress is not a log message")
        assert "progress is not a log message" in capsys.readouterr().err
    monkeypatch.setenv("AGENT_LOG", "loud")
    assert main(["trace", "list"]) == 2
    assert "AGENT_LOG cannot be 'loud': set it to debug, info, warning, error" in capsys.readouterr().err


def test_settings_for_libraries_are_made_before_they_are_imported_and_can_be_overruled():
    code = (
        "import os, sys; os.environ['TOKENIZERS_PARALLELISM'] = 'false'; os.environ.pop('OMP_WAIT_POLICY', None)\n"
        "from agent.cli import main; main(['--version'])\n"
        "assert 'torch' not in sys.modules\n"
        "print(os.environ['OMP_WAIT_POLICY'], os.environ['TOKENIZERS_PARALLELISM'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "passive false"


def test_a_disk_that_fills_while_printing_is_a_storage_error(monkeypatch):
    from agent.cli import output

    class Full:
        encoding = "utf-8"

        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self): ...
        def close(self): ...

    monkeypatch.setattr("sys.stdout", Full())
    with pytest.raises(errors.StorageError, match="the disk is full"):
        output.say("x")


def test_ctrl_c_while_the_interpreter_ends_changes_nothing(tmp_path):
    code = """
import atexit, os, signal, sys
class Last:
    kill, pid, number = os.kill, os.getpid(), signal.SIGINT
    def __del__(self):  # when modules are taken apart
        Last.kill(Last.pid, Last.number)
sys.last = Last()
from agent.cli import main, make_parser
sys.argv = ["agent", "trace", "list"]
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("message", "settings", "said"),
    [
        ("lower `corpus_tokens`, or wait", ["corpus_tokens"], "lower --corpus-tokens, or wait"),
        ("give `llm.url` or `explainer=rules`.", ["llm.url", "explainer"], "give --llm-url or --explainer rules."),
        ("add `runs_dir=/my runs`.", ["runs_dir"], "add --runs-dir /my runs."),
        ("Fires on `model`.", [], "Fires on `model`."),
        ("Fires on `model` needs `simulator=openai:MODEL`", ["simulator"],
         "Fires on `model` needs --simulator openai:MODEL"),
    ],
)  # fmt: skip
def test_a_setting_that_an_error_names_is_an_option(message, settings, said):
    error = errors.BadInput(message, settings=settings)
    assert (str(error), with_options(error)) == (message, said)
    assert with_options(pickle.loads(pickle.dumps(error))) == said  # as it comes from another process


def test_a_setting_that_the_error_behind_it_names_is_an_option_too():
    behind = errors.LLMNotAvailable("use `explainer=rules`.", settings=["explainer"])
    error = errors.LLMNotAvailable(f"{behind} It goes on.")
    error.__cause__ = behind
    assert with_options(error) == "use --explainer rules. It goes on."


def test_an_error_on_the_command_line_names_the_option(tmp_path, capsys):
    assert main(["trace", "show", "last", "--runs-dir", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("has no runs; choose another folder with --runs-dir.\n")
