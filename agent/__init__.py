"""Explain neurons of language models by testing rival hypotheses.

    from agent import explain, read, load_trace
    result = explain("L5N131", model="mini", budget=20)

The names below load what they need when they are first used, so that importing `agent` costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # not from typing, which takes longer to import than all else here

if TYPE_CHECKING:
    from typing import Any

    from agent.api import explain, firing_classes, load_trace, resume, score_sentence, top
    from agent.setup.activations import read

__all__ = ["explain", "firing_classes", "load_trace", "read", "resume", "score_sentence", "top"]


def __getattr__(name: str) -> Any:
    if name == "read":
        from agent.setup.activations import read

        return read
    if name in __all__:
        from agent import api

        return getattr(api, name)
    raise AttributeError(f"module 'agent' has no attribute {name!r}")
