"""A person whose every move is written beforehand."""

from __future__ import annotations

import contextlib
from typing import Any

from agent.graph.steering import Pause


class ScriptedPerson:
    """A person who does one thing after another, and keeps what they were shown."""

    def __init__(self, *actions: dict[str, Any] | type[BaseException], before: tuple[Any, ...] = ()) -> None:
        self.pause_before = frozenset(before)
        self.wants_in = False
        self.actions = list(actions)
        self.shown: list[Pause] = []

    def ask(self, pause: Pause) -> dict[str, Any]:
        self.shown.append(pause)
        action = self.actions.pop(0)
        if isinstance(action, type):
            raise action
        return action

    def went_on(self) -> None:
        self.wants_in = False

    def listening(self) -> Any:
        return contextlib.nullcontext()
