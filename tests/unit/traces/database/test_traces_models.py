"""Two models of one name are two models, wherever results stand beside each other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from review_samples import run_id_of
from traces_samples import sample_result, sample_run

from agent.batch.plan import Request, make_plan
from agent.batch.select import Criteria
from agent.cli import main
from agent.review.addresses import Address
from agent.review.comparison import others
from agent.review.filters import Filters as Listed
from agent.review.listing import read_listing
from agent.review.runs import look
from agent.setup.config import RunConfig
from agent.setup.resources import Resources
from tools.errors import BadInput
from tools.records.neuron import NeuronId
from tools.records.result import Result
from tools.subject.folder import fingerprint
from traces.database import schema
from traces.database.batches import add_batch
from traces.database.models import distinct, is_same, named, told_apart
from traces.database.results import ResultsDatabase
from traces.database.selection import Selection
from traces.events.kinds import Finished, RunStarted
from traces.events.runs import RunFolder
from traces.events.store import TraceWriter
from traces.text.console import QuietDisplay
from traces.text.show import list_runs

NAME = "checkpoint-1000"


def put_run(runs_dir: Path, number: int, model: str | None, name: str = NAME, config: Any = None) -> Result:
    """A finished run on L5N131 with its trace, its result and its row; `model` is the fingerprint."""
    plain = {**sample_result(), "run_id": run_id_of(number), "model": name, "model_fingerprint": model}
    result = Result.model_validate(plain)
    manifest = {"config": config or {}, "model": {"name": name, "fingerprint": model}}
    folder = RunFolder.create(runs_dir, result.run_id, manifest).neuron(name, NeuronId(5, 131))
    with TraceWriter(folder.events) as trace:
        for event in sample_run():
            if isinstance(event, RunStarted):
                update = {"run_id": result.run_id, "model": name, "model_fingerprint": model, "neuron": "L5N131"}
                event = event.model_copy(update=update)
            trace.emit(Finished(result=result.to_json()) if isinstance(event, Finished) else event)
    folder.write_result(result)
    ResultsDatabase(runs_dir).add_result(result)
    return result


def test_names_are_told_apart_only_where_they_must_be() -> None:
    two = [("a", "1" * 64), ("a", "2" * 64), ("b", "1" * 64), ("b", None), ("c", None)]
    assert told_apart(two) == dict(zip(two, ["a@111111", "a@222222", "b", "b", "c"], strict=True))
    assert [named(label) for label in ("a@111111", "b", "@b", "x@y@222222")] == [
        ("a", "111111"), ("b", ""), ("@b", ""), ("x@y", "222222"),
    ]  # fmt: skip
    assert distinct([*two, ("moved", "2" * 64), ("a", None)]) == ["a@111111", "a@222222", "c"]
    assert is_same(("a", "1"), ("moved", "1"))
    assert not is_same(("a", "1"), ("a", "2"))
    assert is_same(("a", None), ("a", "2"))


def test_the_latest_of_each_neuron_is_that_of_each_model(tmp_path: Path) -> None:
    for number, (model, name) in enumerate([("a" * 64, NAME), ("b" * 64, NAME), ("a" * 64, "moved"), (None, NAME)]):
        put_run(tmp_path, number, model, name)
    database = ResultsDatabase(tmp_path)
    latest = database.select(Selection(latest=True))
    assert sorted((row.run_id, row.model_fingerprint) for row in latest) == [
        (run_id_of(1), "b" * 64), (run_id_of(2), "a" * 64), (run_id_of(3), None),
    ]  # fmt: skip
    by_name = {label: len(database.select(Selection(model=label))) for label in (NAME, f"{NAME}@bbbbbb", "x@bbbbbb")}
    assert by_name == {NAME: 3, f"{NAME}@bbbbbb": 1, "x@bbbbbb": 0}
    with database.reading() as connection:
        assert connection is not None
        question, values = Selection(latest=True)._question()
        plan = [detail for *_, detail in connection.execute("EXPLAIN QUERY PLAN " + question, values)]
        assert any("later USING" in detail and "results_of_a_neuron" in detail for detail in plan), plan


def test_a_database_of_version_3_learns_which_model_a_result_is_of(tmp_path: Path) -> None:
    """From its sealed opening, else from the run's files; where both are silent, its name must do."""
    old = {k: v for k, v in sample_result().items() if k != "model_fingerprint"}
    connection = sqlite3.connect(tmp_path / "results.sqlite", isolation_level=None)
    for migration in schema.MIGRATIONS[:3]:
        migration(connection)
    columns = ("run_id", "model", "neuron", "verdict", "stop_reason", "variant", "seed", "corpus", "budget_used")
    for run_id in ("opened", "filed", "unknown"):
        values = [{**old, "run_id": run_id, "corpus": "c", "budget_used": 1}[name] for name in columns]
        marks = ", ".join("?" * len(values))
        connection.execute(
            f"INSERT INTO results ({', '.join(columns)}, seconds, trace) VALUES ({marks}, 1, '')", values
        )
    connection.execute("INSERT INTO sealed_openings VALUES ('f1', 'L5N131', 'c', 0, 1, 0, 'opened', 'then')")
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    folder = RunFolder.create(tmp_path, "filed", {"model": {"name": "mini", "fingerprint": "f2"}})
    folder.neuron("mini", NeuronId(5, 131)).write_result(Result.model_validate({**old, "run_id": "filed"}))
    database = ResultsDatabase(tmp_path)
    found = {row.run_id: row.model_fingerprint for row in database.select()}
    assert found == {"opened": "f1", "filed": "f2", "unknown": None}
    assert len(database.select(Selection(latest=True))) == 3
    database.rebuild_index()
    assert [row.model_fingerprint for row in database.select()] == ["f2"]


def test_lists_for_people_tell_two_of_one_name_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_run(tmp_path, 1, "a" * 64)
    put_run(tmp_path, 2, "b" * 64)
    for model in "ab":
        add_batch(ResultsDatabase(tmp_path), NAME, model * 64, {}, {}, [])
    where = ["--runs-dir", str(tmp_path)]
    assert main(["results", *where]) == 0
    assert main(["batch", "list", *where]) == 0
    said = capsys.readouterr().out + list_runs(tmp_path)
    assert said.count(f"{NAME}@aaaaaa") == said.count(f"{NAME}@bbbbbb") == 3
    assert main(["results", "--model", f"{NAME}@aaaaaa", *where]) == 0
    said = capsys.readouterr().out
    assert run_id_of(1) in said
    assert run_id_of(2) not in said
    assert main(["results", "export", str(tmp_path / "out"), "--format", "neuron-explainer", *where]) == 2
    assert f"choose with --model {NAME}@aaaaaa" in capsys.readouterr().err


def test_the_review_app_keeps_two_of_one_name_apart(tmp_path: Path) -> None:
    results = [put_run(tmp_path, number, model) for number, model in ((1, "a" * 64), (2, "b" * 64), (3, "a" * 64))]
    database = ResultsDatabase(tmp_path)
    listing = read_listing(database, Listed())
    assert [(line.row.run_id, line.model) for line in listing.lines] == [
        (run_id_of(3), f"{NAME}@aaaaaa"), (run_id_of(2), f"{NAME}@bbbbbb"),
    ]  # fmt: skip
    assert listing.models == [(f"{NAME}@aaaaaa", 1), (f"{NAME}@bbbbbb", 1)]
    assert listing.choices.models == (f"{NAME}@aaaaaa", f"{NAME}@bbbbbb")
    assert len(read_listing(database, Listed(model=f"{NAME}@bbbbbb")).lines) == 1
    seen = look(tmp_path, database, Address.of(run_id_of(1), NAME, "L5N131"))
    assert seen is not None
    beside = others(database, seen.identity, seen.neuron, seen.place)
    assert [other.place.run_id for other in beside] == [results[2].run_id]


def test_a_batch_by_score_is_of_the_model_itself_not_of_its_name(tmp_path: Path, save_gpt2: Callable[..., Any]) -> None:
    ours, theirs = tmp_path / "A" / NAME, tmp_path / "B" / NAME
    save_gpt2(ours, n_layer=6, n_embd=36)
    save_gpt2(theirs, n_layer=6, n_embd=36, initializer_range=0.1)
    runs = tmp_path / "runs"
    put_run(runs, 1, fingerprint(ours), config={"model": str(ours)})

    def planned(model: str) -> list[str]:
        config = RunConfig.checked(target="L0N0", model=model, index="none")
        plan = make_plan(Request(Criteria(below=0.9), config, True, runs), QuietDisplay(), Resources())
        return [entry.about["earlier"]["run_id"] for entry in plan.entries]

    assert planned("auto") == [run_id_of(1)]
    with pytest.raises(BadInput, match="another model of the name checkpoint-1000"):
        planned(str(theirs))
    put_run(runs, 2, fingerprint(theirs), config={"model": str(theirs)})
    assert (planned(str(ours)), planned(str(theirs))) == ([run_id_of(1)], [run_id_of(2)])
    with pytest.raises(
        BadInput, match=rf"{NAME}@\w{{6}} and {NAME}@\w{{6}}, and a batch has one: choose with --model /"
    ):
        planned("auto")
