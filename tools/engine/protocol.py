"""What computes many jobs: processes on this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, Literal, Protocol, TypeVar

T = TypeVar("T")

EngineName = Literal["local", "ray"]


class Died(Exception):
    """The process that a job was in ended, and did so again each time the job was tried again."""


class Engine(Protocol):
    """Workers that keep their modules' state, such as a loaded model, from one job to the next.

    A worker that is lost costs its job's time and nothing else: the job is done again by another.
    """

    @property
    def name(self) -> EngineName:
        """How it is called on the command line."""

    @property
    def n_workers(self) -> int:
        """Jobs at the same time."""

    def run(
        self, function: Callable[..., T], jobs: Sequence[tuple[Any, ...]]
    ) -> Generator[tuple[int, T | Exception], None, None]:
        """Call `function` with the arguments of each job, and give (number of the job, outcome) as they end.

        An outcome is what was returned, what was raised, or `Died` after three tries. Workers start with the first
        outcome that is asked for and end with the last one; close the generator to end them early.

        Args:
            function: importable by name where the workers are. It gets all it needs in its arguments and returns all it
                found: workers may share no disk.
            jobs: arguments that can be pickled. One is read each time its turn has come, and not kept.
        """
