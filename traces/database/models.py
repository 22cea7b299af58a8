"""The model of a result: its fingerprint identifies it, its name is for people."""

from __future__ import annotations

from collections.abc import Iterable

Model = tuple[str, str | None]
"""A name and a fingerprint; None if a run of an older version recorded none, and then the name has to do."""

IDENTITY = "coalesce({0}model_fingerprint, {0}model)"
"""The same in SQL; `{0}` is the table's name with its dot. An index uses this expression too."""

_N_SHOWN = 6


def is_same(a: Model, b: Model) -> bool:
    """Whether two models are the same."""
    return a[1] == b[1] if a[1] and b[1] else a[0] == b[0]


def told_apart(models: Iterable[Model]) -> dict[Model, str]:
    """Unique names for a list of models: each one's name, or `name@3f9a1c` if several have that name."""
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
    """The unique names of the different models among these; one model may have several names."""
    every = sorted(set(models), key=lambda model: (model[0], model[1] or ""))
    called, known = told_apart(every), {name for name, fingerprint in every if fingerprint}
    first: dict[str, str] = {}
    for name, fingerprint in every:
        if fingerprint or name not in known:
            first.setdefault(fingerprint or name, called[name, fingerprint])
    return sorted(first.values())


def named(label: str) -> tuple[str, str]:
    """The name and the start of the fingerprint in a name from `told_apart`; the latter may be empty."""
    name, at, beginning = label.rpartition("@")
    return (name, beginning) if at and name and beginning else (label, "")
