"""Fills in, behind the app, the tokens of results that were made before there was an index of them."""

from __future__ import annotations

import logging
import threading

from tools.errors import StorageError
from traces.database.results import ResultsDatabase, index_tokens

_AT_ONCE = 20
_BREATH_S, _REST_S = 0.05, 15.0
_log = logging.getLogger(__name__)


class Indexer(threading.Thread):
    """Looks for such results from time to time until it is stopped; a database that is busy is left for later."""

    def __init__(self, database: ResultsDatabase) -> None:
        super().__init__(name="token index", daemon=True)
        self._database = database
        self._is_over = threading.Event()

    def run(self) -> None:
        """A few results at a time, so that pages are not kept waiting."""
        said = ""
        while not self._is_over.is_set():
            try:
                n = index_tokens(self._database, _AT_ONCE)
            except StorageError as error:
                if str(error) != said:  # a folder that cannot be written stays so
                    said = str(error)
                    _log.warning("tokens are not indexed for now: %s", error)
                n = 0
            self._is_over.wait(_BREATH_S if n else _REST_S)

    def stop(self) -> None:
        """End it after what it is doing."""
        self._is_over.set()
        self.join(timeout=2)
