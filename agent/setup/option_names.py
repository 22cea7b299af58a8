"""Errors as the command line says them: with options in place of the names of settings."""

from __future__ import annotations

import re

from tools.errors import AgentError


def with_options(error: AgentError) -> str:
    """An error's message, with the options of the command line where it, or the error behind it, names settings."""
    settings: list[str] = []
    behind: BaseException | None = error
    while isinstance(behind, AgentError):
        settings += behind.settings
        behind = behind.__cause__
    return (
        re.sub(rf"`({'|'.join(map(re.escape, settings))})(?:=([^`]*))?`", _option, str(error))
        if settings
        else str(error)
    )


def _option(setting: re.Match[str]) -> str:
    name, value = setting.groups()
    return f"--{re.sub('[._]', '-', name)}{f' {value}' if value else ''}"
