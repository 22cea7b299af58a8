"""What the README shows can be typed."""

import ast
import re
import shlex
from pathlib import Path
from typing import get_args

import pytest

from agent.cli import _parser
from tools.errors import AgentError
from tools.rules.clauses import Measure, Relation
from tools.rules.language import parse, render
from tools.rules.vocabulary import SPELLING, WORD_SPELLING

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = _BLOCK.findall(README)
COMMANDS = [
    line.split(" > ")[0]
    for language, block in [*BLOCKS, *_BLOCK.findall((ROOT / "evals" / "README.md").read_text(encoding="utf-8"))]
    if language == "sh"
    for line in block.splitlines()
    if re.match(r"(\.venv/bin/)?agent ", line)
]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_understood(line):
    words = shlex.split(line, comments=True)[1:]
    assert _parser().parse_args(words).run
    sentences = [word for word in words if word.startswith("Fires")]
    assert [render(parse(sentence)) for sentence in sentences] == sentences


def test_the_example_sentence_is_of_the_language():
    (sentence,) = re.findall(r"^> (Fires .*)$", README, re.MULTILINE)
    assert render(parse(sentence)) == sentence


def test_the_table_of_the_language_is_right_and_names_every_spelling_class():
    (table,) = re.findall(r"^\| to say \| write \|\n\|---\|---\|\n((?:\|.*\n)+)", README, re.MULTILINE)
    for row in table.splitlines():
        first = re.findall(r"``(.+?) ``|`([^`]+)`", row.split("|")[2])[0]
        sentence = f"Fires {first[0] or first[1]} (5)."
        assert render(parse(sentence)) == sentence
    for name in (*SPELLING, *WORD_SPELLING):
        assert f"`{name}`" in table or f"`on {name}`" in table
    for measure in get_args(Measure):
        assert f"`{measure}`" in table or f"at {measure} " in table
        parse(f"Fires at {measure} 2 or more (5).")
    for relation in get_args(Relation)[1:]:
        assert f"`{relation}`" in table
        parse(f"Fires {relation} `x` (5).")


def test_every_exit_code_is_listed():
    def codes(error: type[AgentError]) -> set[int]:
        return {error.exit_code}.union(*(codes(child) for child in error.__subclasses__()))

    assert {0, *codes(AgentError)} == {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}


def test_python_examples_use_what_there_is():
    import agent

    for language, block in BLOCKS:
        if language == "python":
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom):
                    assert node.module == "agent"
                    assert {alias.name for alias in node.names} <= set(agent.__all__)
