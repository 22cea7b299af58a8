"""How texts lie in a file: plain text, JSON lines, JSON, parquet, CSV; compressed or not."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePath
from typing import Any, BinaryIO, NamedTuple

from tools.errors import BadInput, StorageError, first_line
from tools.evidence.texts.repairs import PLAIN_TEXT, Repairs

MAX_REPLACED_SHARE = 0.05

JSON_LINES, JSON, PARQUET, CSV = "JSON lines", "JSON", "parquet", "CSV"
CSV_AS_TEXT = 'plain text of a CSV without a column "text"'
IN_PLACE = (PLAIN_TEXT, CSV_AS_TEXT, JSON_LINES)

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
SUFFIXES = {
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".json": JSON,
    ".parquet": PARQUET,
    ".csv": CSV,
    ".tsv": CSV,
}

_ROWS = 1000
_HEAD = 2**16
_MOST_FIELDS = 10
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_JSON_EXPECTED = (
    'a .json file must be an array of objects with a string "text" or of strings, one such object, or one a line'
)


class NotTexts(BadInput):
    """A file that holds something else than texts.

    Attributes:
        matter: what is the matter with it, in a word or two.
    """

    def __init__(self, message: str, matter: str) -> None:
        super().__init__(message)
        self.matter = matter


class Piece(NamedTuple):
    """One text of a file.

    Attributes:
        text: the text.
        number: of its line or row, counted from 1; 0 where the whole file is one text.
        start, size: where its line lies in the file, in bytes; 0 where it is no line.
    """

    text: str
    number: int = 0
    start: int = 0
    size: int = 0


class File(NamedTuple):
    """A file to read texts from, any number of times.

    Attributes:
        said: what messages call it.
        open: opens it at its beginning, decompressed.
        kind: its format as its name tells it; None where only its content tells.
        delimiter: what stands between the columns of a CSV.
    """

    said: str
    open: Callable[[], AbstractContextManager[BinaryIO]]
    kind: str | None
    delimiter: str = ","


def file_at(path: Path) -> File:
    """A file on disk, its format told by the end of its name, be it in capitals or not.

    Opening it may raise StorageError, and BadInput where it cannot be decompressed.
    """
    name = PurePath(path.name)
    compression = compression_of(path)
    suffix = (name.with_suffix("") if compression else name).suffix.lower()
    delimiter = "\t" if suffix == ".tsv" else ","
    return File(str(path), lambda: _opened(path, compression), SUFFIXES.get(suffix, PLAIN_TEXT), delimiter)


def compression_of(path: Path) -> str | None:
    """How a file is compressed, as its name tells it."""
    return COMPRESSIONS.get(path.suffix.lower())


def looks_like_file(spec: str) -> bool:
    """Whether a name ends as those of files with texts do."""
    return spec.lower().endswith((".txt", ".md", *SUFFIXES, *COMPRESSIONS))


def pieces_of(file: File, repairs: Repairs) -> tuple[str, Iterator[Piece]]:
    """The format that a file turns out to have, and its texts, blank ones left out.

    Raises:
        NotTexts: it is binary, mostly not UTF-8, or JSON of another form.
        BadInput: a line, row or column of it is not as it should be.
        StorageError: it cannot be read.
    """
    kind = file.kind
    if kind is None or kind == JSON:
        kind = _kind_of_json(file)
    elif kind == CSV and _text_column(file) is None:
        kind = CSV_AS_TEXT
    if kind == PARQUET:
        return kind, _table(file)
    return kind, {JSON_LINES: _lines, JSON: _records, CSV: _rows}.get(kind, _whole)(file, repairs)


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """A file opened for reading.

    Raises:
        StorageError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        if error.errno is None:  # what pyarrow says of a damaged file
            raise
        raise StorageError(f"cannot read {path} ({error.strerror}): check its permissions.") from error


def whole_text(file: File) -> tuple[str, int]:
    """A file's text, and how many characters were replaced because they are not UTF-8.

    Raises:
        NotTexts: it is binary or mostly not UTF-8.
    """
    with file.open() as stream:
        content = stream.read(_HEAD)
        if b"\0" not in content:  # or gigabytes of something else would be read first
            content += stream.read()
    if b"\0" in content:
        raise _binary(file.said, content, content.index(0))
    try:
        return content.decode("utf-8-sig"), 0
    except UnicodeDecodeError as error:
        text = content.decode("utf-8-sig", errors="replace")
        n_replaced = text.count("\ufffd") - content.count("\ufffd".encode())
        if n_replaced > MAX_REPLACED_SHARE * len(text):
            raise _not_utf8(file.said, error.start) from error
        return text, n_replaced


def decode_line(line: bytes, start: int) -> str:
    """A line that begins at byte `start` of a file, decoded as `whole_text` would."""
    return line.decode("utf-8" if start else "utf-8-sig", errors="replace")


def line_text(line: str, said: str, number: int) -> tuple[str, int]:
    """The text in a line of JSON lines, and how many halves of surrogate pairs were replaced in it.

    Raises:
        BadInput: it is no JSON object with a string "text".
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{said}, line {number:,}, is not JSON ({_fault(error)}): mend or remove that line.") from error
    text = record.get("text") if isinstance(record, dict) else None
    if not isinstance(text, str):
        raise BadInput(f'{said}, line {number:,}, {_without_text(record)}: give every line a string "text".')
    return _mended(text)


def parquet_texts(stream: BinaryIO) -> Iterator[str | None]:
    """The column "text" of a parquet file, row by row.

    Raises:
        KeyError: there is no such column of strings; its argument names the columns that there are.
        OSError, pyarrow.ArrowException: the file is damaged.
    """
    from pyarrow import parquet, types  # type: ignore[import-untyped, unused-ignore]

    with parquet.ParquetFile(stream) as table:
        columns = table.schema_arrow
        kind = columns.field("text").type if columns.names.count("text") == 1 else None
        kind = kind.value_type if kind is not None and types.is_dictionary(kind) else kind
        if kind is None or not (types.is_string(kind) or types.is_large_string(kind)):
            raise KeyError(", ".join(f"{json.dumps(field.name)} ({field.type})" for field in columns))
        for batch in table.iter_batches(_ROWS, columns=["text"]):
            yield from batch["text"].to_pylist()


@contextmanager
def _opened(path: Path, compression: str | None) -> Iterator[BinaryIO]:
    with reading(path) as file:
        if compression is None:
            yield file
            return
        import pyarrow

        try:
            with pyarrow.input_stream(file, compression=compression) as stream:
                yield io.BufferedReader(stream)
        except OSError as error:
            if error.errno is not None:
                raise
            raise BadInput(f"{path} is damaged, or not compressed by {compression} ({error}): make it anew.") from error


def _kind_of_json(file: File) -> str:
    """How the content of a file is to be taken that may be JSON, JSON lines or, if no name says JSON, plain text."""
    with file.open() as stream:
        first = next((line for line in (decode_line(line, 0) for line in stream) if line.strip()), "")
    try:
        if isinstance(json.loads(first), dict):
            if file.kind == JSON:
                _check_first(file, first)
            return JSON_LINES
    except (ValueError, RecursionError):
        pass
    if file.kind == JSON:
        return JSON
    if first.lstrip().startswith(("[", "{")):
        try:
            json.loads(whole_text(file)[0])
            return JSON
        except (ValueError, RecursionError):
            pass
    return PLAIN_TEXT


def _check_first(file: File, line: str) -> None:
    """Refuse JSON that was never meant as texts, which a folder may hold; a later line without a text is a mistake."""
    try:
        line_text(line, file.said, 1)
    except BadInput as error:
        raise NotTexts(str(error), 'JSON without "text"') from error


def _whole(file: File, repairs: Repairs) -> Iterator[Piece]:
    text, n_replaced = whole_text(file)
    repairs.n_replaced += n_replaced
    if text.strip():
        yield Piece(text)


def _lines(file: File, repairs: Repairs) -> Iterator[Piece]:
    # a pass of its own, so that nothing is taken from a file that turns out to be no text near its end
    repairs.n_replaced += _check_lines(file)
    start = 0
    with file.open() as stream:
        for number, line in enumerate(stream, start=1):
            content = decode_line(line, start)
            if content.strip():
                text, n_lone = line_text(content, file.said, number)
                repairs.n_replaced += n_lone
                if text.strip():
                    yield Piece(text, number, start, len(line))
            start += len(line)


def _records(file: File, repairs: Repairs) -> Iterator[Piece]:
    content, n_replaced = whole_text(file)
    if not content.strip():
        return
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _no_texts(file, f"it is not JSON ({_fault(error)})") from error
    if not isinstance(found, (dict, list)):
        raise _no_texts(file, "it is neither an array nor an object")
    pieces = []
    for number, record in enumerate(found, start=1) if isinstance(found, list) else [(0, found)]:
        text = record.get("text") if isinstance(record, dict) else record
        if not isinstance(text, str):
            raise _no_texts(file, f"{f'its item {number:,}' if number else 'it'} {_without_text(record)}")
        mended, n_lone = _mended(text)
        n_replaced += n_lone
        pieces.append(Piece(mended, number))
    repairs.n_replaced += n_replaced
    yield from (piece for piece in pieces if piece.text.strip())


def _table(file: File) -> Iterator[Piece]:
    from pyarrow import ArrowException

    try:
        with file.open() as stream:
            for number, text in enumerate(parquet_texts(stream), start=1):
                if text and text.strip():
                    yield Piece(text, number)
    except KeyError as error:
        raise BadInput(
            f'{file.said} has no column "text" of strings; its columns are {error.args[0]}: rename one to "text".'
        ) from error
    except (OSError, ArrowException, UnicodeDecodeError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise BadInput(f"{file.said} is damaged, or no parquet file ({first_line(error)}): make it anew.") from error


def _rows(file: File, repairs: Repairs) -> Iterator[Piece]:
    repairs.n_replaced += _check_lines(file)
    column = _text_column(file)
    assert column is not None
    with _csv(file) as reader:
        try:
            for number, row in enumerate(reader):
                if number and len(row) > column and row[column].strip():
                    yield Piece(row[column], number)
        except csv.Error as error:
            raise BadInput(
                f"{file.said} is not well-formed CSV up to line {reader.line_num:,} ({error}): mend it, or give it a "
                "name that ends in .txt to read it as plain text."
            ) from error


def _text_column(file: File) -> int | None:
    """The number of a CSV's column "text"; None where its header has none."""
    with _csv(file) as reader:
        try:
            header = [name.strip() for name in next(reader, [])]
        except csv.Error:
            return None
    return header.index("text") if "text" in header else None


@contextmanager
def _csv(file: File) -> Iterator[Any]:
    csv.field_size_limit(sys.maxsize)
    with file.open() as stream:
        decoded = io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline="")
        yield csv.reader(decoded, delimiter=file.delimiter, strict=True)


def _check_lines(file: File) -> int:
    """How many characters `whole_text` would replace, found line by line.

    Raises:
        NotTexts: as `whole_text` does.
    """
    start = n_characters = n_replaced = first_bad = 0
    with file.open() as stream:
        for line in stream:
            if b"\0" in line:
                raise _binary(file.said, line if not start else b"", start + line.index(0))
            text = decode_line(line, start)
            n_bad = text.count("\ufffd") - line.count("\ufffd".encode()) if "\ufffd" in text else 0
            if n_bad and not n_replaced:
                first_bad = start + len(text[: text.index("\ufffd")].encode())
            n_replaced += n_bad
            n_characters += len(text)
            start += len(line)
    if n_replaced > MAX_REPLACED_SHARE * n_characters:
        raise _not_utf8(file.said, first_bad)
    return n_replaced


def _binary(said: str, head: bytes, at: int) -> NotTexts:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return NotTexts(f"{said} is text in UTF-16: convert it, as by `iconv -f UTF-16 -t UTF-8`.", "not UTF-8")
    return NotTexts(f"{said} is a binary file (byte {at:,} is zero): give a text file in UTF-8.", "binary")


def _not_utf8(said: str, at: int) -> NotTexts:
    return NotTexts(f"{said} is not UTF-8 text from byte {at:,} on: convert it to UTF-8.", "not UTF-8")


def _no_texts(file: File, why: str) -> NotTexts:
    return NotTexts(f"{file.said} holds no texts, since {why}: {_JSON_EXPECTED}.", 'JSON without "text"')


def _without_text(record: object) -> str:
    """What there is instead of an object with a string "text"."""
    if isinstance(record, dict):
        return f'has no string "text"; {_fields(record)}'
    return 'is no JSON object with a string "text"'


def _fields(names: Iterable[str]) -> str:
    listed = [json.dumps(name) for name in names]
    more = ", ..." if len(listed) > _MOST_FIELDS else ""
    return f"its fields are {', '.join(listed[:_MOST_FIELDS])}{more}" if listed else "it has no fields"


def _fault(error: ValueError | RecursionError) -> str:
    # beside bad JSON: numbers of thousands of digits, deep nesting
    return getattr(error, "msg", None) or "it cannot be read"


def _mended(text: str) -> tuple[str, int]:
    # JSON can spell half of a surrogate pair, which no encoding of text can hold
    return _LONE_SURROGATE.subn("\ufffd", text)
