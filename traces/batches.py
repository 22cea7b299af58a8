"""The tables of batches in `runs/results.sqlite`."""

from __future__ import annotations

TABLES: tuple[str, ...] = ()
"""SQL statements that make the tables, executed by the migration to version 2 of the schema."""
