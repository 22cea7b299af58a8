"""Results as one file for other programs: CSV and Parquet, with the same columns under the same names."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from traces.rows import COLUMNS, ResultRow, kind_of
from traces.storage import replace_file

_STARTS_A_FORMULA = tuple("=+-@＝＋－＠|%")
_ARROW_KINDS = {str: "string", int: "int64", float: "float64", bool: "bool"}


def write_csv(rows: Sequence[ResultRow], path: Path) -> None:
    """One line per result, under a line of names; empty where there is nothing, `true` and `false`, UTF-8.

    Explanations quote whatever a corpus says, and spreadsheets run what begins like a formula: see `safe_cell`.

    Raises:
        StorageError: it cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")  # else a carriage return in a text would not be quoted
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    replace_file(path, text.getvalue().encode(), elsewhere="name another file")


def safe_cell(text: str) -> str:
    """`text` with an apostrophe before it where a spreadsheet would run it, or where it begins with an apostrophe.

    So whoever reads a cell that begins with an apostrophe gets the text by leaving that one out.
    """
    begins = text.startswith(("\t", "\r", "\n")) or text.lstrip().startswith(_STARTS_A_FORMULA)
    return f"'{text}" if begins or text.startswith("'") else text


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return safe_cell(value)
    if isinstance(value, bool):
        return str(value).lower()
    return value


def write_parquet(rows: Sequence[ResultRow], path: Path) -> None:
    """One row per result: strings, 64-bit integers and floats, booleans; null where there is nothing. Text as it is.

    Raises:
        StorageError: it cannot be written.
    """
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
    from pyarrow import parquet

    columns = zip(*(row.values() for row in rows), strict=True) if rows else [()] * len(COLUMNS)
    schema = pa.schema([(name, pa.type_for_alias(_ARROW_KINDS[kind_of(name)])) for name in COLUMNS])
    table = pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    replace_file(path, sink.getvalue().to_pybytes(), elsewhere="name another file")
