import json
import re
import sqlite3
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from traces_samples import sample_result

from tools.errors import BadInput, StorageError
from tools.records.neuron import NeuronId
from tools.records.result import Result
from traces.database import results
from traces.database.results import Opening, ResultsDatabase
from traces.events.runs import RunFolder, new_run_id, run_ids, safe_name


def result_of(run_id: str, **changes: object) -> Result:
    return Result.model_validate({**sample_result(), "run_id": run_id, **changes})


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt2", "gpt2"),
        ("openai-community/gpt2", "openai-community--gpt2"),
        ("/home/someone/models/my model", "my-model"),
        ("../../etc", "etc"),
        ("..", "model"),
        ("нейрон", "model"),
        ("x" * 300, "x" * 80),
    ],
)
def test_a_models_name_is_safe_in_a_file_name(model: str, name: str) -> None:
    assert safe_name(model) == name


def test_a_manifest_holds_whatever_was_typed(tmp_path: Path) -> None:
    typed = {"config": {"corpus": "\udcff \\ ␣ \x00"}}
    assert RunFolder.create(tmp_path, "r1", typed).manifest() == typed


@pytest.mark.parametrize(
    ("last", "now"),
    [
        ("29990131T120102.345Z-mini-L0N1-ffffff", "29990131T120102.346Z-"),
        ("29990131T120102.999Z-mini-L0N1-ffffff", "29990131T120103.000Z-"),
        ("29990131T120102Z-mini-L0N1-ffffff", "29990131T120103.000Z-"),  # as ids once were
    ],
)
def test_run_ids_sort_as_they_were_given_whatever_the_clock_says(last: str, now: str) -> None:
    made = new_run_id("mini", "L0N2", ["20260131T120102.345Z-mini-L0N1-aaaaaa", last, "zzz", "results.sqlite"])
    assert made.startswith(now)
    assert made > last


@pytest.mark.parametrize("odd", ["99999999T999999Z-x", "99991231T235959.999Z-x", "words", ""])
def test_a_folder_that_only_looks_like_a_run_moves_no_clock(odd: str) -> None:
    assert new_run_id("mini", "L0N2", [odd]).startswith("20")


def test_run_ids_are_unique_and_readable() -> None:
    ids = {new_run_id("a/b", "L5N131") for _ in range(50)}
    assert len(ids) == 50
    assert all("Z-a--b-L5N131-" in run_id for run_id in ids)


def test_a_run_is_found_by_a_part_of_its_id_and_by_last(tmp_path: Path) -> None:
    for run_id in ("20260101T000000Z-mini-L0N1-aaaaaa", "20260102T000000Z-mini-L0N2-bbbbbb"):
        RunFolder.create(tmp_path, run_id, {"seed": 1})
    assert run_ids(tmp_path) == ["20260101T000000Z-mini-L0N1-aaaaaa", "20260102T000000Z-mini-L0N2-bbbbbb"]
    assert RunFolder.find(tmp_path, "last").run_id.endswith("bbbbbb")
    assert RunFolder.find(tmp_path, "aaaaaa").manifest() == {"seed": 1}
    path = RunFolder.find(tmp_path, "aaaaaa").path
    assert RunFolder.find(tmp_path, f"{path}/").path == path
    with pytest.raises(BadInput, match=f"add `runs_dir={re.escape(str(tmp_path))}`"):
        RunFolder.find(tmp_path / "others", str(path))
    assert RunFolder.find(tmp_path, "20260102").run_id.endswith("bbbbbb")
    with pytest.raises(BadInput, match=r"fits 2 runs in .*: write more of the id"):
        RunFolder.find(tmp_path, "2026")


@pytest.mark.parametrize("run_id", ["20260101T000000Z-mini-L0N1-aaaaab", "..", "", "../x", "/"])
def test_an_unknown_run_names_the_closest(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(BadInput, match=r"has no runs; choose another folder with `runs_dir`"):
        RunFolder.find(tmp_path / "none", run_id)
    RunFolder.create(tmp_path, "20260101T000000Z-mini-L0N1-aaaaaa", {})
    with pytest.raises(BadInput, match=r"the closest: 20260101T000000Z-mini-L0N1-aaaaaa\."):
        RunFolder.find(tmp_path, run_id)


def test_a_result_is_written_whole_and_read_back(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "r1", {}).neuron("a/b", NeuronId(5, 131))
    assert folder.path.name == "a--b.L5N131"
    assert folder.read_result() is None
    folder.write_result(result_of("r1"))
    assert folder.read_result() == result_of("r1")
    assert json.loads(folder.result.read_text()) == {
        **sample_result(),
        "run_id": "r1",
        "model_fingerprint": None,
    }
    assert sorted(path.name for path in folder.path.iterdir()) == ["result.json"]
    folder.result.write_text("{")
    with pytest.raises(StorageError, match=r"is damaged or from another version"):
        folder.read_result()


def test_places_where_no_run_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match=r"cannot create .*`runs_dir`"):
        RunFolder.create(tmp_path / "file", "r1", {})
    with pytest.raises(StorageError, match=r"cannot create /proc/runs/r1"):
        RunFolder.create("/proc/runs", "r1", {})
    with pytest.raises(StorageError, match=r"cannot read .*a part of the path is a file"):
        run_ids(tmp_path / "file")
    RunFolder.create(tmp_path, "r1", {})
    with pytest.raises(StorageError, match=r"has that name already"):
        RunFolder.create(tmp_path, "r1", {})


def test_a_damaged_manifest_is_a_storage_error(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "r1", {})
    for damage in ("{", "[]"):
        (run.path / "run.json").write_text(damage)
        with pytest.raises(StorageError, match=r"run.json is damaged"):
            run.manifest()


def test_a_result_on_a_full_disk_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder.create(tmp_path, "r1", {}).neuron("mini", NeuronId(0, 1))
    folder.write_result(result_of("r1"))
    full = open("/dev/full", "wb", buffering=0)  # noqa: SIM115
    with full, monkeypatch.context() as patch:
        import os

        write = os.write
        patch.setattr(os, "write", lambda fd, data: write(full.fileno(), data))
        with pytest.raises(StorageError, match=r"cannot write .*result.json: the disk is full"):
            folder.write_result(result_of("r2"))
    assert folder.read_result() == result_of("r1")
    assert sorted(path.name for path in folder.path.iterdir()) == ["result.json"]


def test_folds_are_fresh_while_there_are_any_then_reused(tmp_path: Path) -> None:
    database = ResultsDatabase(tmp_path)
    opened = [database.next_fold("m", "L0N1", "c", 2, f"run{i}") for i in range(5)]
    assert opened == [
        Opening(0, 1, False),
        Opening(1, 2, False),
        Opening(0, 3, True),
        Opening(1, 4, True),
        Opening(0, 5, True),
    ]
    assert database.next_fold("m", "L0N1", "c", 2, "run1") == Opening(1, 2, False)  # a resumed run
    assert database.next_fold("m", "L0N2", "c", 2, "run1") == Opening(0, 1, False)
    assert database.next_fold("m", "L0N1", "other", 2, "run1") == Opening(0, 1, False)
    assert database.next_fold("m2", "L0N1", "c", 2, "run1") == Opening(0, 1, False)


def test_the_explanation_before_an_opening_is_that_of_the_last_run_that_left_one(tmp_path: Path) -> None:
    database = ResultsDatabase(tmp_path)
    for run_id in ("r1", "given up", "r3"):
        database.next_fold("m", "L5N131", "c", 2, run_id)
    assert database.explanation_before("m", "L5N131", "c", 3) is None
    database.add_result(result_of("r1"))
    database.add_result(result_of("r3"))
    assert database.explanation_before("m", "L5N131", "c", 3) == ("r1", sample_result()["explanation"])
    assert database.explanation_before("m", "L5N131", "c", 1) is None
    assert database.explanation_before("m", "L5N131", "other", 3) is None


HALF_A_CHANGE = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE results SET explanation = ?", ("half" * 10_000,))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_half_a_change_by_a_killed_process_is_undone_by_whoever_only_reads(tmp_path: Path) -> None:
    database = ResultsDatabase(tmp_path)
    for i in range(20):
        database.add_result(result_of(f"r{i}"))
    before = database.select()
    subprocess.run([sys.executable, "-c", HALF_A_CHANGE, str(database.path)], check=False)
    assert (tmp_path / "results.sqlite-journal").exists()
    assert database.select() == before


def open_one(arguments: tuple[str, int]) -> tuple[int, int, bool]:
    opening = ResultsDatabase(arguments[0]).next_fold("m", "L0N1", "c", 6, f"run{arguments[1]}")
    return opening.fold, opening.number, opening.reused


@pytest.mark.slow
def test_processes_at_once_get_different_folds(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        opened = sorted(pool.map(open_one, [(str(tmp_path), i) for i in range(8)]), key=lambda o: o[1])
    assert [number for _, number, _ in opened] == list(range(1, 9))
    assert [fold for fold, _, _ in opened] == [0, 1, 2, 3, 4, 5, 0, 1]
    assert [reused for _, _, reused in opened] == [False] * 6 + [True] * 2


def rows(runs_dir: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(runs_dir / "results.sqlite")
    try:
        return connection.execute("SELECT run_id, neuron, score, reason FROM results ORDER BY run_id").fetchall()
    finally:
        connection.close()


def test_the_index_can_be_rebuilt_and_openings_survive(tmp_path: Path) -> None:
    database = ResultsDatabase(tmp_path)
    none = {"value": None, "reason": "dead"}
    for run_id, changes in (("r1", {}), ("r2", {"score": none}), ("r3", {})):
        RunFolder.create(tmp_path, run_id, {}).neuron("mini", NeuronId(5, 131)).write_result(
            result_of(run_id, **changes)
        )
    database.next_fold("m", "L5N131", "c", 3, "r1")
    database.add_result(result_of("r1"))
    database.add_result(result_of("r1"))
    database.add_result(result_of("gone"))
    assert len(rows(tmp_path)) == 2
    RunFolder.find(tmp_path, "r3").neurons()[0].result.write_text("damaged")
    (unreadable,) = database.rebuild_index()
    assert "/r3/" in str(unreadable)
    assert rows(tmp_path) == [("r1", "L5N131", 0.612, None), ("r2", "L5N131", None, "dead")]
    assert database.next_fold("m", "L5N131", "c", 3, "r2").number == 2


def test_a_database_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    path.write_text("this is no database, however long one looks at it" * 30)
    with pytest.raises(StorageError, match=r"cannot use the results database .*not a database"):
        ResultsDatabase(tmp_path).next_fold("m", "n", "c", 2, "r")
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError, match=r"cannot use the results database .*unable to open"):
        ResultsDatabase(tmp_path).add_result(result_of("r1"))
    with pytest.raises(StorageError, match=r"cannot create /proc/runs"):
        ResultsDatabase("/proc/runs").add_result(result_of("r1"))


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "results.sqlite")
    connection.execute(f"PRAGMA user_version = {results.SCHEMA_VERSION + 1}")
    connection.close()
    before = (tmp_path / "results.sqlite").read_bytes()
    with pytest.raises(StorageError, match=r"has format 6, but this program knows up to 5: upgrade"):
        ResultsDatabase(tmp_path).next_fold("m", "n", "c", 2, "r")
    assert (tmp_path / "results.sqlite").read_bytes() == before


def test_a_locked_database_is_a_clear_error(tmp_path: Path) -> None:
    ResultsDatabase(tmp_path).add_result(result_of("r1"))
    connection = sqlite3.connect(tmp_path / "results.sqlite", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match=r"database is locked"):
        ResultsDatabase(tmp_path, patience_s=0.05).add_result(result_of("r1"))
    connection.close()
