"""How a page is made from a template: those of the trace's page and the app's own, in one environment."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from traces.html.render import resource, story_body
from traces.rows import ResultRow
from traces.text import one_line, score_text, visible
from traces.token_index import written

N_SHADES = 10
_QUOTED = re.compile(r"(`(?:[^`\\\n]|\\.)*`)")
_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)")


class Pages:
    """Templates, and the files that they need; both are read once."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FunctionLoader(_template), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._environment.filters |= {
            "one_line": one_line, "lines": lines, "sentence": sentence, "when": when, "clock": clock,
            "thousands": thousands, "number": number, "score_of": score_of, "token": token,
        }  # fmt: skip
        read = files("agent.review").joinpath("static")
        own = ("review.css", "review.js")
        self.static = {name: resource(name) for name in ("style.css", "story.js")}
        self.static |= {name: read.joinpath(name).read_text(encoding="utf-8") for name in own}
        self._environment.globals |= {
            "place": place_of, "shade": shade, "story_body": story_body,
            "styles": [self._address(name) for name in self.static if name.endswith(".css")],
            "scripts": [self._address(name) for name in self.static if name.endswith(".js")],
        }  # fmt: skip

    def _address(self, name: str) -> str:
        """Where a file is served; another one when its content is another, so that browsers may keep it."""
        return f"/static/{name}?{hashlib.sha256(self.static[name].encode()).hexdigest()[:16]}"

    def render(self, template: str, **values: Any) -> str:
        """A page as HTML."""
        return str(self._environment.get_template(template).render(**values))


def _template(name: str) -> str | None:
    file = files("agent.review").joinpath("templates", name)
    return file.read_text(encoding="utf-8") if "/" not in name and file.is_file() else None


def lines(text: str) -> Markup:
    """Text of several lines; all but the line breaks is made visible."""
    return Markup("<br>").join(escape(visible(line)) for line in text.split("\n"))


def sentence(text: str) -> Markup:
    """A sentence with what stands between backquotes as code."""
    parts = _QUOTED.split(one_line(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part[1:-1]) if at % 2 else escape(part) for at, part in enumerate(parts)
    )


def when(run_id: str) -> str:
    """The time that a run's id begins with, such as `2026-01-31 12:01`; the id where there is none."""
    found = _STAMP.match(run_id)
    return "{}-{}-{} {}:{}".format(*found.groups()[:5]) if found else one_line(run_id)


def clock(seconds: float) -> str:
    """Seconds since 1970 as a time in UTC; a dash for none."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}" if seconds else "–"


def thousands(n: int) -> str:
    """A whole number with commas."""
    return f"{n:,}"


def number(value: float, digits: int = 3) -> str:
    """A number with a minus sign that is one."""
    return f"{value:.{digits}f}".replace("-", "−")


def score_of(row: ResultRow) -> str:
    """The final score of a result with its interval, or why there is none."""
    return score_text({"value": row.score, "low": row.low, "high": row.high, "reason": row.reason}).replace("-", "−")


def token(text: str) -> str:
    """A token as the tokenizer has it, its white space visible."""
    return written(text) or "∅"


def place_of(score: float) -> float:
    """Where a score lies on a line of length 100 from 0 to 1; at most 20 before it."""
    return round(100 * min(max(score, -0.2), 1.0), 1)


def shade(value: float, highest: float) -> int:
    """The step of the colour scale, 0 to `N_SHADES`, for a value of a scale from 0 to `highest`."""
    if highest <= 0 or value <= 0:
        return 0
    return max(1, round(N_SHADES * min(value / highest, 1.0)))
