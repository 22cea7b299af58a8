"""Live progress on stderr. It only consumes events: a run works the same without it.

Three renderers behind one Protocol: a live block on a terminal, plain lines elsewhere, nothing where it is to be
quiet. None of them can make a run fail: a closed or broken stderr ends only the display.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TextIO

from tools.records.scores import Interval
from tools.sizes import size_text
from traces.events.kinds import Event
from traces.text.formatting import budget_text, one_line, printable, score_text
from traces.text.people import person_text
from traces.text.remaining_time import duration

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.progress import Progress as RichProgress

_PLAIN_PROGRESS_EVERY_S = 2.0
_PLAIN_STILL_EVERY_S = 30.0
"""Seconds between lines while nothing changes, as with a slow LLM."""

_LIVE_REDRAW_EVERY_S = 0.1
_TELLING_S = 1.0
"""Seconds after which a job's speed is used to estimate its remaining time."""

_N_SHOWN_BELIEFS = 5

_What = ParamSpec("_What")


class Display(Protocol):
    """Shows the progress of a run, and of a scan."""

    def event(self, event: Event) -> None:
        """Something happened. Give this method to `TraceWriter(listeners=[display.event])`."""

    def note(self, message: str) -> None:
        """Show a message of one line that does not belong in the trace."""

    def start(self, total: int | None, what: str, *, in_bytes: bool = False) -> None:
        """A long job begins. See `tools.evidence.progress.Progress`."""

    def advance(self, n: int) -> None:
        """`n` more steps are done."""

    def finish(self) -> None:
        """The long job has ended or was abandoned."""

    def close(self) -> None:
        """Restore the terminal; may be called twice."""


def make_display(*, quiet: bool = False, budget: int | None = None, stream: TextIO | None = None) -> Display:
    """The right renderer: none if `quiet`, live if the stream is a terminal, else plain lines.

    Args:
        quiet: show nothing.
        budget: units allowed, to show how many are left; None for no limit.
        stream: where to write; stderr unless given.
    """
    stream = stream or sys.stderr
    if quiet or stream is None:  # stderr may be None, as under pythonw
        return QuietDisplay()
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return LiveDisplay(stream, budget)
    return PlainDisplay(stream, budget)


class QuietDisplay:
    """Shows nothing."""

    def event(self, event: Event) -> None:
        """Shows nothing."""

    def note(self, message: str) -> None:
        """Shows nothing."""

    def start(self, total: int | None, what: str, *, in_bytes: bool = False) -> None:
        """Shows nothing."""

    def advance(self, n: int) -> None:
        """Shows nothing."""

    def finish(self) -> None:
        """Shows nothing."""

    def close(self) -> None:
        """Does nothing."""


class RunSoFar:
    """The state of a run for a display, kept up to date from its events."""

    def __init__(self, budget: int | None) -> None:
        self.budget = budget
        self.used = 0
        self.target = ""
        self.stage = ""
        self.round = 0
        self.sentences: dict[str, str] = {}
        self.best: tuple[Interval, str] | None = None

    def see(self, event: Event) -> None:
        """Take in one event."""
        if event.type == "run_started":
            self.target = f"{event.model}/{event.neuron}"
            if self.budget is None:
                self.budget = event.settings.budget
        elif event.type == "stage":
            self.stage, self.round = event.stage, event.round
        elif event.type == "tool_call":
            self.used = event.budget_used
        elif event.type == "hypothesis_proposed":
            self.sentences[event.hypothesis] = event.sentence
        elif event.type == "scored" and event.split == "development" and event.hypothesis in self.sentences:
            score = event.measured
            if isinstance(score, Interval) and (self.best is None or score.value > self.best[0].value):
                self.best = score, event.hypothesis
        elif event.type == "person_acted" and event.units is not None and self.budget is not None:
            self.budget += event.units
        elif event.type == "decided" and event.action == "drop" and self.best and self.best[1] == event.hypothesis:
            self.best = None


class _Job:
    """A long job: how far it is, and how long it will still take."""

    def __init__(self, total: int | None, what: str, in_bytes: bool) -> None:
        self.what, self.total, self.done = what, total, 0
        self._began = time.monotonic()
        self._count: Callable[[int], str] = size_text if in_bytes else "{:,}".format

    def so_far(self) -> str:
        """Such as `1,300 of 2,123, about 12 s left`."""
        if self.total is None:
            return f"{self._count(self.done)} so far"
        took = time.monotonic() - self._began
        left = ""
        if 0 < self.done < self.total and took >= _TELLING_S:
            left = f", about {duration(max(1.0, took / self.done * (self.total - self.done)))} left"
        return f"{self._count(self.done)} of {self._count(self.total)}{left}"

    def ending(self) -> str:
        """How it ended, as far as is known."""
        if self.total is None:
            return f"{self._count(self.done)} in all"
        if self.done >= self.total:
            return "done"
        return f"stopped at {self._count(self.done)} of {self._count(self.total)}"


def _never_fails(show: Callable[Concatenate[Any, _What], None]) -> Callable[Concatenate[Any, _What], None]:
    """Stops the display, not the run, when anything goes wrong with the terminal."""

    @functools.wraps(show)
    def guarded(self: Any, /, *args: _What.args, **kwargs: _What.kwargs) -> None:
        if self.is_broken:
            return
        try:
            show(self, *args, **kwargs)
        except (OSError, ValueError):  # closed or full, or an encoding without the character
            self.is_broken = True

    return guarded


class PlainDisplay:
    """One line per noteworthy event, through structlog; for pipes, files and CI."""

    def __init__(self, stream: TextIO, budget: int | None = None) -> None:
        import structlog

        self.is_broken = False
        self._run = RunSoFar(budget)
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(stream),
            processors=[structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False), self._render],
        )
        self._job: _Job | None = None
        self._said_at, self._said_done = 0.0, 0

    def _render(self, _: Any, __: str, fields: Any) -> str:
        return f"{fields['timestamp']}  {printable(one_line(fields['event']), self._encoding)}"

    @_never_fails
    def event(self, event: Event) -> None:
        """Writes a line for a noteworthy event."""
        self._run.see(event)
        line = _plain_line(event, self._run)
        if line:
            self._log.info(line)

    @_never_fails
    def note(self, message: str) -> None:
        """Writes the message."""
        self._log.info(message)

    @_never_fails
    def start(self, total: int | None, what: str, *, in_bytes: bool = False) -> None:
        """Writes that the job begins."""
        self._job, self._said_at, self._said_done = _Job(total, what, in_bytes), time.monotonic(), 0
        self._log.info(what if total is None else f"{what}: {self._job.so_far()}")

    @_never_fails
    def advance(self, n: int) -> None:
        """Writes the progress, at most every two seconds, and every thirty if there is none."""
        if self._job is not None:
            self._job.done += n
            wait_s = _PLAIN_STILL_EVERY_S if self._job.done == self._said_done else _PLAIN_PROGRESS_EVERY_S
            if time.monotonic() - self._said_at >= wait_s:
                self._said_at, self._said_done = time.monotonic(), self._job.done
                self._log.info(f"{self._job.what}: {self._job.so_far()}")

    @_never_fails
    def finish(self) -> None:
        """Writes whether the job was completed."""
        job, self._job = self._job, None
        if job is not None:
            self._log.info(f"{job.what}: {job.ending()}")

    def close(self) -> None:
        """Does nothing: every line is already written."""


def _plain_line(event: Event, run: RunSoFar) -> str | None:
    match event.type:
        case "run_started":
            return f"run {event.run_id}: {event.model}/{event.neuron}, seed {event.seed}"
        case "stage":
            return f"{event.stage}, round {event.round}, {budget_text(run.used, run.budget)}"
        case "gathered":
            return f"{event.status}: fires above {event.theta:.3g}, {event.n_explore_excerpts:,} excerpts to explore"
        case "hypothesis_proposed":
            return f"hypothesis {event.hypothesis} ({event.form}): {event.sentence}"
        case "readings_revealed":
            what = "exploratory readings" if event.exploratory else "predicted readings"
            return f"{len(event.values)} {what}, {sum(event.fired)} fired"
        case "belief_updated":
            most = sorted(event.beliefs, key=lambda h: (-event.beliefs[h], h))[:_N_SHOWN_BELIEFS]
            return "belief: " + ", ".join(f"{hypothesis} {event.beliefs[hypothesis]:.2f}" for hypothesis in most)
        case "scored":
            return f"score of {event.hypothesis} on {event.split}: {score_text(event.measured)}"
        case "decided":
            about = f" {event.hypothesis}" if event.hypothesis else ""
            return f"decision: {event.action}{about}: {event.reason}"
        case "person_acted":
            return person_text(event)
        case "sealed_opened":
            again = ", used before" if event.reused else ""
            return f"sealed fold {event.fold} opened (opening {event.opening}{again})"
        case "tool_call" if event.error:
            return f"{event.tool} failed: {event.error.message}"
        case "tool_call" if unanswered := [call.error for call in event.llm if call.error]:
            return (
                f"{event.tool}: {len(unanswered)} of {len(event.llm)} LLM calls gave no reply, such as: {unanswered[0]}"
            )
        case "note":
            return f"{event.level}: {event.message}"
        case "finished":
            return f"finished: {event.found.verdict or 'no verdict'}, {score_text(event.found.score)}"
        case "interrupted":
            return f"interrupted: {event.reason}"
        case "failed":
            return f"failed: {event.error.message}"
        case _:
            return None


class LiveDisplay:
    """A block of a few lines, redrawn in place, for terminals."""

    def __init__(self, stream: TextIO, budget: int | None = None) -> None:
        from rich.console import Console

        self.is_broken = False
        self._run = RunSoFar(budget)
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._console: Console = Console(file=stream, markup=False, emoji=False, highlight=False)
        self._live: Live | None = None
        self._job: _Job | None = None
        self._progress: RichProgress | None = None
        self._drawn_at = 0.0

    @_never_fails
    def event(self, event: Event) -> None:
        """Redraws the block, and prints lasting messages above it."""
        self._run.see(event)
        line = _plain_line(event, self._run)
        if line and event.type not in ("stage", "scored", "finished"):  # the block and the result show these
            self._print(line)
        if event.type in ("finished", "failed", "interrupted"):
            self._stop()
        else:
            self._draw()

    @_never_fails
    def note(self, message: str) -> None:
        """Prints the message above the block."""
        self._print(message)

    @_never_fails
    def start(self, total: int | None, what: str, *, in_bytes: bool = False) -> None:
        """Adds a progress bar to the block."""
        from rich.progress import BarColumn, Progress, TextColumn

        self._job = _Job(total, what, in_bytes)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[so_far]}", markup=False),
            console=self._console,
        )
        self._progress.add_task(self._say(what), total=total or None, so_far=self._say(self._job.so_far()))
        self._draw()

    @_never_fails
    def advance(self, n: int) -> None:
        """Advances the bar."""
        if self._job is not None and self._progress is not None:
            self._job.done += n
            if time.monotonic() - self._drawn_at >= _LIVE_REDRAW_EVERY_S:
                task = self._progress.task_ids[0]
                self._progress.update(task, completed=self._job.done, so_far=self._say(self._job.so_far()))
                self._draw()

    @_never_fails
    def finish(self) -> None:
        """Removes the bar."""
        self._job = self._progress = None
        self._draw()

    def close(self) -> None:
        """Removes the block and shows the cursor again, even after the display has failed."""
        with contextlib.suppress(OSError, ValueError):
            self._stop()

    def _say(self, text: str) -> str:
        return printable(one_line(text), self._encoding)

    def _print(self, line: str) -> None:
        self._console.print(self._say(line), soft_wrap=True)

    def _draw(self) -> None:
        from rich.live import Live

        if self._live is None:
            # Redrawn by hand: rich's own thread would die with a traceback when the terminal goes away.
            self._live = Live(
                console=self._console,
                get_renderable=self._block,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._live.refresh()
        self._drawn_at = time.monotonic()

    def _stop(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _block(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        run = self._run
        head = [run.target, run.stage, f"round {run.round}" if run.round else "", budget_text(run.used, run.budget)]
        parts: list[RenderableType] = []
        if run.target:
            parts.append(Text(self._say(", ".join(part for part in head if part)), style="bold"))
        if run.best:
            score, hypothesis = run.best
            parts.append(Text(self._say(f"best so far on development: {score_text(score)}"), style="green"))
            parts.append(Text(self._say(run.sentences[hypothesis])))
        if self._progress is not None:
            parts.append(self._progress.get_renderable())
        return Group(*parts)
