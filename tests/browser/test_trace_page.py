"""The page of a trace in a real Chromium: what it says, what can be done on it, and that nothing in a trace is run."""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit"))
from traces_samples import sample_run

from traces.analysis.story import Story, read_story
from traces.events.kinds import event_from_line, event_to_line, predictions_sha256
from traces.html.render import story_html
from traces.html.writing import number, token

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)></script></style></title><b>javascript:alert(1)"
    "\u202e\u200b\u2028{{7*7}}{% raw %}\U0001f600%E0%A4%A \\xf0\\x9f"
)
LONG = "x" * 10_000
Event = dict[str, Any]


def events_of(version: int) -> list[Event]:
    return [json.loads(line) for line in (FIXTURES / f"trace_v{version}" / "events.jsonl").read_bytes().splitlines()]


def written(events: list[Event], folder: Path) -> Path:
    path = folder / "events.jsonl"
    path.write_bytes(b"".join(json.dumps(e | {"seq": i}).encode() + b"\n" for i, e in enumerate(events)))
    return path


Show = Callable[[list[Event]], Story]


@pytest.fixture
def show(page: Any, tmp_path: Path) -> Show:
    """Opens the page of a trace, and gives its story."""

    def open_it(events: list[Event]) -> Story:
        story = read_story(written(events, tmp_path))
        html = story_html(story, "20260131T120102Z-mini-L5N131-3f9a1c", None)
        (tmp_path / "report.html").write_text(html, encoding="utf-8")
        page.goto((tmp_path / "report.html").as_uri())
        return story

    return open_it


def floats(page: Any, selector: str, name: str) -> list[float]:
    read = page.locator(selector).evaluate_all(f"all => all.map(one => one.dataset.{name})")
    return [float(value.replace("−", "-")) for value in read]


def overflow(page: Any) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_true_and_simulated_values_are_those_of_the_trace_on_one_scale(page: Any, show: Show) -> None:
    show(events := events_of(3))
    (shown,) = [e["result"]["shown"] for e in events if e["type"] == "tool_call" and e["tool"] == "confirm"]
    theta = next(e["theta"] for e in events if e["type"] == "gathered")
    columns = "figure.s-pair .s-cols > div:nth-child({}) .s-t"
    true = [v for row in shown["excerpts"] for v in row["values"]]
    levels = [v for row in shown["excerpts"] for v in row["levels"]]
    predicted = [shown["intercept"] + shown["slope"] * level for level in levels]
    assert len(true) > 20
    assert floats(page, columns.format(1), "v") == pytest.approx(true, abs=6e-4)
    assert floats(page, columns.format(2), "v") == pytest.approx(predicted, abs=6e-4)
    assert floats(page, columns.format(2), "l") == pytest.approx(levels, abs=0.051)
    names = page.locator("figure.s-pair .s-cols > div:nth-child(1) .s-t").all_text_contents()
    assert names == [token(one) for row in shown["excerpts"] for one in row["tokens"]]
    highest = max(true + predicted)
    for column, values in ((1, true), (2, predicted)):
        classes = page.locator(columns.format(column)).evaluate_all("all => all.map(one => one.className)")
        assert [int(re.findall(r"\bh(\d+)", one)[0]) for one in classes] == [
            0 if v <= 0 else max(1, round(10 * v / highest)) for v in values
        ]
        assert ["s-fires" in one for one in classes] == [v > theta for v in values]


def test_experiments_are_filtered_and_counted(page: Any, show: Show) -> None:
    story = show(events_of(3))
    trials = [t for this in story.rounds.values() for t in this.experiments.values()]
    rows, count = page.locator(".s-exps tbody tr"), page.locator("[data-count]")
    assert rows.count() == len(trials)
    page.get_by_label("Show").select_option("fired")
    n_fired = sum(t.fired is True for t in trials)
    assert count.inner_text() == f"{n_fired} of {len(trials)} shown"
    assert page.locator(".s-exps tbody tr:not([hidden])").count() == n_fired
    winner = next(name for name, h in story.hypotheses.items() if h.sentence == story.result.explanation)
    page.get_by_label("Show").select_option("wrong")
    n_wrong = sum(winner in t.predicted and t.was_wrong(winner) for t in trials)
    assert count.inner_text() == f"{n_wrong} of {len(trials)} shown"
    page.get_by_label("Show").select_option("")
    page.get_by_label("Text, generator or rival").fill("TRUNCATION")
    n_cut = sum(t.experiment.generator == "truncation" for t in trials)
    assert n_cut > 0
    assert count.inner_text() == f"{n_cut} of {len(trials)} shown"
    page.get_by_label("Text, generator or rival").fill("nothing has this in it")
    assert count.inner_text() == f"0 of {len(trials)} shown"
    page.get_by_label("Text, generator or rival").fill("")
    assert count.inner_text() == ""
    assert page.locator(".s-exps tbody tr:not([hidden])").count() == len(trials)


def test_a_link_to_an_experiment_opens_its_round(page: Any, show: Show) -> None:
    show(events_of(3))
    for round_ in page.locator("details.s-round[open] > summary").all():
        round_.click()
    link = page.locator(".s-lost a").first
    name = link.inner_text()
    link.click()
    row = page.locator(f"#e-{name}")
    row.wait_for(state="visible")
    assert row.evaluate("(row) => row.matches(':target')")
    page.evaluate("location.hash = '#%'")  # anybody can write a link
    page.wait_for_timeout(50)


def test_the_theme_is_switched(page: Any, show: Show) -> None:
    page.emulate_media(color_scheme="light")
    show(events_of(3))
    back = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(back)
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(back) != light
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(back) == light


def test_arrow_keys_move_through_tokens_and_say_their_values(page: Any, show: Show) -> None:
    show(events := events_of(3))
    (shown,) = [e["result"]["shown"] for e in events if e["type"] == "tool_call" and e["tool"] == "confirm"]
    first = shown["excerpts"][0]
    readout = page.locator("[data-readout]")
    assert readout.get_attribute("aria-live") == "polite"
    page.locator(".s-pair .s-heat").first.focus()

    def said(at: int) -> str:
        value = shown["intercept"] + shown["slope"] * first["levels"][at]
        name, level = token(first["tokens"][at]), number(first["levels"][at], 1)
        return f"{name}: true {number(first['values'][at])}, simulated {number(value)} (level {level})"

    for at in (0, 1, 2):
        page.keyboard.press("ArrowRight")
        assert readout.inner_text() == said(at)
    page.keyboard.press("ArrowLeft")
    assert readout.inner_text() == said(1)
    assert page.locator(".s-pair .s-heat").first.get_attribute("aria-description") == said(1)
    page.locator("figure.s-pair .s-cols > div:nth-child(2) .s-t").first.hover()
    assert readout.inner_text() == said(0)


def test_it_fits_a_phone(page: Any, show: Show) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    show(events_of(3))
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert overflow(page) <= 0


def test_it_can_be_printed(page: Any, show: Show) -> None:
    show(events_of(3))
    assert page.pdf().startswith(b"%PDF")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details.s-round:not([open])").count() == 0
    page.emulate_media(media="print")
    assert not page.locator("header.top").is_visible()


def test_it_says_everything_without_javascript(browser: Any, show: Show, page: Any) -> None:
    show(events_of(3))
    context = browser.new_context(java_script_enabled=False)
    try:
        plain = context.new_page()
        plain.goto(page.url)
        for name in ("scores", "rivals", "heatmaps", "tests", "experiments", "calibration", "output", "cost", "replay"):
            assert plain.locator(f"section h2#{name}").is_visible()
        assert plain.locator(".s-minute dt").count() == 5
        assert plain.locator("figure.s-pair .s-t").first.get_attribute("title")
        assert not plain.locator("[data-filter]").is_visible()
        assert not plain.locator("[data-theme-toggle]").is_visible()
        plain.locator("details.s-round summary").last.click()
        assert plain.locator("details.s-round").last.locator("tbody tr").first.is_visible()
    finally:
        context.close()


def poisoned(events: list[Event]) -> list[Event]:
    """Every name, sentence and token of a trace hostile."""
    events = copy.deepcopy(events)
    names = {e["hypothesis"] for e in events if e["type"] == "hypothesis_proposed"}
    bad = {name: f"{name}{HOSTILE}" for name in names}
    ids = {one["id"] for e in events if e["type"] == "experiments_designed" for one in e["experiments"]}

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {bad.get(key, key): renamed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [renamed(item) for item in value]
        return bad.get(value, value) if isinstance(value, str) else value

    def new_id(name: str) -> str:
        known = name.removesuffix("-before")
        assert known in ids
        return f"{known} {HOSTILE}{name[len(known) :]}"

    out = []
    for event in events:
        if event["type"] != "tool_call":
            event = renamed(event)
        match event["type"]:
            case "run_started":
                event |= {"model": HOSTILE, "neuron": HOSTILE, "versions": {HOSTILE: HOSTILE}, "commit": HOSTILE}
                event["corpus"]["name"] = HOSTILE
                event["config"] |= {HOSTILE: HOSTILE, "variant": HOSTILE}
            case "hypothesis_proposed":
                event |= {"sentence": f"{event['sentence']} `{HOSTILE}` {HOSTILE}", "form": HOSTILE, "parent": HOSTILE}
            case "experiments_designed":
                for at, one in enumerate(event["experiments"]):
                    one |= {"id": new_id(one["id"]), "generator": HOSTILE, "purpose": HOSTILE}
                    if one["tokens"]:
                        one["tokens"] = [LONG if at == 0 else HOSTILE, *one["tokens"][1:]]
                    if change := one["expectations"].get("change"):
                        change["removed"] = [HOSTILE]
            case "predictions_registered":
                event["experiment_ids"] = [new_id(name) for name in event["experiment_ids"]]
                event["sha256"] = predictions_sha256(event["predictions"])
            case "readings_revealed":
                event["experiment_ids"] = [new_id(name) for name in event["experiment_ids"]]
            case "person_acted":
                event["text"] = HOSTILE
            case "decided" | "note":
                event["reason" if "reason" in event else "message"] = HOSTILE
            case "tool_call":
                event["error"] = {"kind": HOSTILE, "message": HOSTILE}
                asked = {"model": HOSTILE, "prompt": HOSTILE, "key": "k", "question": HOSTILE, "reply": None}
                event["llm"] = [asked | {"role": HOSTILE, "error": HOSTILE}]
                if event["tool"] == "confirm":
                    for row in event["result"]["shown"]["excerpts"]:
                        row["stratum"] = "top"
                        row["tokens"][:4] = [HOSTILE, LONG, "\\xf0\\x9f", "\\x98\\x80"]
                elif event["tool"] == "claim_output":
                    event["result"]["promoted"] = [[HOSTILE, 1.0]]
            case "finished":
                result = event["result"]
                result |= {"verdict": HOSTILE, "reason": HOSTILE, "stop_reason": HOSTILE}
                result["explanation"] = f"{result['explanation']} `{HOSTILE}` {HOSTILE}"
                for claim in result["claims"]:
                    claim["clause"] = HOSTILE
                for baseline in result["baselines"].values():
                    baseline |= {"value": None, "reason": HOSTILE}
        out.append(event)
    return out


def test_nothing_in_a_trace_does_anything(page: Any, show: Show) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    show(poisoned(events_of(3)))
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    for box in page.locator(".s-heat").all()[:3]:
        box.focus()
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(100)
    assert dialogs == []
    assert [url for url in asked if not url.startswith("data:")] == [page.url]
    assert page.locator("script").count() == 1
    assert page.locator("style").count() == 1
    assert page.locator("img, iframe, object, embed, b, link[rel=stylesheet], [onerror], [onclick]").count() == 0
    hrefs = page.locator("a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert all(re.fullmatch(r"#[A-Za-z0-9_.-]+", href) for href in hrefs)
    ids = page.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in hrefs} <= set(ids)
    text = page.locator("html").text_content()
    assert not set(text) & set("\u202e\u200b\u2028")
    every = "[...document.querySelectorAll('*')].flatMap(one => [...one.attributes].map(own => own.value))"
    attributes = page.evaluate(every)
    assert not set("".join(attributes)) & set("\u202e\u200b\u2028")
    assert "<script>alert(1)</script>" in text
    assert "\\u202e\\u200b" in text
    assert "{{7*7}}{% raw %}😀" in text
    assert "49{%" not in text
    assert "(10,000 characters)" in text
    assert LONG[:500] not in text
    assert overflow(page) <= 0
    page.locator(".s-lost a").first.click()
    assert page.locator("tr:target").is_visible()


def test_hostile_text_fits_a_phone(page: Any, show: Show) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    show(poisoned(events_of(3)))
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert overflow(page) <= 0


@pytest.mark.parametrize("version", [1, 2])
def test_older_traces_are_shown(page: Any, show: Show, version: int) -> None:
    story = show(events_of(version))
    assert page.locator(".s-verdict").inner_text() == story.result.verdict
    assert f"r = {story.result.score.value:.2f} on unseen text" in page.locator(".s-big").inner_text()
    assert page.locator(".s-examples").count() == 0  # which only newer results have
    assert "no values token by token" in page.locator("section", has=page.locator("#heatmaps")).inner_text()
    assert page.locator(".s-exps tbody tr").count() == sum(len(r.experiments) for r in story.rounds.values())
    assert "no score (" in page.locator("section", has=page.locator("#scores")).inner_text()
    assert page.locator("#trouble").is_visible()


@pytest.mark.parametrize("n", [1, 5, 14, 24, 31, 45, 70, 92])
def test_an_unfinished_run_says_how_far_it_went(page: Any, show: Show, n: int) -> None:
    story = show(events_of(3)[:n])
    assert "This run is interrupted" in page.locator(".s-warn").first.inner_text()
    assert "agent resume" in page.locator(".s-warn").first.inner_text()
    text = page.locator("article").inner_text()
    assert "no score (sealed text is scored at the end" in text
    assert "Open until the run has ended" in text
    if story.beliefs:
        assert "leads so far" in text


def test_a_damaged_trace_says_what_is_wrong(page: Any, tmp_path: Path) -> None:
    lines = written(events_of(3), tmp_path).read_bytes().splitlines()
    (tmp_path / "events.jsonl").write_bytes(b"\n".join([*lines[:5], b"{<script>", *lines[6:]]) + b"\n")
    story = read_story(tmp_path / "events.jsonl")
    (tmp_path / "report.html").write_text(story_html(story, "run", None), encoding="utf-8")
    page.goto((tmp_path / "report.html").as_uri())
    assert page.locator(".s-verdict").inner_text() == "damaged"
    assert "line 6 of" in page.locator("article").inner_text()
    assert page.locator("#experiments").count() == 0


def test_what_was_found_stands_first_and_is_marked(page: Any, show: Show) -> None:
    """Whoever opens the page sees label, sentence, score and marked text before they scroll."""
    page.set_viewport_size({"width": 1280, "height": 800})
    story = show([event.model_dump(mode="json") for event in sample_run()])
    head = page.locator(".s-head").inner_text()
    order = [head.index(one) for one in ("imports", story.result.explanation, "supported", "r = 0.61", "os")]
    assert order == sorted(order)
    marks = page.locator("mark")
    assert marks.first.inner_text() == "import"
    for at in range(3):
        box = marks.nth(at).bounding_box()
        assert box["y"] + box["height"] < 800
    assert "predicts better (r = 0.70)" in head


def test_a_dead_neuron_has_no_explanation_and_no_zero(page: Any, show: Show) -> None:
    head = events_of(3)[:3]
    none = {"value": None, "reason": "the neuron never fires on this text"}
    result = {"verdict": "dead", "explanation": None, "score": none, "development_score": none, "baselines": {}}
    gathered = {"at": "", "type": "gathered", "theta": 0.0, "status": "dead", "n_explore_excerpts": 100, "counts": {}}
    show([*head, gathered, {"at": "", "type": "finished", "result": result}])
    assert page.locator(".s-verdict").inner_text() == "dead"
    assert page.locator(".s-big").inner_text() == "no score on unseen text: the neuron never fires on this text"
    assert "There is no explanation: the neuron never fires on this text." in page.locator(".s-sentence").inner_text()
    assert "No experiment was made." in page.locator("article").inner_text()


def test_llm_calls_are_told_by_role_with_their_price(page: Any, show: Show) -> None:
    events = events_of(3)
    asked = {
        "model": "openai:m", "prompt": "p/1", "key": "k", "question": "q", "reply": "r", "input_tokens": 1000,
        "output_tokens": 500, "usd": 0.25,
    }  # fmt: skip
    calls = [e for e in events if e["type"] == "tool_call"]
    calls[0]["llm"] = [asked | {"role": "explainer"}, asked | {"role": "simulator"}]
    calls[1]["llm"] = [asked | {"role": "simulator", "reply": None, "error": "late <b>", "usd": None}]
    show(events)
    cost = page.locator("section", has=page.locator("#cost"))
    rows = cost.locator("table", has_text="LLM calls by role").locator("tbody tr").all_inner_texts()
    assert [re.split(r"\s*\t\s*", row) for row in rows] == [
        ["explainer", "1", "0", "1,500", "0.2500"], ["simulator", "2", "1", "3,000", "price unknown"],
    ]  # fmt: skip
    assert "4,500 LLM tokens, price unknown" in cost.inner_text()
    assert "1 × late <b>" in page.locator("section", has=page.locator("#trouble")).inner_text()


def test_half_a_character_is_told_by_its_number(page: Any, tmp_path: Path) -> None:
    lines = [event_to_line(event.model_copy(update={"seq": i})) for i, event in enumerate(sample_run())]
    half = [line.replace(b"swap", b"\\ud83d") for line in lines]
    assert event_from_line(next(line for line in half if b"ud83d" in line), "here")
    (tmp_path / "events.jsonl").write_bytes(b"".join(half))
    html = story_html(read_story(tmp_path / "events.jsonl"), "run", None)
    (tmp_path / "report.html").write_text(html, encoding="utf-8")
    page.goto((tmp_path / "report.html").as_uri())
    assert "\\ud83d" in page.locator(".s-exps").first.inner_text()
