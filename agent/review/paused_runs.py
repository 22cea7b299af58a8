"""Continues paused runs from their page, one at a time, in a thread beside the server.

What somebody does goes the way it goes at the terminal: the run is resumed from its trace, does that one thing, and is
left again at the next question.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.graph.steering import PLACES, Absent, Action, Pause, Place, Waiting
from agent.review.runs import Seen
from tools.errors import AgentError, BadInput
from traces.text.console import QuietDisplay

_OWN_FUNCTIONS = "evals.planted."


@dataclass(frozen=True)
class Steered:
    """How it stands with a run that waits for somebody.

    Attributes:
        is_working: it is being gone on with.
        pause: what is asked; None before it was gone on with from here.
        trouble: why it could not go on.
    """

    is_working: bool = False
    pause: Pause | None = None
    trouble: str = ""


class Steerer:
    """Goes on with runs of one folder."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._lock = threading.Lock()
        self._known: dict[str, Steered] = {}
        self._resources: Any = None

    def look(self, seen: Seen) -> Steered | None:
        """How it stands; None for a run that waits for nobody."""
        known = self._known.get(seen.place.run_id)
        if known is not None and known.is_working:
            return known
        is_left = seen.story is not None and seen.story.state in ("interrupted", "failed")
        return (known or Steered()) if is_left and _places(seen) else None

    def act(self, seen: Seen, given: dict[str, Any] | None) -> None:
        """Begin to do what somebody wants; None is to find out what they are asked.

        Raises:
            BadInput: it is no action, another run is being gone on with, or this one may not be from a page.
        """
        _refuse(seen)
        if given is not None:
            Action.parsed(given)
        run_id = seen.place.run_id
        with self._lock:
            if any(known.is_working for known in self._known.values()):
                raise BadInput("a run is being gone on with already: wait until it asks, or has ended.")
            self._known[run_id] = Steered(is_working=True)
        threading.Thread(target=self._go_on, args=(run_id, _places(seen), given), daemon=True).start()

    def _go_on(self, run_id: str, places: list[Place], given: dict[str, Any] | None) -> None:
        stands = Steered(trouble="It ended unexpectedly: the terminal in which `agent review` runs says more.")
        try:
            from agent.run.runner import resume_run  # LangGraph takes a second, and most who look never steer
            from agent.setup.resources import Resources

            self._resources = self._resources or Resources()
            resume_run(run_id, self._runs_dir, QuietDisplay(), self._resources, Absent(places, given))
            stands = Steered()
        except Waiting as waiting:
            stands = Steered(pause=waiting.pause)
        except AgentError as error:
            stands = Steered(trouble=str(error))
        finally:
            self._known[run_id] = stands


def _places(seen: Seen) -> list[Place]:
    """Where somebody wanted to be asked when the run began."""
    wanted = seen.manifest.get("pause_before") or ()
    return [place for place in PLACES if isinstance(wanted, list) and place in wanted]


def _refuse(seen: Seen) -> None:
    """A run can come from anywhere: going on with it here is not to run its code, nor to spend money.

    Raises:
        BadInput: this one would.
    """
    config = seen.manifest.get("config")
    config = config if isinstance(config, dict) else {}
    planted = config.get("planted") or ()
    is_foreign = any(not str(function).startswith(_OWN_FUNCTIONS) for function in planted)
    asks = [config.get(role) for role in ("explainer", "simulator")]
    if is_foreign or config.get("trust_remote_code") or any(str(spec).startswith("openai:") for spec in asks):
        raise BadInput(
            f"this run asks an LLM, or runs code of its own, which is not done from a page: `agent resume "
            f"{seen.place.run_id}` goes on with it."
        )
