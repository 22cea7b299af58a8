"""Jobs for engines under test, importable by name in their workers. Those with a folder tell there what they do."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from tools.errors import BadInput

_N_CALLS = 0


class Unsendable(Exception):
    """One that pickle takes apart and cannot put together again."""

    def __init__(self, what: str, how: str) -> None:
        super().__init__(f"{what} {how}")


def double(n: int) -> int:
    if n < 0:
        raise BadInput("no")
    return 2 * n


def divide(n: int) -> float:
    return 1 / n


def leave(code: int) -> None:
    raise SystemExit(code)


def raise_unsendable() -> None:
    raise Unsendable("cannot", "travel")


def return_unsendable() -> Any:
    return lambda: None


def count_calls() -> tuple[int, int]:
    """(process, calls in it so far)."""
    global _N_CALLS
    _N_CALLS += 1
    time.sleep(0.1)
    return os.getpid(), _N_CALLS


def environment(*names: str) -> list[str | None]:
    return [os.environ.get(name) for name in names]


def first_environment(*names: str) -> list[str | None]:
    """As it was when this process began, before any module was imported."""
    lines = Path("/proc/self/environ").read_text().split("\0")
    return [dict(line.split("=", 1) for line in lines if "=" in line).get(name) for name in names]


def n_torch_threads() -> int:
    import torch

    return torch.get_num_threads()


def triple_in_place(values: Any) -> Any:
    values *= 3
    return values


def begun(folder: str, n: int) -> list[int]:
    """The processes in which job n was begun, in their order."""
    path = Path(folder) / str(n)
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def say(folder: str, n: int, seconds: float = 0.0) -> int:
    with (Path(folder) / str(n)).open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(seconds)
    return n * n


def say_and_wait_for_another(folder: str, n: int, other: int, tries: int) -> int:
    """Ends once `other` has been begun so often."""
    say(folder, n)
    deadline = time.monotonic() + 30
    while len(begun(folder, other)) < tries:
        if time.monotonic() > deadline:
            raise TimeoutError(f"job {other} was not begun {tries} times")
        time.sleep(0.02)
    return n * n


def say_and_wait_the_first_time(folder: str, n: int) -> int:
    """Waits to be killed."""
    return say(folder, n, 0 if begun(folder, n) else 60)


def say_and_die(folder: str, n: int) -> None:
    say(folder, n)
    os._exit(1)


def die_in_company(folder: str, n: int) -> bool:
    """Job 0 lives only where no other process is left that has done a job; the others are at work for a while."""
    mine, others = Path(folder) / f"{os.getpid()}.pid", Path(folder).glob("*.pid")
    if n:
        mine.touch()
        time.sleep(0.3)
        return True
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        if any(other != mine and Path(f"/proc/{other.stem}").exists() for other in others):
            os._exit(1)
        time.sleep(0.01)
        others = Path(folder).glob("*.pid")
    return True
