"""Continues paused runs from their page, one at a time, in a thread beside the server.

An action works as at the terminal: the run is resumed from its trace, does that one thing, and pauses again at the
next question.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.graph.steering import PLACES, Absent, Action, Pause, Place, Waiting
from agent.review.runs import NeuronRun
from tools.errors import AgentError, BadInput
from traces.text.console import QuietDisplay

_OWN_FUNCTIONS = "evals.planted."


@dataclass(frozen=True)
class Steered:
    """The state of a paused run.

    Attributes:
        is_working: it is running at the moment.
        pause: the question; None until it was continued from here.
        trouble: why it could not continue.
    """

    is_working: bool = False
    pause: Pause | None = None
    trouble: str = ""


class Steerer:
    """Continues runs of one folder."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._lock = threading.Lock()
        self._known: dict[str, Steered] = {}
        self._resources: Any = None

    def look(self, seen: NeuronRun) -> Steered | None:
        """The state of a run; None if it is not paused."""
        known = self._known.get(seen.place.run_id)
        if known is not None and known.is_working:
            return known
        is_left = seen.story is not None and seen.story.state in ("interrupted", "failed")
        return (known or Steered()) if is_left and _places(seen) else None

    def act(self, seen: NeuronRun, given: dict[str, Any] | None) -> None:
        """Begin to do what a person wants; None is to find out what the run asks.

        Raises:
            BadInput: it is no action, another run is running, or this one may not run from a page.
        """
        _refuse(seen)
        if given is not None:
            Action.parsed(given)
        run_id = seen.place.run_id
        with self._lock:
            if any(known.is_working for known in self._known.values()):
                raise BadInput("another run is being continued: wait until it pauses or ends.")
            self._known[run_id] = Steered(is_working=True)
        threading.Thread(target=self._go_on, args=(run_id, _places(seen), given), daemon=True).start()

    def _go_on(self, run_id: str, places: list[Place], given: dict[str, Any] | None) -> None:
        stands = Steered(trouble="It ended unexpectedly: the terminal in which `agent review` runs says more.")
        try:
            from agent.run.runner import resume_run  # LangGraph takes a second to import, and most visitors never steer
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


def _places(seen: NeuronRun) -> list[Place]:
    """Where the run was to pause when it began."""
    wanted = seen.manifest.get("pause_before") or ()
    return [place for place in PLACES if isinstance(wanted, list) and place in wanted]


def _refuse(seen: NeuronRun) -> None:
    """Refuse a run that would run foreign code or spend money: a folder of runs can come from anywhere.

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
            f"this run asks an LLM or runs its own code, which a page does not do: `agent resume "
            f"{seen.place.run_id}` continues it."
        )
