"""A text token by token: coloured by raw activation, or plain with the values beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from traces.text.formatting import visible
from traces.text.lines import Line, end_of, start_of

if TYPE_CHECKING:
    from rich.text import Text

# Background per tenth of the largest activation, dark to bright, in the 256 colours that every terminal knows.
_COLOURS = (22, 22, 28, 28, 34, 34, 40, 40, 46, 46, 118)
_LEGEND_TENTHS = (1, 3, 5, 7, 10)
_BEFORE, _AFTER = 60, 30  # characters around a peak
_LINE_BEFORE, _LINE_AFTER = 44, 20  # for lines with other content before the text
_LONGEST_TOKEN = 40


def render_tokens(tokens: Sequence[str], values: Sequence[float], theta: float | None = None) -> Text:
    """Tokens on a background that gets brighter with their raw activation, with a legend below.

    Args:
        tokens: the tokens' own characters; line breaks are made visible and kept.
        values: raw activations, one per token. Those at or below 0 get no colour.
        theta: the firing threshold; tokens above it are bold and underlined.
    """
    from rich.text import Text

    _check(tokens, values)
    largest = max((float(v) for v in values), default=0.0)
    text = Text()
    for token, value in zip(tokens, values, strict=True):
        text.append(visible(token), style=_style(float(value), largest, theta))
        if token.endswith("\n"):
            text.append("\n")
    if largest > 0:
        text.append("\n\n")
        for tenth in _LEGEND_TENTHS:
            value = largest * tenth / 10
            text.append(f" {value:.3g} ", style=_style(value, largest, None))
            text.append(" ")
    fires = f"; fires above {theta:.3g} (underlined)" if theta is not None else ""
    text.append(f"\nlargest {largest:.3f}{fires}")
    return text


def _style(value: float, largest: float, theta: float | None) -> str:
    if value <= 0 or largest <= 0:
        return ""
    tenth = min(10, int(10 * value / largest))
    foreground = "white" if tenth < 6 else "black"
    fires = " bold underline" if theta is not None and value > theta else ""
    return f"{foreground} on color({_COLOURS[tenth]}){fires}" if tenth else fires.strip()


def render_tokens_plain(tokens: Sequence[str], values: Sequence[float], theta: float | None = None) -> str:
    """One line per token: its raw activation, `*` where it fires, a bar, and the token with line breaks visible."""
    _check(tokens, values)
    largest = max((float(v) for v in values), default=0.0)
    lines = []
    for token, value in zip(tokens, values, strict=True):
        bar = "#" * (min(10, int(10 * value / largest)) if largest > 0 and value > 0 else 0)
        fires = "*" if theta is not None and value > theta else " "
        lines.append(f"{value:8.3f} {fires} {bar:<10} |{visible(token)}|")
    legend = f"largest {largest:.3f}" + (f"; * fires above {theta:.3g}" if theta is not None else "")
    return "\n".join([*lines, legend])


def around_peak(tokens: Sequence[str], values: Sequence[float], theta: float) -> str:
    """The text around the largest value, on one line, with guillemets around what fires."""
    _check(tokens, values)
    at = max(range(len(values)), key=values.__getitem__)
    shown = [
        f"«{visible(token)}»" if value > theta else visible(token) for token, value in zip(tokens, values, strict=True)
    ]
    before, after = "".join(shown[:at]), "".join(shown[at + 1 :])
    return (end_of(before, _BEFORE) + shown[at] + start_of(after, _AFTER)).replace(
        "»«", ""
    )  # neighbours that fire share one pair


def token_line(
    tokens: Sequence[str], values: Sequence[float], at: int, largest: float, theta: float, is_coloured: bool
) -> Line:
    """The tokens around the one at `at`, on a background that gets brighter with their raw value.

    Args:
        tokens: of the text.
        values: raw, one per token.
        at: the token that must be visible.
        largest: the value with the brightest background, the same for all lines to be compared.
        theta: tokens above it are bold and underlined; without colours, between guillemets.
        is_coloured: whether there are colours.
    """
    _check(tokens, values)
    parts: list[tuple[str, str]] = []
    for i in _window(tokens, at):
        text = start_of(visible(tokens[i]), _LONGEST_TOKEN)
        fires = values[i] > theta
        if is_coloured:
            parts.append((text, _style(values[i], largest, theta)))
        elif fires and parts and parts[-1][0].endswith("»"):  # neighbours that fire share one pair
            parts[-1] = parts[-1][0].removesuffix("»") + text + "»", ""
        else:
            parts.append((f"«{text}»" if fires else text, ""))
    return Line(tuple(parts))


def _window(tokens: Sequence[str], at: int) -> range:
    """As many whole tokens around one as fit on a line."""
    lengths = [min(len(visible(token)), _LONGEST_TOKEN) for token in tokens]
    first, last, left, right = at, at + 1, _LINE_BEFORE, _LINE_AFTER
    while first > 0 and lengths[first - 1] <= left:
        first -= 1
        left -= lengths[first]
    while last < len(tokens) and lengths[last] <= right:
        right -= lengths[last]
        last += 1
    return range(first, last)


def _check(tokens: Sequence[str], values: Sequence[float]) -> None:
    if len(tokens) != len(values):
        raise ValueError(f"{len(tokens)} tokens but {len(values)} values: there must be one value per token")
