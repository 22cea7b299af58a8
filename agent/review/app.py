"""The web app: the server renders every page from what is on disk at that moment. It writes only reviews, and
continues paused runs when a person asks for it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from agent.review.addresses import Address
from agent.review.batches import read_batches
from agent.review.comparison import others, outcomes, settings
from agent.review.filters import PER_PAGE, VERDICTS, Filters
from agent.review.guard import Bound, Guard
from agent.review.histogram import draw
from agent.review.listing import neighbours, read_listing
from agent.review.pages import Pages
from agent.review.paused_runs import Steerer
from agent.review.runs import NeuronRun, look
from agent.review.try_text import LONGEST_TEXT, LiveReader
from agent.review.unfinished import PER_PAGE as UNFINISHED_PER_PAGE
from agent.review.unfinished import read_unfinished, without_result
from tools.errors import AgentError, BadInput, NotAvailable
from traces.analysis.difference import differences
from traces.database.results import ResultsDatabase
from traces.database.reviews import LONGEST_NAME, LONGEST_NOTE, OPINIONS, Review, add_review, reviews_of
from traces.text.formatting import visible
from traces.text.show import where

PATIENCE_S = 5.0
_STATUSES: dict[type[AgentError], int] = {BadInput: 400, NotAvailable: 503}
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_KEPT = {"cache-control": "max-age=31536000, immutable"}
"""For files whose address changes with what is in them."""
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#14549c"/>'
    '<path d="M6 20l5-2 4-11 4 18 3-9 4 2" fill="none" stroke="#fff" stroke-width="2.5" stroke-linejoin="round"/></svg>'
)
_log = logging.getLogger(__name__)

Form = dict[str, str]


async def form_of(request: Request) -> Form:
    """The fields of a form; the guard has looked at its size.

    Raises:
        HTTPException: it is not a form.
    """
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(415, "only forms are taken here.")
    try:
        text = (await request.body()).decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=20, errors="strict"))
    except ValueError as error:
        raise HTTPException(400, "this form cannot be read: it is not UTF-8, or has too many fields.") from error


@dataclass(frozen=True)
class AppContext:
    """What all pages share."""

    runs_dir: Path
    database: ResultsDatabase
    pages: Pages
    reader: LiveReader
    steerer: Steerer

    def show(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page."""
        option = where(self.runs_dir / "run" / "neurons" / "neuron" / "events.jsonl")
        return HTMLResponse(self.pages.render(template, runs_dir=str(self.runs_dir), where=option, **values), status)

    def run_page(self, seen: NeuronRun, query: Mapping[str, str], status: int = 200, **more: Any) -> HTMLResponse:
        """The page of one run; `more` has the fields of a form that was refused."""
        asked = Filters.read(query)
        before, after, number, n = neighbours(self.database, asked, seen.place)
        key = (seen.place.run_id, seen.model, seen.neuron)
        values: dict[str, Any] = {"tried": None, "refused": "", "text": "", "not_saved": "", "kept": {}, "not_done": ""}
        values |= {"steered": self.steerer.look(seen)} | more
        page = self.show(
            "run.html", status, seen=seen, asked=asked, before=before, after=after, number=number, n=n,
            reviews=reviews_of(self.database, *key),
            others=others(self.database, seen.identity, seen.neuron, seen.place),
            opinions=OPINIONS, longest_note=LONGEST_NOTE, longest_name=LONGEST_NAME, longest_text=LONGEST_TEXT,
            back=asked.query(page=asked.page), **values,
        )  # fmt: skip
        if values["steered"] is not None and values["steered"].is_working and not more:
            page.headers["refresh"] = "2"  # until it asks, or has ended
        return page


def create_app(runs_dir: Path, bound: Bound, reader: LiveReader | None = None) -> Guard:
    """The app for one folder of runs, behind its guard."""
    pages = Pages()
    context = AppContext(
        runs_dir, ResultsDatabase(runs_dir, PATIENCE_S), pages, reader or LiveReader(), Steerer(runs_dir)
    )
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)

    @app.exception_handler(AgentError)
    def explained(request: Request, error: AgentError) -> Response:
        status = next((code for kind, code in _STATUSES.items() if isinstance(error, kind)), 503)
        return context.show("trouble.html", status, title="That did not work", sentence=str(error))

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return context.show("trouble.html", 404, title="Not found", sentence="There is no such page here.")
        return context.show("trouble.html", error.status_code, title="That did not work", sentence=str(error.detail))

    @app.exception_handler(RequestValidationError)
    def misread(request: Request, error: RequestValidationError) -> Response:
        return context.show("trouble.html", 400, title="That did not work", sentence="This address cannot be read.")

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        # Logged as text: logging the exception would write the value of every variable, such as a whole story.
        told = "".join(traceback.format_exception(error)).rstrip()
        _log.error("a page could not be made\n%s", "\n".join(map(visible, told.split("\n"))))
        sentence = f"unexpected {type(error).__name__}; the terminal in which `agent review` runs says more."
        return PlainTextResponse(f"That did not work: {sentence}\n", 500)

    _add_lists(app, context)
    _add_runs(app, context)

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        """Styles and scripts."""
        found = context.pages.static.get(name)
        if found is None:
            raise HTTPException(404)
        return Response(found, media_type=_TYPES[name.rpartition(".")[2]], headers=_KEPT)

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(_ICON, media_type="image/svg+xml", headers={"cache-control": "max-age=3600"})

    return Guard(app, bound)


def _add_lists(app: FastAPI, context: AppContext) -> None:
    @app.get("/")
    def results(request: Request) -> Response:
        """The list of results."""
        listing = read_listing(context.database, Filters.read(request.query_params))
        n_unfinished = len(without_result(context.database))
        return context.show(
            "list.html", listing=listing, asked=listing.asked, histogram=draw(listing.found), verdicts=VERDICTS,
            opinions=OPINIONS, n_unfinished=n_unfinished, per_page=PER_PAGE,
        )  # fmt: skip

    @app.get("/batches")
    def batches() -> Response:
        return context.show("batches.html", batches=read_batches(context.database))

    @app.get("/unfinished")
    def unfinished(request: Request) -> Response:
        run_ids = without_result(context.database)
        given = request.query_params.get("page", "")
        n_pages = max(1, -(-len(run_ids) // UNFINISHED_PER_PAGE))
        page = min(int(given), n_pages) if given.isascii() and given.isdigit() and 0 < len(given) < 9 else 1
        start = max(0, page - 1) * UNFINISHED_PER_PAGE
        shown = read_unfinished(context.runs_dir, run_ids[start : start + UNFINISHED_PER_PAGE])
        return context.show("unfinished.html", shown=shown, n=len(run_ids), page=max(1, page), n_pages=n_pages)

    @app.get("/compare")
    def compare(request: Request) -> Response:
        """Two runs side by side, or the choice of a second one."""
        a = look(context.runs_dir, context.database, Address.read(request.query_params.get("a", "")))
        if a is None:
            raise HTTPException(404)
        choices = others(context.database, a.identity, a.neuron, a.place)
        given = request.query_params.get("b", "")
        b = look(context.runs_dir, context.database, Address.read(given)) if given else None
        if given and b is None:
            raise HTTPException(404)
        found = differences(a.story, b.story, with_events=False) if a.story and b and b.story else None
        return context.show(
            "compare.html", a=a, b=b, choices=choices, found=found, outcomes=outcomes(found) if found else [],
            settings=settings(found) if found else [],
        )  # fmt: skip


def _add_runs(app: FastAPI, context: AppContext) -> None:
    def seen_at(run_id: str, folder: str) -> NeuronRun:
        seen = look(context.runs_dir, context.database, Address(run_id, folder))
        if seen is None:
            raise HTTPException(404)
        return seen

    @app.get("/runs/{run_id}/{folder}")
    def run(request: Request, run_id: str, folder: str) -> Response:
        """The story of a run, its reviews, and a box to try a text."""
        return context.run_page(seen_at(run_id, folder), request.query_params)

    @app.post("/runs/{run_id}/{folder}/review")
    def review(request: Request, run_id: str, folder: str, form: Annotated[Form, Depends(form_of)]) -> Response:
        """Keep a review, and go back to the run's page."""
        seen = seen_at(run_id, folder)
        kept = {name: form.get(name, "") for name in ("opinion", "note", "reviewer")}
        try:
            if not seen.model or not seen.neuron:
                raise BadInput("this run has not begun, so there is nothing to review yet.")
            if form.get("seen") != seen.fingerprint:
                raise BadInput("the explanation has changed since this page was opened: look again, then save.")
            if not kept["opinion"]:
                raise BadInput("choose agree, disagree or unclear.")
            made = Review(
                seen.place.run_id, seen.model, seen.neuron, kept["opinion"], kept["note"], kept["reviewer"],
                seen.explanation,
            )  # fmt: skip
            add_review(context.database, made)
        except AgentError as error:  # what the person wrote must not be lost
            status = 400 if isinstance(error, BadInput) else 503
            return context.run_page(seen, request.query_params, status, not_saved=str(error), kept=kept)
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{seen.place.url}{query}#review", 303)

    @app.post("/runs/{run_id}/{folder}/steer")
    def steer(request: Request, run_id: str, folder: str, form: Annotated[Form, Depends(form_of)]) -> Response:
        """Do what a person wants with a paused run, and go back to its page."""
        seen = seen_at(run_id, folder)
        try:
            if context.steerer.look(seen) is None:
                raise BadInput("this run is not paused.")
            given = {name: value for name, value in form.items() if name != "action" and value.strip()}
            context.steerer.act(seen, {"action": form["action"], **given} if form.get("action") else None)
        except AgentError as error:
            status = 400 if isinstance(error, BadInput) else 503
            return context.run_page(seen, request.query_params, status, not_done=str(error))
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{seen.place.url}{query}#steer", 303)

    @app.post("/runs/{run_id}/{folder}/try")
    def tried(request: Request, run_id: str, folder: str, form: Annotated[Form, Depends(form_of)]) -> Response:
        """Read the neuron on a text. Nothing is kept."""
        seen = seen_at(run_id, folder)
        text = form.get("text", "").replace("\r\n", "\n")  # as forms send line breaks
        found: dict[str, Any] = {"tried": None, "refused": "", "text": text}
        status = 200
        try:
            if seen.story is None:
                raise BadInput("the trace of this run is gone, so there is no record of what it explained.")
            found["tried"] = context.reader.read(seen.story, seen.manifest, text)
        except AgentError as error:
            found["refused"] = str(error)
            status = 400 if isinstance(error, BadInput) else 503
        if request.headers.get("x-part") == "1":
            return context.show("tried.html", status, **found)
        return context.run_page(seen, request.query_params, status, **found)
