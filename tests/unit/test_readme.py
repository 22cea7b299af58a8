"""What the README shows can be typed."""

import ast
import re
import shlex
from pathlib import Path
from typing import get_args

import pytest

from agent.cli import make_parser
from tools.concepts.concepts import Concepts
from tools.errors import AgentError, BadInput
from tools.readable import contract
from tools.readable.knowledge import SPECIAL
from tools.readable.language import Language
from tools.readable.rule import Relation as Place
from tools.readable.rule import Repeat
from tools.readable.structural_classes import STRUCTURAL_CLASSES
from tools.rules.clauses import Measure, Relation
from tools.rules.language import parse, render
from tools.rules.spelling import SPELLING, WORD_SPELLING

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


TABLES = re.findall(r"^\| to say \| write \|\n\|---\|---\|\n((?:\|.*\n)+)", README, re.MULTILINE)


@pytest.fixture(scope="module")
def language():
    return Language(Concepts.load(), (*SPECIAL, *STRUCTURAL_CLASSES))


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_understood(line, language):
    words = shlex.split(line, comments=True)[1:]
    assert make_parser().parse_args(words).run
    sentences = [word for word in words if word.startswith("Fires")]
    assert [language.render(language.parse(sentence)) for sentence in sentences] == sentences


def test_the_example_sentences_are_of_their_languages(language):
    readable, machine = re.findall(r"^> (Fires .*)$", README, re.MULTILINE)
    assert language.render(language.parse(readable)) == readable
    assert contract.why_not(readable) is None
    assert render(parse(machine)) == machine
    with pytest.raises(BadInput):
        language.parse(machine)


def test_the_table_of_sentences_is_right_and_names_every_place(language):
    table = TABLES[0]
    for row in table.splitlines():
        for told in re.findall(r"`((?:\w+ly )?on [^`]+)`", row.split("|")[2]):
            assert language.parse(f"Fires {told}.").items
    for place in get_args(Place):
        assert f"{place} " in table or f"`{place}`" in table
    for repeat in get_args(Repeat):
        assert f"when repeated {repeat}".rstrip() + "`" in table
    for name in (*SPECIAL, *STRUCTURAL_CLASSES):
        assert f"`on {name}`" in table
    for adverb in ("strongly", "moderately", "weakly", "faintly"):
        assert language.parse(f"Fires {adverb} on modals, and faintly on nouns.")
        assert f"`{adverb}" in table


def test_the_table_of_the_predictors_language_is_right_and_names_every_spelling_class():
    table = TABLES[1]
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
                    assert node.module in ("agent", "langgraph_sdk")
                    if node.module == "agent":
                        assert {alias.name for alias in node.names} <= set(agent.__all__)
