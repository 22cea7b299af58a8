"""Results and reviews as one file for other programs: CSV, Parquet or JSON lines, with the same names everywhere."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.errors import BadInput
from traces.database.reviews import EXPORTED
from traces.database.rows import COLUMNS, ResultRow, kind_of
from traces.storage import replace_file

_STARTS_A_FORMULA = tuple("=+-@＝＋－＠|%")
_ARROW_KINDS = {str: "string", int: "int64", float: "float64", bool: "bool"}


def write_csv(rows: Sequence[ResultRow], path: Path) -> None:
    """CSV with a header and one line per result, in UTF-8; booleans are `true` and `false`, missing values empty.

    Explanations quote corpus text, and spreadsheets run what begins like a formula: see `safe_cell`.

    Raises:
        StorageError: it cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")  # otherwise a carriage return in a text would not be quoted
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    replace_file(path, text.getvalue().encode(), elsewhere="name another file")


def write_labels(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write reviews (`traces.database.reviews.labels`) as CSV or JSON lines, by the ending of the file's name.

    CSV cells are made safe for spreadsheets, see `safe_cell`.

    Raises:
        BadInput: the name has another ending.
        StorageError: it cannot be written.
    """
    match path.suffix.lower():
        case ".csv":
            text = io.StringIO(newline="")
            writer = csv.writer(text, lineterminator="\r\n")
            writer.writerow(EXPORTED)
            writer.writerows([_cell(row[name]) for name in EXPORTED] for row in rows)
            data = text.getvalue()
        case ".jsonl":
            data = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
        case _:
            raise BadInput(f"cannot tell a format from the name {path}: end it with .csv or .jsonl.")
    replace_file(path, data.encode(), elsewhere="name another file")


def safe_cell(text: str) -> str:
    """`text` with an apostrophe before it if a spreadsheet would run it, or if it begins with an apostrophe.

    To get the text back, remove the first apostrophe of a cell that begins with one.
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
    """One row per result: strings, 64-bit integers and floats, booleans; null for missing values. Text is unchanged.

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
