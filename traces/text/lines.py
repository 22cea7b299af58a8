"""Lines of text for a terminal, with parts in colour where it has colours."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from traces.text.formatting import one_line, visible


@dataclass(frozen=True)
class Line:
    """Parts of a line, each with a style in rich's words, empty for none."""

    parts: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, *parts: str | tuple[str, str]) -> Line:
        """A line of plain parts and of (text, style)."""
        return cls(tuple((part, "") if isinstance(part, str) else part for part in parts))

    @property
    def plain(self) -> str:
        """Its text."""
        return "".join(text for text, _ in self.parts)


def drawn(line: str | Line, is_coloured: bool = False) -> str:
    """The line as it is printed: nothing in it can move the cursor but, where it is coloured, our own styles."""
    if isinstance(line, str):
        return visible(line)
    if not is_coloured:
        return visible(line.plain)
    from rich.color import ColorSystem
    from rich.style import Style

    return "".join(
        Style.parse(style).render(visible(text), color_system=ColorSystem.EIGHT_BIT) if style else visible(text)
        for text, style in line.parts
    )


def section(title: str) -> list[str | Line]:
    """A heading."""
    return ["", Line.of((title, "bold")), "-" * len(title)]


def wrapped(text: str, width: int, indent: str = "  ", further: str | None = None) -> list[str]:
    """A text on lines of at most `width` characters; those after the first are indented by `further`, or as far."""
    return textwrap.wrap(
        one_line(text),
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=" " * len(indent) if further is None else further,
        break_on_hyphens=False,
    )


def end_of(text: str, n: int) -> str:
    """The last `n` characters, with an ellipsis where more went before."""
    return text if len(text) <= n else "…" + text[len(text) - n :]


def start_of(text: str, n: int) -> str:
    """The first `n` characters, with an ellipsis where more follow."""
    return text if len(text) <= n else text[:n] + "…"


def joined(tokens: Sequence[str]) -> str:
    """Tokens one after another, with line breaks and control characters visible."""
    return visible("".join(tokens))
