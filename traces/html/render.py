"""The page of a trace: one self-contained HTML file, or the same story as a part of another page.

Everything from the trace is escaped; only our own style, script and drawings are not.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import ChainableUndefined, Environment, FunctionLoader
from markupsafe import Markup

from traces.analysis.story import Story
from traces.html import writing
from traces.html.experiments import pieces_of
from traces.html.view import view_of
from traces.text.people import person_text


@cache
def resource(name: str) -> str:
    """The text of a file of this package, such as `style.css` or `story.js`, which every page with a story needs."""
    return files("traces.html").joinpath(name).read_text(encoding="utf-8")


def story_html(story: Story, run_id: str, manifest: dict[str, Any] | None) -> str:
    """The whole page, for a run that may be unfinished.

    Args:
        story: of one neuron.
        run_id: as typed on the command line.
        manifest: the content of `run.json`; None where it cannot be read.
    """
    style, script = resource("style.css"), resource("story.js")
    return _environment().get_template("story.html").render(
        view=view_of(story, run_id, manifest), level=1, style=Markup(style), script=Markup(script),
        style_sha256=_sha256(style), script_sha256=_sha256(script),
    )  # fmt: skip


def story_body(
    story: Story, run_id: str, manifest: dict[str, Any] | None, id_prefix: str = "", level: int = 1
) -> Markup:
    """The content of the page, for any container of another page.

    Args:
        story: of one neuron.
        run_id: as typed on the command line.
        manifest: the content of `run.json`; None where it cannot be read.
        id_prefix: starts every id, so that several stories fit on one page.
        level: of the highest heading.
    """
    view = view_of(story, run_id, manifest, id_prefix)
    return Markup(_environment().get_template("body.html").render(view=view, level=level))


@cache
def _environment() -> Environment:
    # Not strict: an older trace lacks what newer ones record, which is no error.
    made = Environment(
        loader=FunctionLoader(_template), autoescape=True, undefined=ChainableUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters.update(writing.FILTERS, pieces=pieces_of, person=person_text)
    return made


def _template(name: str) -> str | None:
    file = files("traces.html").joinpath("templates", *name.split("/"))
    return file.read_text(encoding="utf-8") if ".." not in name and file.is_file() else None


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
