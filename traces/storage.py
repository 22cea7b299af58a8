"""Files and folders: errors of the operating system as one sentence, and atomic writes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.errors import StorageError

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "the file is larger than is allowed here; raise the limit",
    errno.EROFS: "the disk is read-only; {elsewhere}",
    errno.EACCES: "permission is denied; {elsewhere}",
    errno.EPERM: "permission is denied; {elsewhere}",
    errno.ENOTDIR: "a part of the path is a file, not a folder; {elsewhere}",
    errno.EEXIST: "something else has that name already; {elsewhere}",
    errno.EISDIR: "it is a folder, not a file",
    errno.ENOENT: "it does not exist",
    errno.ENAMETOOLONG: "the name is too long; {elsewhere}",
}


ELSEWHERE = "choose another folder with `runs_dir`"
"""What to do where the folder of all runs cannot be used."""


def storage_error(error: OSError, doing: str, path: Path, elsewhere: str = ELSEWHERE) -> StorageError:
    """The sentence for an operating-system error.

    Args:
        error: what the system says.
        doing: a verb, as in "cannot {doing} {path}".
        path: of the file or folder.
        elsewhere: the advice if the path cannot be used.
    """
    known = _REASONS.get(error.errno or 0)
    reason = known.format(elsewhere=elsewhere) if known else error.strerror or str(error)
    return StorageError(f"cannot {doing} {path}: {reason}.", settings=("runs_dir",))


@contextmanager
def storage_errors(doing: str, path: Path, elsewhere: str = ELSEWHERE) -> Iterator[None]:
    """Turns every OSError inside into a StorageError about `path`; see `storage_error`."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, doing, path, elsewhere) from error


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`; an OSError says what stopped it."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def replace_file(path: Path, data: bytes, elsewhere: str = ELSEWHERE) -> None:
    """Replace the content of `path` atomically: a reader finds the old or the new, even after a crash.

    `elsewhere` is the advice if the path cannot be used.

    Raises:
        StorageError: it cannot be written.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    with storage_errors("write", path, elsewhere):
        try:
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            try:
                write_all(fd, data)
                os.fsync(fd)
            finally:
                os.close(fd)
            os.replace(new, path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
