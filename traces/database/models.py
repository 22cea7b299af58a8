"""The model of a result: its fingerprint identifies it, its name is for people."""

from __future__ import annotations

from collections.abc import Iterable

Model = tuple[str, str | None]
"""A name and a fingerprint; None where a run of an older version left none, and then the name must do."""

IDENTITY = "coalesce({0}model_fingerprint, {0}model)"
"""The same in SQL, of a table whose name with its dot stands in place of `{0}`. Written so in an index too."""

_N_SHOWN = 6


def is_same(a: Model, b: Model) -> bool:
    """Whether two models are one."""
    return a[1] == b[1] if a[1] and b[1] else a[0] == b[0]


def told_apart(models: Iterable[Model]) -> dict[Model, str]:
    """What each is called in a list with all of them: its name, and `name@3f9a1c` where several have that name."""
    every = set(models)
    known: dict[str, set[str]] = {}
    for name, fingerprint in every:
        if fingerprint:
            known.setdefault(name, set()).add(fingerprint)
    return {
        (name, fingerprint): f"{name}@{fingerprint[:_N_SHOWN]}" if fingerprint and len(known[name]) > 1 else name
        for name, fingerprint in every
    }


def distinct(models: Iterable[Model]) -> list[str]:
    """What those are called that differ: one that goes by several names is one."""
    every = sorted(set(models), key=lambda model: (model[0], model[1] or ""))
    called, known = told_apart(every), {name for name, fingerprint in every if fingerprint}
    first: dict[str, str] = {}
    for name, fingerprint in every:
        if fingerprint or name not in known:
            first.setdefault(fingerprint or name, called[name, fingerprint])
    return sorted(first.values())


def named(label: str) -> tuple[str, str]:
    """The name and the beginning of the fingerprint in what `told_apart` gives; the latter is empty where none is."""
    name, at, beginning = label.rpartition("@")
    return (name, beginning) if at and name and beginning else (label, "")
