"""Everything that can go wrong in a way we can explain, as one tree.

    AgentError                     1  unexpected, but explained
    ├── BadInput                   2  what was typed or given cannot be used
    ├── NotAvailable               3  a model or a corpus is not here and could not be fetched
    ├── LLMNotAvailable            4  no endpoint, no key
    ├── StorageError               5  a folder or a file cannot be written or read
    └── Interrupted              130  stopped by the user; state is saved
    NothingWritten                    an explainer got no answer: noted where it was asked, and the run goes on
    BudgetSpent                       control flow of the loop, never shown: the next call would cost too much

A message is one sentence that says what happened, to what, and what to do. It names a setting as Python does, in
backquotes: `corpus_tokens`, or `explainer=rules`; `agent.setup.option_names.with_options` makes options of those that
`settings` lists. The number is the process's exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class AgentError(Exception):
    """Base of every error that is printed as one sentence instead of a traceback.

    Attributes:
        settings: those that the message names.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "", *, settings: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.settings = tuple(settings)


class BadInput(AgentError):
    """A target, an option, a file or a corpus that cannot be used as given."""

    exit_code = 2


class NotAvailable(AgentError):
    """A model or corpus that is not on this machine and could not be fetched."""

    exit_code = 3


class LLMNotAvailable(AgentError):
    """No LLM endpoint or key, though one was asked for."""

    exit_code = 4


class StorageError(AgentError):
    """A file or folder that cannot be read or written: full disk, no permission, damaged content."""

    exit_code = 5


class Interrupted(AgentError):
    """The user stopped the run; everything so far is on disk."""

    exit_code = 130


class NothingWritten(Exception):
    """An explainer has no hypothesis to offer because what it asked was not answered; the message is the reason."""


class BudgetSpent(Exception):
    """Raised by the toolbox when a call would go past the budget or the deadline."""


def first_line(error: BaseException) -> str:
    """The first line of another library's message, without its full stop; its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
