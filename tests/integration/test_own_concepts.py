"""`--concepts FILE.toml`: classes of one's own in a run, which says by which ones it was made."""

import hashlib
import json
from pathlib import Path

import pytest

import agent
from agent.cli import main
from agent.setup.config import RunConfig
from agent.setup.variants.load import load_variant
from tools.errors import BadInput

OWN = '[[concept]]\nname = "chess pieces"\nwords = "pawn rook knight"\n'


@pytest.fixture
def own() -> Path:
    Path("own.toml").write_text(OWN)
    return Path("own.toml")


def test_a_run_records_the_file_and_what_is_in_it(world, own, capsys):
    assert main(["explain", "L1N3", "--budget", "1", "--quiet", "--concepts", "own.toml", *world.options]) == 0
    (path,) = Path("runs").glob("*/run.json")
    manifest = json.loads(path.read_text())
    assert manifest["config"]["concepts"] == str(own.resolve())
    assert manifest["concepts"] == {
        "file": str(own.resolve()), "sha256": hashlib.sha256(OWN.encode()).hexdigest()
    }  # fmt: skip


def test_a_run_does_not_go_on_with_other_classes(world, own):
    agent.explain("L1N3", model=str(world.model), corpus=str(world.corpus), budget=1, concepts=own)
    (events,) = Path("runs").glob("*/neurons/*/events.jsonl")
    events.with_name("result.json").unlink()
    lines = events.read_bytes().splitlines(keepends=True)
    events.write_bytes(b"".join(lines[:-1]))
    own.write_text(OWN + 'about = "what stands on a board"\n')
    with pytest.raises(BadInput, match=r"own.toml has changed since the run .* began: start a new run"):
        agent.resume("last")
    own.write_text(OWN)
    assert agent.resume("last").budget.limit == 1


@pytest.mark.parametrize(
    "command", [["explain", "L1N3"], ["batch", "--layers", "1", "--sample", "2", "--dry-run"]], ids=lambda c: c[0]
)
@pytest.mark.parametrize(
    ("content", "message"),
    [("[[concept]", "own.toml is not TOML"), ("a = 1", "has no [[concept]] table"), (None, "own.toml cannot be read")],
)
def test_a_file_that_cannot_be_used_is_refused_before_anything_is_read(command, content, message, capsys):
    if content is not None:
        Path("own.toml").write_text(content)
    assert main([*command, "--model", "no-such-model", "--concepts", "own.toml"]) == 2
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_variant_may_bring_its_own(own):
    Path("mine.toml").write_text('about = "With chess."\nconcepts = "own.toml"\n')
    config = load_variant("mine.toml").config(target="L0N0")
    assert config.concepts == own.resolve()
    assert RunConfig.checked(**config.model_dump(mode="json")) == config
    assert RunConfig(target="L0N0").concepts is None
