"""Prints a command's result on stdout, and shows its progress on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.errors import StorageError
from traces.storage import storage_error
from traces.text.formatting import printable

if TYPE_CHECKING:
    from traces.text.console import Display


def say(text: str) -> None:
    """Print `text` on stdout, in what its encoding can say.

    Raises:
        StorageError: it cannot be written, as on a full disk.
        BrokenPipeError: nobody reads it any more.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    with printing():
        print("\n".join(printable(line, encoding) for line in text.split("\n")), flush=True)


def say_json(value: Any) -> None:
    """Print one JSON document; characters beyond ASCII as they are where stdout can say them."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    say(text if printable(text, encoding) == text else json.dumps(value, allow_nan=False, indent=2))


def unwritable(error: OSError) -> StorageError:
    """The error for an unwritable stdout. Drops what is still buffered, since the flush at exit would fail again."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.close()
    return storage_error(error, "write to", Path("stdout"))


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """Turns errors of stdout inside the block into a StorageError; a closed pipe stays a BrokenPipeError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritable(error) from error


def width() -> int:
    """Characters per line of the terminal; 100 where there is none."""
    return shutil.get_terminal_size((100, 24)).columns


def has_colours() -> bool:
    """Whether stdout shows colours. See https://no-color.org."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextlib.contextmanager
def progress(*, quiet: bool, budget: int | None = None) -> Iterator[Display]:
    """A display on stderr; inside, what libraries print on stdout goes to stderr, since stdout is for the result."""
    from traces.text.console import make_display

    display = make_display(quiet=quiet, budget=budget)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield display
    finally:
        display.close()
