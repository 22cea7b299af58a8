import dataclasses
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from traces_samples import sample_result

from tools.errors import BadInput, StorageError
from tools.records.neuron import NeuronId
from tools.records.result import Result
from traces.database import schema
from traces.database.results import ResultsDatabase
from traces.database.rows import COLUMNS, ResultRow, kind_of
from traces.database.selection import Selection
from traces.events.runs import RunFolder

VERSION_1 = """
CREATE TABLE sealed_openings (model TEXT NOT NULL, neuron TEXT NOT NULL, corpus TEXT NOT NULL, fold INTEGER NOT NULL,
    opening INTEGER NOT NULL, reused INTEGER NOT NULL, run_id TEXT NOT NULL, opened_at TEXT NOT NULL,
    UNIQUE (model, neuron, corpus, run_id), UNIQUE (model, neuron, corpus, opening));
CREATE TABLE results (run_id TEXT NOT NULL, model TEXT NOT NULL, neuron TEXT NOT NULL, verdict TEXT NOT NULL,
    score REAL, low REAL, high REAL, reason TEXT, explanation TEXT, stop_reason TEXT NOT NULL, variant TEXT NOT NULL,
    seed INTEGER NOT NULL, corpus TEXT NOT NULL, budget_used INTEGER NOT NULL, seconds REAL NOT NULL,
    trace TEXT NOT NULL, PRIMARY KEY (run_id, model, neuron));
INSERT INTO sealed_openings VALUES ('m', 'L5N131', 'c', 0, 1, 0, 'kept', '2026-01-31T12:01:02+00:00');
INSERT INTO results VALUES ('kept', 'mini', 'L5N131', 'supported', 0.612, 0.55, 0.66, NULL, 'an explanation',
    'plateau', 'tournament', 7, 'c0ffee', 3, 7.5, 'somewhere');
INSERT INTO results VALUES ('gone', 'mini', 'L12N7', 'dead', NULL, NULL, NULL, 'it is dead', NULL,
    'plateau', 'tournament', 7, 'c0ffee', 3, 7.5, 'somewhere');
INSERT INTO results VALUES ('damaged', 'mini', 'other', 'noise', 0.1, 0.0, 0.2, NULL, 'words',
    'plateau', 'tournament', 7, 'c0ffee', 3, 7.5, 'somewhere');
PRAGMA user_version = 1;
"""


def result_of(run_id: str, **changes: object) -> Result:
    return Result.model_validate({**sample_result(), "run_id": run_id, **changes})


def score_of(value: float) -> dict[str, object]:
    return {**sample_result()["score"], "value": value}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder of runs whose database is of version 1."""
    connection = sqlite3.connect(tmp_path / "results.sqlite")
    connection.executescript(VERSION_1)
    connection.close()
    for run_id in ("kept", "damaged", "never indexed"):
        folder = RunFolder.create(tmp_path, run_id, {}).neuron("mini", NeuronId(5, 131))
        folder.write_result(result_of(run_id))
    folder = RunFolder.find(tmp_path, "damaged").neurons()[0]
    folder.result.write_text("{")
    return tmp_path


def test_a_database_of_version_1_keeps_its_openings_and_gets_what_the_files_say(old: Path) -> None:
    rows = {row.run_id: row for row in ResultsDatabase(old).select()}
    assert set(rows) == {"kept", "gone", "damaged"}
    kept, gone, damaged = rows["kept"], rows["gone"], rows["damaged"]
    assert kept == ResultRow.of(result_of("kept", model_fingerprint="m"))  # as the opening says
    assert (gone.model_fingerprint, damaged.model_fingerprint) == (None, None)
    assert (kept.layer, kept.idx, kept.n_excerpts, kept.protocol, kept.simulator) == (5, 131, 240, "strata", "rules")
    assert (kept.development_score, kept.development_low, kept.development_high) == (0.65, 0.6, 0.7)
    assert (kept.token_lookup_30, kept.token_lookup_30_low, kept.token_lookup_30_high) == (0.31, 0.25, 0.37)
    assert kept.null_score is None
    assert (gone.layer, gone.idx, gone.reason, gone.n_excerpts, gone.explainer) == (12, 7, "it is dead", None, None)
    assert (damaged.layer, damaged.explanation, damaged.tokens) == (None, "words", None)
    assert ResultsDatabase(old).next_fold("m", "L5N131", "c", 3, "another").number == 2


def open_one(arguments: tuple[str, int]) -> int:
    return ResultsDatabase(arguments[0]).next_fold("m", "L5N131", "c", 9, f"run{arguments[1]}").number


@pytest.mark.slow
def test_processes_that_find_an_old_database_at_once_migrate_it_once(old: Path) -> None:
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        assert sorted(pool.map(open_one, [(str(old), n) for n in range(6)])) == [2, 3, 4, 5, 6, 7]
    assert len(ResultsDatabase(old).select()) == 3


def test_a_migration_that_fails_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (old / "results.sqlite").read_bytes()

    def fails(connection: sqlite3.Connection) -> None:
        schema._to_2(connection)
        connection.execute("DELETE FROM sealed_openings")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(schema, "MIGRATIONS", (schema._to_1, fails))
    with pytest.raises(StorageError, match=r"cannot use the results database .*disk is full"):
        ResultsDatabase(old).check()
    assert (old / "results.sqlite").read_bytes() == before
    monkeypatch.undo()
    assert len(ResultsDatabase(old).select()) == 3


def tables(path: Path) -> dict[str, list[tuple[str, str]]]:
    connection = sqlite3.connect(path)
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: sorted((column, kind) for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({name})"))
            for name in names
        }
    finally:
        connection.close()


def test_an_old_database_ends_with_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    ResultsDatabase(old).check()
    ResultsDatabase(tmp_path / "new").check()
    assert tables(old / "results.sqlite") == tables(tmp_path / "new" / "results.sqlite")
    kinds = {str: "TEXT", int: "INTEGER", float: "REAL", bool: "INTEGER"}
    assert tables(old / "results.sqlite")["results"] == sorted((name, kinds[kind_of(name)]) for name in COLUMNS)


def test_a_newer_database_is_refused_by_readers_too(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "results.sqlite")
    connection.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(StorageError, match=r"results.sqlite has format 6, but this program knows up to 5: upgrade"):
        ResultsDatabase(tmp_path).select()


def test_a_row_holds_what_the_result_says_beyond_the_contract() -> None:
    interval = {"value": 0.1, "low": -0.1, "high": 0.2}
    result = result_of(
        "r",
        openai_top_random={**sample_result()["score"], "value": 0.8},
        gains={"token_lookup_30": interval, "null": {"value": None, "reason": "no null"}, "previous": interval},
        previous={"run_id": "p", "explanation": "before", "score": sample_result()["score"]},
        sealed_fold=2,
        sealed_opening=3,
        sealed_reused=False,
        cost={"tokens": 12, "usd": None},
    )
    row = ResultRow.of(result)
    assert (row.openai_score, row.openai_low, row.openai_high) == (0.8, 0.55, 0.66)
    assert (row.gain_token_lookup_30, row.gain_token_lookup_30_low, row.gain_null) == (0.1, -0.1, None)
    assert (row.previous_run_id, row.previous_explanation, row.previous_score) == ("p", "before", 0.612)
    assert (row.gain_previous, row.gain_previous_high) == (0.1, 0.2)
    assert (row.sealed_fold, row.sealed_opening, row.sealed_reused) == (2, 3, False)
    assert (row.tokens, row.usd) == (12, None)


def test_what_is_put_in_is_what_comes_out(tmp_path: Path) -> None:
    result = result_of("r", sealed_reused=True, explanation="'; DROP TABLE results; --\x00\u202e")
    ResultsDatabase(tmp_path).add_result(result)
    assert ResultsDatabase(tmp_path).select() == [ResultRow.of(result)]


@pytest.fixture
def database(tmp_path: Path) -> ResultsDatabase:
    database = ResultsDatabase(tmp_path)
    none = {"value": None, "reason": "it is dead"}
    for run_id, neuron, changes in (
        ("1", "L5N131", {"score": score_of(0.2)}),
        ("2", "L5N131", {"score": score_of(0.6)}),
        ("3", "L10N2", {"score": score_of(0.1), "verdict": "unresolved"}),
        ("4", "L9N3", {"score": none, "verdict": "dead"}),
        ("5", "L5N132", {"score": score_of(0.3), "model": "gpt2", "variant": "one-shot"}),
    ):
        database.add_result(result_of(run_id, neuron=neuron, **changes))
    return database


@pytest.mark.parametrize(
    ("selection", "runs"),
    [
        (Selection(), "12345"),
        (Selection(below=0.3), "13"),
        (Selection(above=0.3), "25"),
        (Selection(above=0.2, below=0.6), "15"),
        (Selection(below=0.3, latest=True), "3"),
        (Selection(layer=5), "125"),
        (Selection(layer=5, idx=132), "5"),
        (Selection(layer=5, latest=True), "25"),
        (Selection(model="gpt2"), "5"),
        (Selection(model="'; DROP TABLE results"), ""),
        (Selection(verdict="dead"), "4"),
        (Selection(variant="tournament", corpus="c0ffee", layer=10), "3"),
        (Selection(sort="score"), "31524"),
        (Selection(sort="-score"), "25134"),
        (Selection(sort="-score", limit=2), "25"),
        (Selection(sort="neuron", model="mini"), "1243"),
        (Selection(sort="-run"), "54321"),
        (Selection(limit=0), ""),
    ],
)
def test_results_are_chosen_and_put_in_order(database: ResultsDatabase, selection: Selection, runs: str) -> None:
    assert "".join(row.run_id for row in database.select(selection)) == runs


@pytest.mark.parametrize("sort", ["", "-", "nothing", "--score", "score; DROP TABLE results", "later"])
def test_what_is_no_column_cannot_be_sorted_by(database: ResultsDatabase, sort: str) -> None:
    with pytest.raises(BadInput, match="cannot sort by"):
        database.select(Selection(sort=sort))


def test_reading_makes_nothing_and_needs_no_permission_to_write(tmp_path: Path) -> None:
    assert ResultsDatabase(tmp_path / "none").select() == []
    assert list(tmp_path.iterdir()) == []
    database = ResultsDatabase(tmp_path)
    database.add_result(result_of("r"))
    (tmp_path / "results.sqlite").chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        assert len(database.select()) == 1
    finally:
        tmp_path.chmod(0o755)


def test_a_question_about_many_results_needs_no_scan_of_all(database: ResultsDatabase) -> None:
    with database.reading() as connection:
        assert connection is not None
        for selection in (Selection(below=0.3), Selection(layer=5)):
            question, values = selection._question()
            plan = connection.execute("EXPLAIN QUERY PLAN " + question, values).fetchall()
            assert any("USING INDEX" in detail for *_, detail in plan), plan


def test_5000_results_are_answered(tmp_path: Path) -> None:
    database = ResultsDatabase(tmp_path)
    sample = ResultRow.of(result_of("r"))
    with database.transaction() as connection:
        for n in range(5000):
            row = dataclasses.replace(
                sample, run_id=f"{n:05}", neuron=f"L{n % 12}N{n}", layer=n % 12, idx=n, score=n / 5000
            )
            marks = ", ".join("?" * len(COLUMNS))
            connection.execute(f"INSERT INTO results ({', '.join(COLUMNS)}) VALUES ({marks})", row.values())
    worst = database.select(Selection(below=0.3, layer=5, latest=True, sort="score", limit=10))
    assert [row.idx for row in worst] == [5 + 12 * k for k in range(10)]
    assert len(database.select(Selection(latest=True))) == 5000


def test_an_exception_inside_a_transaction_undoes_it(database: ResultsDatabase) -> None:
    def delete_and_fail() -> None:
        with database.transaction() as connection:
            connection.execute("DELETE FROM results")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        delete_and_fail()
    assert len(database.select()) == 5
