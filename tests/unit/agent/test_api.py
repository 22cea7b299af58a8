"""The Python API: what can be imported from `agent`."""

from __future__ import annotations

import inspect

import agent
from agent import api


def test_every_public_function_of_the_api_can_be_imported_from_agent() -> None:
    public = [name for name, made in vars(api).items() if inspect.isfunction(made) and made.__module__ == api.__name__]
    assert sorted([*(name for name in public if not name.startswith("_")), "read"]) == agent.__all__
    for name in agent.__all__:
        assert getattr(agent, name).__name__ == name
