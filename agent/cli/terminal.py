"""A person at the terminal: the prompt of a paused run. Ctrl-C asks for a pause."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TextIO

from agent.graph.steering import Pause, Place, RivalShown
from tools.errors import BadInput
from tools.records.scores import read_score
from traces.text.console import Display
from traces.text.formatting import budget_text, printable, score_text

_HELP = {
    "look": "look [H2]            show the rivals, or one of them",
    "drop": "drop H2              drop a rival",
    "add": "add SENTENCE         add your own explanation as a rival",
    "test": "test TEXT            have all rivals predict whether the neuron fires at the end of a text, then read it",
    "budget": "budget N             allow N more units",
    "experiments": "experiments          at least one more round of experiments",
    "finish": "finish               no more experiments; go on to the confirmation on unseen text",
    "go": "go                   go on",
    "stop": "stop                 save and quit; `agent resume` goes on from here",
}
_WITH_TEXT = ("add", "test")
_PAUSING = b"\npausing at the next round of experiments, or before the confirmation; Ctrl-C again stops at once\n"


class TerminalPerson:
    """Asks at the terminal, or reads answers from a script. Implements `agent.graph.steering.Person`.

    Args:
        display: shows progress; it makes room for the prompt.
        pause_before: where to ask always.
        source: where answers come from, a line each; stdin unless given.
        sink: where questions go; stderr unless given.
    """

    def __init__(
        self,
        display: Display,
        pause_before: Iterable[Place] = (),
        source: TextIO | None = None,
        sink: TextIO | None = None,
    ) -> None:
        self.pause_before = frozenset(pause_before)
        self.wants_in = False
        self._display = display
        self._source = source or sys.stdin
        self._sink = sink or sys.stderr

    @property
    def is_there(self) -> bool:
        """Whether there is a person at a terminal to ask."""
        return self._source.isatty() and self._sink.isatty()

    def ask(self, pause: Pause) -> dict[str, Any]:
        """Show where the run is, and read what to do."""
        self._display.close()
        self._say(f"  {pause.answer}" if pause.answer else "\n".join(_overview(pause)))
        while True:
            self._say("what now? (? for help) ", end="")
            line = self._source.readline()
            if not line:  # nobody is there any more
                self._say("")
                raise KeyboardInterrupt
            if not self._source.isatty():
                self._say(line.rstrip("\n"))
            try:
                action = _parsed(line, pause)
            except BadInput as error:
                self._say(f"  {error}")
                continue
            if isinstance(action, dict):
                return action
            self._say("\n".join(action))

    def went_on(self) -> None:
        """Forget a request for a pause."""
        self.wants_in = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While this is open, Ctrl-C asks for a pause; a second one does what it did before."""
        before = signal.getsignal(signal.SIGINT)
        is_main = threading.current_thread() is threading.main_thread()
        if not (self.is_there and is_main and callable(before)):
            yield
            return

        def pressed(number: int, frame: FrameType | None) -> None:
            if self.wants_in:
                before(number, frame)
            self.wants_in = True
            os.write(self._sink.fileno(), _PAUSING)  # a signal may come in the middle of a write through `print`

        signal.signal(signal.SIGINT, pressed)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _say(self, text: str, end: str = "\n") -> None:
        encoding = getattr(self._sink, "encoding", None) or "utf-8"
        lines = [printable(line, encoding) for line in text.split("\n")]
        print("\n".join(lines), end=end, file=self._sink, flush=True)


def _parsed(line: str, pause: Pause) -> dict[str, Any] | list[str]:
    """What a line means: an action, or lines to show.

    Raises:
        BadInput: it means nothing.
    """
    word, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    if word == "look":
        return _overview(pause) if not rest else _one(pause, rest)
    if word == "stop":
        raise KeyboardInterrupt
    if word in ("?", "help"):
        return [f"  {_HELP[name]}" for name in _HELP if name in ("look", "stop", *pause.actions)]
    if word not in pause.actions:
        raise BadInput(f"{word!r} is not one of: look, {', '.join(pause.actions)}, stop")
    if word == "drop":
        return {"action": word, "hypothesis": rest}
    if word in _WITH_TEXT:
        return {"action": word, "text": rest}
    if word == "budget":
        if not rest.removeprefix("+").isdecimal():
            raise BadInput("give the number of units to add, as in: budget 10")
        return {"action": word, "units": int(rest)}
    return {"action": word}


def _overview(pause: Pause) -> list[str]:
    what = "the confirmation on unseen text" if pause.before == "confirm" else "experiments"
    ended = f", the search has ended ({pause.stop_reason})" if pause.stop_reason else ""
    head = f"paused before {what}{ended}; {budget_text(pause.used, pause.limit)}"
    return [head, *(line for rival in pause.rivals for line in _lines(rival))]


def _one(pause: Pause, name: str) -> list[str]:
    for rival in pause.rivals:
        if rival.name == name:
            return [*_lines(rival), f"        from: {rival.origin}"]
    raise BadInput(f"{name!r} is not one of: {', '.join(rival.name for rival in pause.rivals)}")


def _lines(rival: RivalShown) -> list[str]:
    tests = f"{rival.passed} of {rival.passed + rival.failed} tests passed"
    return [
        f"  {rival.name}: belief {rival.belief:.2f}, {score_text(read_score(rival.score))}, {tests}",
        f"      {rival.explanation}",
    ]
