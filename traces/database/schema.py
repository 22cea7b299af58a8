"""The tables of `runs/results.sqlite`, made and changed by numbered migrations: number n leads to version n.

A released migration is never edited; a change is a new one at the end.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

from tools.errors import StorageError
from traces.storage import ELSEWHERE

_VERSION_1 = """
CREATE TABLE sealed_openings (
    model TEXT NOT NULL,      -- fingerprint
    neuron TEXT NOT NULL,
    corpus TEXT NOT NULL,     -- fingerprint
    fold INTEGER NOT NULL,
    opening INTEGER NOT NULL, -- 1, 2, ... per model, neuron and corpus
    reused INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    UNIQUE (model, neuron, corpus, run_id),
    UNIQUE (model, neuron, corpus, opening)
);
CREATE TABLE results (
    run_id TEXT NOT NULL,
    model TEXT NOT NULL,
    neuron TEXT NOT NULL,
    verdict TEXT NOT NULL,
    score REAL, low REAL, high REAL, -- NULL where there is none; then `reason` says why
    reason TEXT,
    explanation TEXT,
    stop_reason TEXT NOT NULL,
    variant TEXT NOT NULL,
    seed INTEGER NOT NULL,
    corpus TEXT NOT NULL,
    budget_used INTEGER NOT NULL,
    seconds REAL NOT NULL,
    trace TEXT NOT NULL,
    PRIMARY KEY (run_id, model, neuron)
);
"""

_VERSION_2 = """
ALTER TABLE results ADD COLUMN layer INTEGER;
ALTER TABLE results ADD COLUMN idx INTEGER;
ALTER TABLE results ADD COLUMN split TEXT;
ALTER TABLE results ADD COLUMN protocol TEXT;
ALTER TABLE results ADD COLUMN n_excerpts INTEGER;
ALTER TABLE results ADD COLUMN n_unscored INTEGER;
ALTER TABLE results ADD COLUMN development_score REAL;
ALTER TABLE results ADD COLUMN development_low REAL;
ALTER TABLE results ADD COLUMN development_high REAL;
ALTER TABLE results ADD COLUMN token_lookup_30 REAL;
ALTER TABLE results ADD COLUMN token_lookup_30_low REAL;
ALTER TABLE results ADD COLUMN token_lookup_30_high REAL;
ALTER TABLE results ADD COLUMN token_lookup_full REAL;
ALTER TABLE results ADD COLUMN token_lookup_full_low REAL;
ALTER TABLE results ADD COLUMN token_lookup_full_high REAL;
ALTER TABLE results ADD COLUMN null_score REAL;
ALTER TABLE results ADD COLUMN null_low REAL;
ALTER TABLE results ADD COLUMN null_high REAL;
ALTER TABLE results ADD COLUMN gain_token_lookup_30 REAL;
ALTER TABLE results ADD COLUMN gain_token_lookup_30_low REAL;
ALTER TABLE results ADD COLUMN gain_token_lookup_30_high REAL;
ALTER TABLE results ADD COLUMN gain_null REAL;
ALTER TABLE results ADD COLUMN gain_null_low REAL;
ALTER TABLE results ADD COLUMN gain_null_high REAL;
ALTER TABLE results ADD COLUMN openai_score REAL;
ALTER TABLE results ADD COLUMN openai_low REAL;
ALTER TABLE results ADD COLUMN openai_high REAL;
ALTER TABLE results ADD COLUMN sealed_fold INTEGER;
ALTER TABLE results ADD COLUMN sealed_opening INTEGER;
ALTER TABLE results ADD COLUMN sealed_reused INTEGER;
ALTER TABLE results ADD COLUMN previous_run_id TEXT;
ALTER TABLE results ADD COLUMN previous_explanation TEXT;
ALTER TABLE results ADD COLUMN previous_score REAL;
ALTER TABLE results ADD COLUMN previous_low REAL;
ALTER TABLE results ADD COLUMN previous_high REAL;
ALTER TABLE results ADD COLUMN gain_previous REAL;
ALTER TABLE results ADD COLUMN gain_previous_low REAL;
ALTER TABLE results ADD COLUMN gain_previous_high REAL;
ALTER TABLE results ADD COLUMN explainer TEXT;
ALTER TABLE results ADD COLUMN simulator TEXT;
ALTER TABLE results ADD COLUMN corpus_name TEXT;
ALTER TABLE results ADD COLUMN tokens INTEGER;
ALTER TABLE results ADD COLUMN usd REAL;
CREATE INDEX results_of_a_neuron ON results (model, neuron, run_id);
CREATE INDEX results_by_layer ON results (layer, idx);
CREATE INDEX results_by_score ON results (score);
"""

_BATCHES = (
    """CREATE TABLE batches (
        batch_id TEXT PRIMARY KEY,
        created_at TEXT NOT NULL,
        model TEXT NOT NULL,             -- as results name it
        model_fingerprint TEXT NOT NULL,
        settings TEXT NOT NULL,          -- JSON: the config of every run but for what its neuron says otherwise
        asked TEXT NOT NULL              -- JSON: how the neurons were chosen
    )""",
    """CREATE TABLE batch_neurons (
        batch_id TEXT NOT NULL REFERENCES batches,
        model_fingerprint TEXT NOT NULL,
        neuron TEXT NOT NULL,
        layer INTEGER NOT NULL, idx INTEGER NOT NULL,
        settings TEXT NOT NULL,          -- JSON: of this neuron's config
        about TEXT NOT NULL,             -- JSON: why it was chosen
        status TEXT NOT NULL DEFAULT 'waiting',  -- waiting, running, done, failed
        owner TEXT, lease_until REAL,    -- the process that runs it, and until when in seconds since 1970
        attempts INTEGER NOT NULL DEFAULT 0,
        run_id TEXT,
        reason TEXT,                     -- of a failure
        seconds REAL,
        PRIMARY KEY (batch_id, neuron)
    )""",
    "CREATE INDEX batch_neurons_open ON batch_neurons (batch_id, layer, idx) WHERE status IN ('waiting', 'running')",
    "CREATE INDEX batch_neurons_running ON batch_neurons (model_fingerprint, neuron) WHERE status = 'running'",
)

_REVIEWS = (
    """CREATE TABLE reviews (
        review_id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL, model TEXT NOT NULL, neuron TEXT NOT NULL,
        opinion TEXT NOT NULL,           -- agree, disagree, unclear
        note TEXT NOT NULL,
        reviewer TEXT NOT NULL,
        explanation TEXT,                -- what it is about; NULL where the run had none
        reviewed_at TEXT NOT NULL        -- UTC
    )""",
    "CREATE INDEX reviews_of_a_result ON reviews (run_id, model, neuron, review_id)",
)

_RESULT_TOKENS = (
    """CREATE TABLE result_tokens (
        run_id TEXT NOT NULL, model TEXT NOT NULL, neuron TEXT NOT NULL,
        fired TEXT,                      -- tokens as `written`, a line break before, between and after them;
        named TEXT,                      -- NULL where the trace could not be read
        PRIMARY KEY (run_id, model, neuron)
    ) WITHOUT ROWID""",
)

_VERSION_4 = """
ALTER TABLE results ADD COLUMN model_fingerprint TEXT;
UPDATE results SET model_fingerprint = (
    SELECT o.model FROM sealed_openings AS o WHERE (o.run_id, o.neuron) = (results.run_id, results.neuron)
);
DROP INDEX results_of_a_neuron;
CREATE INDEX results_of_a_neuron ON results (coalesce(model_fingerprint, model), neuron, run_id);
"""

_VERSION_5 = """
ALTER TABLE results ADD COLUMN label TEXT;
ALTER TABLE results ADD COLUMN reader TEXT;
ALTER TABLE results ADD COLUMN predictor_score REAL;
ALTER TABLE results ADD COLUMN predictor_low REAL;
ALTER TABLE results ADD COLUMN predictor_high REAL
"""

_NEURON = re.compile(r"L(\d+)N(\d+)-?")


def _to_1(connection: sqlite3.Connection) -> None:
    _execute(connection, _VERSION_1)


def _to_2(connection: sqlite3.Connection) -> None:
    """More of each result in columns, and the tables of batches."""
    _execute(connection, _VERSION_2)
    for statement in _BATCHES:
        connection.execute(statement)
    for row, neuron in connection.execute("SELECT rowid, neuron FROM results").fetchall():
        if found := _NEURON.fullmatch(neuron):
            connection.execute(
                "UPDATE results SET layer = ?, idx = ? WHERE rowid = ?", (*map(int, found.groups()), row)
            )


def _to_3(connection: sqlite3.Connection) -> None:
    """Reviews, and the tokens that a result is about; the latter are filled in later."""
    for statement in (*_REVIEWS, *_RESULT_TOKENS):
        connection.execute(statement)


def _to_4(connection: sqlite3.Connection) -> None:
    """The fingerprint of each result's model, since names are not unique: from sealed openings, else from the run's
    files.
    """
    _execute(connection, _VERSION_4)


def _to_5(connection: sqlite3.Connection) -> None:
    """An explanation's label, its reader, and the predictor's score; filled in from result.json."""
    _execute(connection, _VERSION_5)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_to_1, _to_2, _to_3, _to_4, _to_5)
SCHEMA_VERSION = len(MIGRATIONS)
FIRST_WITH_ALL_COLUMNS = 5
"""From this version on, `results` has a column for every field that it stores."""


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the database's tables; 0 if there are none yet.

    Raises:
        StorageError: they are of a newer version than this program knows.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise StorageError(
            f"{path} has format {version}, but this program knows up to {SCHEMA_VERSION}: "
            f"upgrade the program, or {ELSEWHERE}.",
            settings=("runs_dir",),
        )
    return int(version)


def migrate(connection: sqlite3.Connection, path: Path) -> int:
    """Bring the tables to the newest version inside the transaction that is open; returns the version found.

    Raises:
        StorageError: they are of a newer version; nothing was changed.
    """
    before = version_of(connection, path)
    for number, migration in enumerate(MIGRATIONS[before:], start=before + 1):
        migration(connection)
        connection.execute(f"PRAGMA user_version = {number}")
    return before


def _execute(connection: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";\n"):  # not executescript, which would end the transaction
        connection.execute(statement)
