"""`agent eval run` on puzzles: whoever a variant names reads them, blind, and what has no effect is refused."""

import json
import re
from pathlib import Path

import pytest
from scripted_llm import Script, scripted_llm

from agent.cli import main
from evals.folder import EvalFolder

PUZZLES = {
    "animals": {
        "explanation": "names of animals",
        "sentences": [["The", [" cat", 9], " ran"], ["No", " rain", " today"], ["A", [" dog", 9], " sat", " down"]],
        "false_explanations": ["words about the weather", "verbs of motion"],
    },
    "weather": {
        "explanation": "words about the weather",
        "sentences": [["The", [" rain", 8], " fell"], ["A", " cat", " ran"], ["Cold", [" rain", 8], " again"]],
        "false_explanations": ["names of animals", "verbs of motion"],
    },
}
MEANT = {"names of animals": ("cat", "dog"), "words about the weather": ("rain",), "verbs of motion": ("ran", "fell")}


def level(explanation, tokens):
    return 9 if tokens[-1].strip() in MEANT[explanation] else 0


@pytest.fixture(autouse=True)
def _suite(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(PUZZLES))
    (tmp_path / "mine.toml").write_text('[[puzzles]]\nfile = "p.json"\n')


def variant(**settings):
    url = settings.pop("url", None)
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    Path("v.toml").write_text("\n".join([*lines, *([f'[llm]\nurl = "{url}"'] if url else [])]) + "\n")
    return "v.toml"


def evaluated(*arguments):
    return main(["eval", "run", "mine.toml", "--out", "out", "--jobs", "1", "--quiet", *arguments])


def row(out, label):
    (found,) = re.findall(rf"^{label} +(.*?) *$", out, re.MULTILINE)
    return found


@pytest.mark.parametrize("excerpts_per_call", [1, 3])
def test_an_llm_reads_puzzles_and_its_requests_are_shown(excerpts_per_call, capsys) -> None:
    with scripted_llm(Script(level=level)) as server:
        given = variant(simulator="openai:M", url=server.url, excerpts_per_call=excerpts_per_call)
        assert evaluated("--variant", given) == 0
    out = capsys.readouterr().out
    n = 2 * 3 * (3 // excerpts_per_call)
    assert len(server.bodies) == n
    assert row(out, "LLM requests in all") == str(n)
    assert row(out, "read by") == "openai:M"
    assert row(out, "true explanation first") == "2 of 2 ranked"
    assert int(row(out, "LLM tokens a cell").replace(",", "")) > 0
    told = {cell.neuron: cell for cell in EvalFolder(Path("out")).cells()}
    assert [told["animals"].score.value, told["animals"].requests] == [1.0, n // 2]


def test_the_questions_do_not_tell_which_sentence_is_true(capsys) -> None:
    with scripted_llm(Script(level=level)) as server:
        assert evaluated("--variant", variant(simulator="openai:M", url=server.url)) == 0
    asked = [json.dumps(body["messages"]) for body in server.bodies]
    assert not any(re.search(r"\b(puzzle|false|true)\b", question, re.IGNORECASE) for question in asked)
    systems = {body["messages"][0]["content"] for body in server.bodies}
    assert len(systems) == 1
    assert "is marked from the token at which it can be known, not as a whole" in next(iter(systems))


def test_an_explainer_that_simulates_reads_puzzles(capsys) -> None:
    with scripted_llm(Script(level=level)) as server:
        assert evaluated("--variant", variant(explainer="openai:M", url=server.url)) == 0
    assert row(capsys.readouterr().out, "true explanation first") == "2 of 2 ranked"


def test_nothing_scored_is_a_plain_sentence_and_an_exit_code(capsys) -> None:
    with scripted_llm(Script(override=lambda _: "I would rather not.")) as server:
        assert evaluated("--variant", variant(simulator="openai:M", url=server.url)) == 1
    out, err = capsys.readouterr()
    assert "v: 2 of 2 puzzles could not be scored and count as Unscored, such as: no JSON in the reply" in out
    assert "none was ranked" in out
    assert row(out, "LLM requests in all") == "6"
    assert "no puzzle could be scored" in err


def test_free_words_that_the_lexical_reader_does_not_understand(capsys) -> None:
    words = PUZZLES["animals"] | {
        "explanation": "small furry beasts, as a child would say",
        "false_explanations": ["x"],
    }
    Path("p.json").write_text(json.dumps({"beasts": words}))
    assert evaluated() == 1
    out, err = capsys.readouterr()
    assert "tournament: 1 of 1 puzzles could not be scored" in out
    assert row(out, "LLM requests in all") == "0"
    assert "no puzzle could be scored" in err
    readable = PUZZLES["animals"] | {
        "explanation": 'Fires on "cat" and "dog".',
        "false_explanations": ['Fires on "ran".'],
    }
    Path("p.json").write_text(json.dumps({"beasts": words, "pets": readable}))
    assert main(["eval", "run", "mine.toml", "--out", "both", "--jobs", "1", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "tournament: 1 of 2 puzzles could not be scored" in out
    assert row(out, "read by") == "lexical"
    assert row(out, "true explanation first") == "1 of 1 ranked"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"patience": 3}, "sets patience, which has no effect in the suite mine: no agent runs on puzzles"),
        ({"simulated_excerpts": 9, "simulator": "openai:M"}, "sets simulated_excerpts, which has no effect"),
        ({"excerpts_per_call": 2}, "sets excerpts_per_call, which has no effect in the suite mine: no LLM reads"),
        ({"max_tokens": 2}, "sets max_tokens, which has no effect in the suite mine: no LLM reads the puzzles"),
        ({"url": "http://localhost:9/v1"}, "sets llm, which has no effect in the suite mine: no LLM reads the puzzles"),
        ({"explainer": "openai:M", "simulator": "rules"}, "sets explainer, which has no effect"),
        ({"explainer": "openai:M", "simulator": "openai:S"}, "sets explainer, which has no effect"),
    ],
)
def test_a_setting_without_effect_is_refused_by_name(settings, said, capsys) -> None:
    assert evaluated("--variant", variant(**settings)) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"the variant v {said}" in err
    assert not Path("out").exists()


def test_settings_of_an_llm_without_one_are_refused_where_agents_run(capsys) -> None:
    Path("mine.toml").write_text("[[planted]]\nneurons = 1\n")
    assert evaluated("--variant", variant(simulated_excerpts=9)) == 2
    assert "sets simulated_excerpts, which has no effect in the suite mine: no LLM simulates" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option",
    [
        ["--budget", "5"],
        ["--halves"],
        ["--seeds", "2"],
        ["--model", "mini"],
        ["--corpus", "p.json"],
        ["--corpus-tokens", "1000"],
        ["--trust-remote-code"],
    ],
)
def test_an_option_of_runs_is_refused_where_there_are_only_puzzles(option, capsys) -> None:
    assert evaluated(*option) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"{option[0]} has no effect in the suite mine: no agent runs on puzzles" in err
    assert not Path("out").exists()


def test_options_of_runs_are_taken_where_agents_run_beside_puzzles(capsys) -> None:
    with open("mine.toml", "a") as suite:
        suite.write("[[planted]]\nneurons = 1\n")
    assert evaluated("--model", "no-such-model", "--halves") == 2
    assert "no effect" not in capsys.readouterr().err


def test_no_key_is_said_before_anything_is_read(capsys) -> None:
    assert evaluated("--variant", variant(simulator="openai:M")) == 4
    assert "OPENAI_API_KEY is not set" in capsys.readouterr().err
