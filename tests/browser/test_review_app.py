"""The review app in a real Chromium: filters, search, reviews, live reading, two runs side by side."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit"))
from review_samples import HOSTILE, Client, make_run, result_of, run_id_of, serving

from agent.run.runner import start_run
from agent.setup.activations import read
from agent.setup.config import RunConfig
from traces.database.results import ResultsDatabase
from traces.database.reviews import labels
from traces.text.console import QuietDisplay

TEXT = "import os\nfrom spam import \u202eeggs"
LONG = "x" * 10_000


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two whole runs on a real neuron of the bundled model, and made-up ones beside them."""
    runs = tmp_path_factory.mktemp("runs")
    for variant in ("tournament", "one-shot"):
        config = RunConfig.checked(
            target="L5N131", model="mini", corpus_tokens=60_000, budget=3, variant=variant, index="none", causal=False
        )
        start_run(config, runs, QuietDisplay())
    make_run(runs, result_of(3, "L4N2", value=0.9, explanation=HOSTILE, variant=HOSTILE))
    make_run(runs, result_of(4, "L3N3", verdict="dead", score={"value": None, "reason": f"never {HOSTILE}"}))
    make_run(runs, result_of(5, "L2N5", value=0.2, verdict="unresolved", explanation=f"Fires on `{LONG}` (9)."))
    make_run(runs, result_of(6, "L1N6"), is_finished=False)
    return runs


@pytest.fixture(scope="module")
def app(runs_dir: Path) -> Iterator[Client]:
    with serving(runs_dir) as client:
        yield client


def follow(page: Any, link: Any) -> None:
    """Click on it, and wait until the page behind it and its scripts are there: what comes next may need them."""
    with page.expect_navigation():
        link.click()


def neurons(page: Any) -> list[str]:
    return [text.strip() for text in page.locator(".r-results tbody th a").all_inner_texts()]


def test_filters_sort_and_search_are_in_the_address(app: Client, page: Any) -> None:
    page.goto(app.origin)
    assert neurons(page) == ["L5N131", "L2N5", "L3N3", "L4N2"]
    page.locator("select[name=verdict]").select_option("unresolved")
    page.wait_for_url("**/?verdict=unresolved")
    assert "L2N5" in neurons(page)
    follow(page, page.get_by_role("link", name="Clear"))
    page.get_by_role("link", name="Score on sealed text").click()
    page.wait_for_url("**/?sort=-score")
    assert neurons(page)[0] == "L4N2"
    assert neurons(page)[-1] == "L3N3"
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("Score")
    page.get_by_label("Score at least").fill("0.8")
    page.keyboard.press("Enter")
    page.wait_for_url("**above=0.8**")
    assert neurons(page) == ["L4N2"]
    page.go_back()
    page.locator("select[name=runs]").select_option("all")
    page.wait_for_url("**runs=all**")
    assert neurons(page).count("L5N131") == 2
    page.goto(app.origin)
    page.get_by_label("Token", exact=True).fill("import")
    page.keyboard.press("Enter")
    page.wait_for_url("**token=import**")
    assert "L4N2" in neurons(page)
    assert "L5N131" not in page.locator(".r-message").all_inner_texts()


def test_the_first_marked_token_of_the_list_is_on_the_first_screen(app: Client, page: Any) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(app.origin)
    box = page.locator(".r-results mark").first.bounding_box()
    assert box["y"] + box["height"] < 800
    row = page.locator(".r-results tbody tr", has_text="L2N5")
    assert row.locator("strong").inner_text() == "imports"
    assert row.locator(".r-examples li").count() == 3


def test_the_histogram_counts_what_is_shown(app: Client, page: Any) -> None:
    page.goto(f"{app.origin}/?runs=all")
    bars = page.locator(".r-histogram rect[x] title").all_text_contents()
    n_scored = int(re.findall(r"(\d+) with a score", page.locator(".r-histogram figcaption").inner_text())[0])
    assert sum(int(bar.split(": ")[1].split(" ")[0]) for bar in bars) == n_scored
    assert page.locator(".r-results .r-score .r-number").count() == n_scored
    page.locator(".r-unscored summary").click()
    assert "1 × never" in page.locator(".r-unscored").inner_text()


def test_a_review_is_written_and_seen_after_a_restart(runs_dir: Path, page: Any) -> None:
    with serving(runs_dir) as app:
        page.goto(app.origin)
        follow(page, page.get_by_role("link", name="L2N5"))
        page.get_by_role("radio", name="Disagree").check()
        page.get_by_label("Note").fill(f"not so: {HOSTILE}\nsecond line")
        page.get_by_label("Your name").fill("Ada")
        page.get_by_role("button", name="Save").click()
        page.wait_for_url("**#review")
        assert "✗ disagree" in page.locator(".r-history").inner_text()
    with serving(runs_dir) as again:
        page.goto(again.origin + "/?review=disagree")
        assert neurons(page) == ["L2N5"]
        follow(page, page.get_by_role("link", name="L2N5"))
        said = page.locator(".r-history").inner_text()
        assert "Ada" in said
        assert "second line" in said
    (kept,) = labels(ResultsDatabase(runs_dir))
    assert (kept["opinion"], kept["reviewer"], kept["run_id"]) == ("disagree", "Ada", run_id_of(5))


def test_a_text_is_read_live_beside_what_the_explanation_predicts(app: Client, page: Any) -> None:
    page.goto(app.origin)
    follow(page, page.get_by_role("link", name="L5N131").first)
    page.get_by_label("Text", exact=True).fill(TEXT)
    page.get_by_role("button", name="Read").click()
    strips = page.locator(".r-strip")
    strips.nth(1).wait_for()
    shown = [float(v) for v in page.locator(".r-strip [data-value]").evaluate_all("e => e.map(x => x.dataset.value)")]
    assert shown == read("L5N131", TEXT, model="mini").values
    assert strips.nth(0).inner_text() == strips.nth(1).inner_text()
    assert "\\n" in strips.nth(0).inner_text()
    assert "␣import" in strips.nth(0).inner_text()
    assert page.url.endswith("mini.L5N131?") or "/runs/" in page.url
    page.get_by_label("Text", exact=True).fill("y " * 1_900)
    page.get_by_role("button", name="Read").click()
    page.get_by_role("alert").wait_for()
    assert "tokens" in page.get_by_role("alert").inner_text()
    page.complaints.expect("status of 400")


def test_a_text_is_read_without_a_script_too(app: Client, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(app.origin)
    follow(page, page.locator("text=L5N131").first)
    page.locator("textarea[name=text]").fill("import os")
    follow(page, page.locator("button", has_text="Read"))
    assert page.locator(".r-strip").count() == 2
    assert page.locator("textarea[name=text]").input_value() == "import os"
    context.close()


def test_two_variants_stand_side_by_side(app: Client, page: Any) -> None:
    page.goto(app.origin)
    follow(page, page.get_by_role("link", name="L5N131").first)
    follow(page, page.get_by_role("link", name=re.compile("^Compare")))
    with page.expect_navigation(url="**b=**"):
        page.locator("select[name=b]").select_option(index=1)
    sides = page.locator(".r-side")
    assert sides.count() == 2
    boxes = [sides.nth(n).bounding_box() for n in (0, 1)]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    assert page.locator("tr", has_text="variant").first.inner_text().split("\t")[1:] == ["one-shot", "tournament"]
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))

    def top(name: str) -> float:
        return float(page.locator(f"#{name}").bounding_box()["y"])

    for part in ("minute", "scores", "rivals", "heatmaps", "experiments", "cost", "replay"):
        assert abs(top(f"a-{part}") - top(f"b-{part}")) < 60, part  # what is compared stands at one height
    page.set_viewport_size({"width": 390, "height": 800})
    assert top("b") > top("a-replay")
    assert page.locator(".r-differences caption").first.bounding_box()["width"] > 300
    page.get_by_role("link", name="B", exact=True).click()
    assert page.evaluate("Math.abs(document.querySelector('#b').getBoundingClientRect().top) < 60")


def test_hostile_text_does_nothing(app: Client, page: Any) -> None:
    page.on("dialog", lambda dialog: pytest.fail("a script of a trace was run"))
    place = f"{run_id_of(3)}/mini.L4N2"
    for path in (
        "/?runs=all",
        f"/runs/{place}",
        f"/compare?a={place}&b={run_id_of(5)}/mini.L2N5",
        f"/?q={HOSTILE[:8]}",
    ):
        page.goto(app.origin + path)
        assert page.locator("img").count() == 0
        assert "\u202e" not in page.locator("body").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_another_page_can_neither_read_nor_write(app: Client, browser: Any, runs_dir: Path) -> None:
    """A page of somebody else's in the same browser: its form, its script and its frame all fail."""
    before = len(labels(ResultsDatabase(runs_dir)))
    context = browser.new_context()
    page = context.new_page()
    page.route(
        "http://evil.test/**",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f"""<form method=post action="{app.origin}/runs/{run_id_of(5)}/mini.L2N5/review">
            <input name=opinion value=agree><button>go</button></form><iframe src="{app.origin}/"></iframe>""",
        ),
    )
    page.goto("http://evil.test/")
    said = page.evaluate(f"fetch('{app.origin}/').then(r => r.text(), e => 'refused')")
    assert said == "refused"
    frame = page.frames[1]
    assert "L5N131" not in frame.content()
    page.get_by_role("button").click()
    page.wait_for_url(f"{app.origin}/**")
    assert "Refused" in page.content()
    assert len(labels(ResultsDatabase(runs_dir))) == before
    context.close()


@pytest.mark.parametrize("path", ["/", "/batches", "/unfinished", f"/runs/{run_id_of(3)}/mini.L4N2"])
def test_nothing_is_wider_than_a_phone(app: Client, page: Any, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(app.origin + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
