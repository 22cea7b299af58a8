"""Who holds a lease: a process by a name that tells on its own machine whether the process is still there."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def this_process() -> str:
    """A name of this process, unlike that of any other on this or another machine; it says nothing of a user."""
    pid = os.getpid()
    return f"{_place()} {pid} {_started(pid)}"


def is_alive(owner: str | None) -> bool | None:
    """Whether the process of that name is still there; None where that cannot be told, as of another machine's."""
    if owner is None:
        return False
    place, _, process = owner.rpartition(" ")[0].rpartition(" ")
    started = owner.rpartition(" ")[2]
    if place != _place() or not process.isdigit():
        return None
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is there and somebody else's
        pass
    now = _started(int(process))
    return None if "-" in (started, now) else now == started  # else the number went to another one since


def _place() -> str:
    """The machine, and the space of process numbers on it: containers of one machine have their own."""
    with suppress(OSError):
        return f"{socket.gethostname()}/{os.readlink('/proc/self/ns/pid')}"
    return socket.gethostname()


def _started(pid: int) -> str:
    """When a process began, in ticks since the machine did; `-` where that cannot be told, `gone` for a dead one."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return "-"
    return "gone" if fields[0] == b"Z" else fields[19].decode()
