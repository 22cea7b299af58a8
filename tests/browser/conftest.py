"""What the tests in a real browser share: headless Chromium, and a page that fails the test on any error or request."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

INSTALL = "install one (Debian: apt-get install chromium), and Playwright with: pip install -e '.[test]'"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# No sandbox: in a container, where root runs the tests, Chromium does not start with it.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


# Not for the session: as long as Playwright runs, its event loop is that of the thread, and the tests of other modules
# that call asyncio.run would fail.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium, started once for each module of tests."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip(f"there is no Playwright here: {INSTALL}")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"there is no Chromium here: {INSTALL}")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


def is_allowed(url: str) -> bool:
    """Whether a page may ask for it: a file, something inside the page itself, or a server on this machine."""
    parts = urlsplit(url)
    return parts.scheme in ("file", "data", "blob", "about") or parts.hostname in LOCAL


class Complaints(list[str]):
    """What went wrong on a page. A test that wants an error takes it out: `page.complaints.expect("404")`."""

    def expect(self, pattern: str) -> None:
        """Take out the complaints in which the regular expression is found; there must be one at least."""
        found = [complaint for complaint in self if re.search(pattern, complaint)]
        assert found, f"nothing complained of {pattern!r}: {list(self)}"
        self[:] = [complaint for complaint in self if complaint not in found]


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of its own context; errors, and requests that leave this machine (they are refused), fail the test."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(20_000)
    complaints = Complaints()

    def on_request(route: Any) -> None:
        if is_allowed(route.request.url):
            route.continue_()
        else:
            complaints.append(f"request to {route.request.url[:200]}")
            route.abort()

    def on_console(message: Any) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    context.route("**/*", on_request)
    context.on("console", on_console)
    context.on("weberror", lambda error: complaints.append(f"page error: {error.error}"))
    opened = context.new_page()
    opened.complaints = complaints
    yield opened
    context.close()
    assert not complaints, "\n".join(complaints)
