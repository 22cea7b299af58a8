"""Batches: how far each has come, and the neurons that failed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from traces.database.models import told_apart
from traces.database.results import ResultsDatabase

_N_FAILURES = 200


@dataclass(frozen=True)
class Progress:
    """A batch in numbers; `asked` says how its neurons were chosen."""

    batch_id: str
    created_at: str
    model: str
    asked: str
    variant: str
    waiting: int
    running: int
    done: int
    failed: int
    failures: list[tuple[str, str, str]]

    @property
    def n(self) -> int:
        """All its neurons."""
        return self.waiting + self.running + self.done + self.failed

    @property
    def parts(self) -> list[tuple[str, int, float, float]]:
        """Of a bar of width 100: kind, how many, where it begins, how wide it is."""
        out, at = [], 0.0
        for kind in ("done", "running", "failed", "waiting"):
            n = getattr(self, kind)
            wide = 100 * n / max(1, self.n)
            out.append((kind, n, round(at, 3), round(wide, 3)))
            at += wide
        return [part for part in out if part[1]]


def read_batches(database: ResultsDatabase) -> list[Progress]:
    """All batches, the latest first.

    Raises:
        StorageError: the database cannot be used.
    """
    with database.reading() as connection:
        if connection is None:
            return []
        batches = connection.execute(
            "SELECT batch_id, created_at, model, model_fingerprint, settings, asked FROM batches ORDER BY batch_id DESC"
        ).fetchall()
        counts: dict[str, dict[str, int]] = {}
        for batch_id, status, n in connection.execute(
            "SELECT batch_id, status, count(*) FROM batch_neurons GROUP BY batch_id, status"
        ):
            counts.setdefault(batch_id, {})[status] = n
        failures: dict[str, list[tuple[str, str, str]]] = {}
        for batch_id, neuron, reason, run_id in connection.execute(
            "SELECT batch_id, neuron, reason, run_id FROM batch_neurons WHERE status = 'failed' "
            "ORDER BY batch_id, layer, idx"
        ):
            if len(failures.setdefault(batch_id, [])) < _N_FAILURES:
                failures[batch_id].append((neuron, reason or "no reason is known", run_id or ""))
    out = []
    called = told_apart((model, fingerprint) for _, _, model, fingerprint, *_ in batches)
    for batch_id, created_at, model, fingerprint, settings, asked in batches:
        n = counts.get(batch_id, {})
        out.append(
            Progress(
                batch_id, created_at, called[model, fingerprint], _asked(asked),
                str(_dict(settings).get("variant") or ""),
                waiting=n.get("waiting", 0), running=n.get("running", 0), done=n.get("done", 0),
                failed=n.get("failed", 0), failures=failures.get(batch_id, []),
            )
        )  # fmt: skip
    return out


def _dict(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _asked(text: str) -> str:
    said = {name: value for name, value in _dict(text).items() if value not in (None, False, "", [])}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in said.items()) or "as it was asked"
