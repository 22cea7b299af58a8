"""What reading a corpus took, left out and changed, and the one line that says so."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tools.sizes import counted

PLAIN_TEXT = "plain text"

_PLURALS = {
    "broken link": "broken links",
    "pipe or device": "pipes or devices",
    "unreadable folder": "unreadable folders",
}


@dataclass
class Repairs:
    """Counts made while a corpus is read.

    Attributes:
        read: files that texts were read from, by format.
        passed_over: files of a folder that nothing was read from, by what is the matter with them.
        n_replaced: characters that are not UTF-8.
    """

    read: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[str] = field(default_factory=Counter)
    n_replaced: int = 0

    def line(self, n_texts: int, n_repeated: int = 0) -> str:
        """One sentence; empty where there is nothing to tell, as of a single file of plain text.

        Args:
            n_texts: how many texts were read, repeated ones aside.
            n_repeated: how many were left out because they equal another.
        """
        said = []
        n_files = self.read.total()
        if n_files > 1 or (n_files and self.passed_over) or set(self.read) - {PLAIN_TEXT}:
            kinds = next(iter(self.read)) if len(self.read) == 1 else _listed(self.read)
            said.append(f"read {counted(n_texts, 'text')} from {counted(n_files, 'file')} ({kinds})")
        if n_repeated:
            said.append(f"left out {counted(n_repeated, 'text')} that {_repeat(n_repeated)} another word for word")
        if self.n_replaced:
            characters = counted(self.n_replaced, "character")
            said.append(f"replaced {characters} that {_be(self.n_replaced)} not UTF-8 by U+FFFD")
        if self.passed_over:
            n = self.passed_over.total()
            said.append(f"passed over {counted(n, 'file')}: {_listed(self.passed_over)}")
        line = "; ".join(said)
        return f"{line[0].upper()}{line[1:]}." if line else ""


def _repeat(n: int) -> str:
    return "repeats" if n == 1 else "repeat"


def _be(n: int) -> str:
    return "is" if n == 1 else "are"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{n:,} {_PLURALS.get(what, what) if n > 1 else what}" for what, n in counts.most_common())
