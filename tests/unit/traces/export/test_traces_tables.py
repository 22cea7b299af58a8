"""Results as CSV and Parquet: the same columns, the same values, and nothing that a spreadsheet would run."""

import csv
import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces_samples import sample_result

from tools.errors import StorageError
from tools.records.result import Result
from traces.database.rows import COLUMNS, ResultRow, kind_of
from traces.export.tables import safe_cell, write_csv, write_parquet

HOSTILE = [
    "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1:A9)", "\t=1", "\r=1", "\n=1", "  =1", "\u00a0=1", "＝1", "|x", "%x",
    "'=1", "'quoted'", 'a","=1', "a;=1", "\u202e=1", "plain", "", "naïve 🧠\n\n\x00", "0012", "true", "None",
]  # fmt: skip


def sample_rows() -> list[ResultRow]:
    row = ResultRow.of(Result.model_validate(sample_result()))
    rows = [dataclasses.replace(row, run_id=str(n), explanation=text) for n, text in enumerate(HOSTILE)]
    none = {name: None for name in COLUMNS if "None" in str(ResultRow.__annotations__[name])}
    return [*rows, dataclasses.replace(row, gain_null=-0.25, sealed_reused=True), dataclasses.replace(row, **none)]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_no_cell_of_a_csv_begins_like_a_formula_and_each_can_be_undone(tmp_path: Path) -> None:
    rows = sample_rows()
    write_csv(rows, tmp_path / "r.csv")
    read = read_csv(tmp_path / "r.csv")
    assert list(read[0]) == list(COLUMNS)
    assert len(read) == len(rows)
    for row, cells in zip(rows, read, strict=True):
        for name, cell in cells.items():
            value = getattr(row, name)
            if kind_of(name) is str:
                assert not cell.lstrip().startswith(("=", "+", "-", "@"))
                assert not cell.startswith(("\t", "\r", "\n"))
                assert cell.removeprefix("'") == (value or "")
            elif value is None:
                assert cell == ""
            elif kind_of(name) is bool:
                assert cell == ("true" if value else "false")
            else:
                assert kind_of(name)(cell) == value


@given(st.text())
def test_any_text_is_had_back_from_its_cell(text: str) -> None:
    cell = safe_cell(text)
    assert cell.removeprefix("'") == text
    assert cell in (text, "'" + text)


def test_parquet_has_the_columns_with_their_types_and_the_text_as_it_is(tmp_path: Path) -> None:
    from pyarrow import parquet

    rows = sample_rows()
    write_parquet(rows, tmp_path / "r.parquet")
    table = parquet.read_table(tmp_path / "r.parquet")
    assert table.column_names == list(COLUMNS)
    kinds = {str: "string", int: "int64", float: "double", bool: "bool"}
    assert [str(field.type) for field in table.schema] == [kinds[kind_of(name)] for name in COLUMNS]
    assert [ResultRow(**row) for row in table.to_pylist()] == rows


def test_both_files_say_the_same(tmp_path: Path) -> None:
    import pandas

    rows = sample_rows()
    write_csv(rows, tmp_path / "r.csv")
    write_parquet(rows, tmp_path / "r.parquet")
    one = pandas.read_csv(tmp_path / "r.csv", dtype={name: str for name in COLUMNS if kind_of(name) is str})
    other = pandas.read_parquet(tmp_path / "r.parquet")
    for name in COLUMNS:
        if kind_of(name) in (int, float):
            assert one[name].astype(float).equals(other[name].astype(float)), name


def test_no_results_are_a_file_with_columns(tmp_path: Path) -> None:
    from pyarrow import parquet

    write_csv([], tmp_path / "r.csv")
    write_parquet([], tmp_path / "r.parquet")
    assert (tmp_path / "r.csv").read_text().strip().split(",") == list(COLUMNS)
    table = parquet.read_table(tmp_path / "r.parquet")
    assert (table.num_rows, table.column_names) == (0, list(COLUMNS))


def test_a_file_that_cannot_be_written_is_a_storage_error_and_leaves_the_old_one(tmp_path: Path) -> None:
    for write in (write_csv, write_parquet):
        with pytest.raises(StorageError, match=r"cannot write .*none/r: it does not exist"):
            write(sample_rows(), tmp_path / "none" / "r")
        (tmp_path / "old").write_text("old")
        (tmp_path / "folder").mkdir(exist_ok=True)
        with pytest.raises(StorageError, match=r"cannot write .*folder"):
            write(sample_rows(), tmp_path / "folder")
