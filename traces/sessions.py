"""Sessions of `agent mcp`: traces like those of runs, in which a client decided and nothing is concluded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SESSION_POLICY = "mcp"
"""The `policy` in the recorded config of a session."""


def is_session(config: Mapping[str, Any]) -> bool:
    """Whether a recorded config is that of a session, which cannot be resumed or replayed: its client has gone."""
    return config.get("policy") == SESSION_POLICY
