"""Makes pages from templates: those of a trace's page and the app's own, in one environment."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from tools.records.scores import read_score
from traces.database.rows import ResultRow
from traces.html import writing
from traces.html.heat import shade
from traces.html.render import resource, story_body
from traces.text.formatting import one_line, visible

_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)")


class Pages:
    """Templates, and the files that they need; both are read once."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FunctionLoader(_template), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._environment.filters |= writing.FILTERS
        self._environment.filters |= {"lines": lines, "when": when, "clock": clock, "score_of": score_of}
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
        """The address of a file. It changes with the content, so that browsers may cache it."""
        return f"/static/{name}?{hashlib.sha256(self.static[name].encode()).hexdigest()[:16]}"

    def render(self, template: str, **values: Any) -> str:
        """A page as HTML."""
        return str(self._environment.get_template(template).render(**values))


def _template(name: str) -> str | None:
    file = files("agent.review").joinpath("templates", name)
    return file.read_text(encoding="utf-8") if "/" not in name and file.is_file() else None


def lines(text: str) -> Markup:
    """Text of several lines; control characters other than line breaks are made visible."""
    return Markup("<br>").join(escape(visible(line)) for line in text.split("\n"))


def when(run_id: str) -> str:
    """The time that a run's id begins with, such as `2026-01-31 12:01`; the id where there is none."""
    found = _STAMP.match(run_id)
    return "{}-{}-{} {}:{}".format(*found.groups()[:5]) if found else one_line(run_id)


def clock(seconds: float) -> str:
    """Seconds since 1970 as a time in UTC; a dash for none."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}" if seconds else "–"


def score_of(row: ResultRow) -> str:
    """The final score of a result with its interval, or why there is none."""
    return writing.score(read_score({"value": row.score, "low": row.low, "high": row.high, "reason": row.reason}))


def place_of(score: float) -> float:
    """Where a score lies on a line of length 100 from 0 to 1; at most 20 before it."""
    return round(100 * min(max(score, -0.2), 1.0), 1)
