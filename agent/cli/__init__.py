"""The command line. `agent.cli:main` is what `agent` runs."""

from __future__ import annotations

try:
    from agent.cli.entry import main, make_parser
except KeyboardInterrupt:  # nothing has begun that somebody would want to hear of
    raise SystemExit(130) from None

__all__ = ["main", "make_parser"]
