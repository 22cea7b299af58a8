"""The review app over HTTP: what it shows, what it refuses, and what it survives."""

import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from review_samples import HOSTILE, Client, make_run, result_of, run_id_of, serving

from agent.review.filters import Filters
from agent.review.guard import LARGEST_BODY, Bound
from agent.review.histogram import draw
from agent.review.serve import listen
from tools.errors import BadInput, StorageError
from traces.database.batches import Entry, add_batch
from traces.database.results import ResultsDatabase
from traces.database.reviews import labels
from traces.database.selection import Brief
from traces.events.store import TraceWriter

PLACE = f"/runs/{run_id_of(1)}/mini.L5N131"


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    make_run(runs, result_of(1))
    make_run(runs, result_of(2, variant="one-shot", value=0.2, verdict="unresolved"))
    make_run(runs, result_of(3, "L10N2", value=0.9, explanation=HOSTILE))
    make_run(runs, result_of(4, "L9N3", verdict="dead", score={"value": None, "reason": "never fires"}))
    make_run(runs, result_of(5, "L1N1"), is_finished=False)
    return runs


@pytest.fixture(scope="module")
def app(runs_dir: Path) -> Iterator[Client]:
    with serving(runs_dir) as client:
        yield client


def neurons(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="[^"]*">(L\d+N\d+)</a>', text)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["L9N3", "L10N2", "L5N131"]),
        ("?runs=all&sort=run", ["L5N131", "L5N131", "L10N2", "L9N3"]),
        ("?sort=-score", ["L10N2", "L5N131", "L9N3"]),
        ("?sort=neuron", ["L5N131", "L9N3", "L10N2"]),
        ("?layer=5", ["L5N131"]),
        ("?neuron=l9n3", ["L9N3"]),
        ("?neuron=131", ["L5N131"]),
        ("?verdict=dead", ["L9N3"]),
        ("?above=0.5", ["L10N2"]),
        ("?below=0.5", ["L5N131"]),
        ("?scored=no", ["L9N3"]),
        ("?variant=one-shot", ["L5N131"]),
        ("?model=gpt2", []),
        ("?q=script", ["L10N2"]),
        ("?token=import&runs=all&token_is=fired&layer=10", ["L10N2"]),
        ("?review=any", []),
        ("?page=99", ["L9N3", "L10N2", "L5N131"]),
    ],
)
def test_the_list_shows_what_is_asked_for(app: Client, query: str, found: list[str]) -> None:
    reply = app.get(f"/{query}")
    assert reply.status == 200
    assert neurons(reply.text) == found


def test_results_without_a_score_are_counted_with_their_reasons(app: Client) -> None:
    text = app.get("/").text
    assert "1 without a score" in text
    assert "1 × never fires" in text
    assert "2 with a score, from 0.200 to 0.900, median 0.550." in text


def test_what_cannot_be_asked_is_left_out_and_said(app: Client) -> None:
    reply = app.get("/?above=much&verdict=great&sort=score;DROP&layer=-1&neuron=x&page=%00")
    assert reply.status == 200
    assert reply.text.count("Left out: ") == 5
    assert len(neurons(reply.text)) == 3


def test_an_address_says_only_what_is_not_usual() -> None:
    asked = Filters.read({"verdict": "dead", "page": "3", "sort": "-run", "q": " a&b "})
    assert asked.query() == "?q=a%26b&verdict=dead"
    assert asked.query(page=4) == "?q=a%26b&verdict=dead&page=4"
    assert asked.sorted_by("score") == "?q=a%26b&verdict=dead&sort=-score"
    assert Filters.read({"neuron": "L3N7"}).selection().layer == 3


@pytest.mark.parametrize("path", ["/", "/batches", "/unfinished", PLACE, "/static/review.css", "/nothing", "/compare"])
def test_every_reply_says_what_a_browser_may_do(app: Client, path: str) -> None:
    reply = app.get(path)
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "same-origin"
    assert "server" not in reply.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:{port}", "localhost.evil.example:{port}", "x:y"]
)
def test_another_name_that_points_here_is_refused(app: Client, host: str) -> None:
    reply = app.get("/", host=host.format(port=app.port))
    assert reply.status == 421
    assert "L5N131" not in reply.text


def test_own_names_are_answered(app: Client) -> None:
    for name in ("127.0.0.1", "localhost", "LOCALHOST"):
        assert app.get("/", host=f"{name}:{app.port}").status == 200


def test_what_is_own_depends_on_where_it_listens() -> None:
    everywhere, one = Bound("0.0.0.0", 80), Bound("192.168.1.5", 9000)
    assert everywhere.is_own("10.1.2.3")
    assert everywhere.is_own("[fe80::1]:80")
    assert not everywhere.is_own("evil.example")
    assert not everywhere.is_local
    assert one.is_own("192.168.1.5:9000")
    assert not one.is_own("localhost:9000")
    assert not one.is_local
    assert Bound("::1", 1).is_own("[::1]:1")
    assert Bound("localhost", 1).is_local


REVIEW = {"opinion": "agree", "note": "n", "reviewer": "Ada", "seen": ""}


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:1"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_nobody_else_can_write(app: Client, runs_dir: Path, headers: dict[str, str]) -> None:
    for what in ("review", "try"):
        assert app.post(f"{PLACE}/{what}", REVIEW, **headers).status == 403
    assert labels(ResultsDatabase(runs_dir)) == []


def test_a_form_must_be_one_and_not_too_large(app: Client) -> None:
    assert app.post(f"{PLACE}/review", b"{}", content_type="application/json").status == 415
    assert app.post(f"{PLACE}/review", b"note=" + b"x" * LARGEST_BODY).status == 413
    assert app.post(f"{PLACE}/review", b"note=%ff").status == 400
    assert app.post(f"{PLACE}/review", "&".join(f"a{n}=1" for n in range(30)).encode()).status == 400


def test_nothing_is_changed_by_get(app: Client, runs_dir: Path) -> None:
    assert app.get(f"{PLACE}/review?opinion=agree").status == 405
    assert app.get(f"{PLACE}/try?text=a").status == 405
    assert app.ask("DELETE", PLACE, None, {}).status == 405
    assert labels(ResultsDatabase(runs_dir)) == []


@pytest.mark.parametrize(
    "path",
    [
        "/runs/../../etc/passwd",
        "/runs/%2e%2e/x",
        "/runs/..%2f..%2fetc/mini.L5N131",
        f"/runs/{run_id_of(1)}/..",
        f"/runs/{run_id_of(1)}/%2e%2e",
        f"/runs/{run_id_of(1)}/..%5c..",
        f"/runs/{run_id_of(1)}/mini.L5N131%00",
        f"/runs/{run_id_of(1)}/mini.L5N132",
        f"/runs/{'a' * 5000}/x",
        "/static/..%2fapp.py",
        "/static/app.py",
        "/docs",
        "/openapi.json",
    ],
)
def test_no_address_leads_anywhere_else(app: Client, path: str) -> None:
    reply = app.get(path)
    assert reply.status in (404, 405)
    assert "root:" not in reply.text


def test_a_place_of_a_comparison_leads_nowhere_else(app: Client) -> None:
    assert app.get("/compare?a=../..").status == 404
    assert app.get("/compare?a=").status == 400
    assert app.get(f"/compare?a={run_id_of(1)}/mini.L5N131&b=../../x").status == 404


def test_hostile_text_is_text(app: Client) -> None:
    for path in ("/", f"/runs/{run_id_of(3)}/mini.L10N2", f"/compare?a={run_id_of(3)}/mini.L10N2", "/?q=%3Cscript%3E"):
        text = app.get(path).text
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "\u202e" not in text
        assert "\x07" not in text


def seen_by(text: str) -> str:
    found = re.search(r'name="seen" value="(\w+)"', text)
    assert found is not None
    return found[1]


def test_a_review_is_saved_and_seen_again(tmp_path: Path) -> None:
    make_run(tmp_path, result_of(1))
    with serving(tmp_path) as app:
        form = {"opinion": "disagree", "note": f"{HOSTILE}\r\nline 2", "reviewer": "Ada <b>", "seen": ""}
        refused = app.post(f"{PLACE}/review?layer=5", form)
        assert refused.status == 400
        assert "the explanation has changed since this page was opened" in refused.text
        assert "line 2</textarea>" in refused.text
        form["seen"] = seen_by(app.get(PLACE).text)
        saved = app.post(f"{PLACE}/review?layer=5", form)
        assert (saved.status, saved.headers["location"]) == (303, f"{PLACE}?layer=5#review")
        assert "choose agree" in app.post(f"{PLACE}/review", {**form, "opinion": ""}).text
    with serving(tmp_path) as app:
        text = app.get(PLACE).text
        assert "✗ disagree" in text
        assert "Ada &lt;b&gt;" in text
        assert "<br>line 2" in text
        assert "<script>alert" not in text
        assert "✗ disagree" in app.get("/?review=disagree").text
    (kept,) = labels(ResultsDatabase(tmp_path))
    assert (kept["opinion"], kept["explanation"]) == ("disagree", result_of(1).explanation)


def test_a_trace_that_is_gone_damaged_or_being_written_is_told(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        make_run(tmp_path, result_of(number, f"L1N{number}"))
    make_run(tmp_path, result_of(4, "L1N4"), is_finished=False)
    shutil.rmtree(tmp_path / run_id_of(1))
    damaged = tmp_path / run_id_of(2) / "neurons" / "mini.L1N2" / "events.jsonl"
    lines = damaged.read_bytes().splitlines(keepends=True)
    damaged.write_bytes(lines[0] + b'{"half\n' + b"".join(lines[1:]))
    half = tmp_path / run_id_of(3) / "neurons" / "mini.L1N3" / "events.jsonl"
    half.write_bytes(b"".join(half.read_bytes().splitlines(keepends=True)[:6]) + b'{"type":"too')
    with serving(tmp_path) as app:
        gone = app.get(f"/runs/{run_id_of(1)}/mini.L1N1")
        assert (gone.status, "The trace of this run is gone" in gone.text) == (200, True)
        broken = app.get(f"/runs/{run_id_of(2)}/mini.L1N2")
        assert (broken.status, "is damaged" in broken.text) == (200, True)
        for number in (3, 4):
            assert app.get(f"/runs/{run_id_of(number)}/mini.L1N{number}").status == 200
        half.write_bytes(b"")
        assert app.get(f"/runs/{run_id_of(3)}/mini.L1N3").status == 200
        half.unlink()
        empty = app.get(f"/runs/{run_id_of(3)}/mini.L1N3")
        assert (empty.status, "folder has no trace" in empty.text) == (200, True)
        unfinished = app.get("/unfinished").text
        assert neurons_without_result(unfinished) == ["mini.L1N4"]
        assert "interrupted" in unfinished
        assert f"agent resume {run_id_of(4)} --runs-dir {tmp_path}</code>" in unfinished


def neurons_without_result(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="[^"]*">([^<]+)</a>', text)


def test_a_folder_without_runs_says_so(tmp_path: Path) -> None:
    with serving(tmp_path / "none") as app:
        first = app.get("/").text
        assert "There are no results in" in first
        for command in ("agent explain L5N131", "agent results rebuild"):
            assert f"<code>{command} --runs-dir {tmp_path / 'none'}</code>" in first
        assert "There are no batches in" in app.get("/batches").text
        assert "Every run here has a result" in app.get("/unfinished").text
    assert not (tmp_path / "none").exists()


def test_batches_lead_to_their_results(tmp_path: Path) -> None:
    make_run(tmp_path, result_of(1))
    make_run(tmp_path, result_of(2, "L1N2"))
    database = ResultsDatabase(tmp_path)
    entries = [Entry("L5N131", 5, 131), Entry("L1N9", 1, 9), Entry("L1N8", 1, 8)]
    batch = add_batch(database, "mini", "f", {"variant": "one-shot"}, {"layers": [1, 5]}, entries)
    with database.transaction() as connection:
        connection.execute(
            "UPDATE batch_neurons SET status = 'done', run_id = ? WHERE neuron = 'L5N131'", (run_id_of(1),)
        )
        connection.execute("UPDATE batch_neurons SET status = 'failed', reason = '<b>boom' WHERE neuron = 'L1N9'")
    with serving(tmp_path) as app:
        text = app.get("/batches").text
        assert "<strong>1</strong> of 3 done · 1 failed · 1 waiting" in text
        assert "&lt;b&gt;boom" in text
        assert neurons(app.get(f"/?batch={batch.batch_id}").text) == ["L5N131"]


def test_two_runs_side_by_side_say_where_they_differ(app: Client) -> None:
    a, b = f"{run_id_of(1)}/mini.L5N131", f"{run_id_of(2)}/mini.L5N131"
    alone = app.get(f"/compare?a={a}").text
    assert "one-shot · unresolved · 0.200 [0.150, 0.250]" in alone
    both = app.get(f"/compare?a={a}&b={b}").text
    assert re.search(r'<th scope="row">verdict</th><td>supported</td><td>unresolved</td>', both)
    assert re.search(r'<th scope="row">seconds</th><td colspan="2">7.5 ', both)
    assert "r-cautions" not in both
    apart = app.get(f"/compare?a={a}&b={run_id_of(3)}/mini.L10N2").text
    assert "<li>The runs are about different neurons: mini/L5N131 and mini/L10N2.</li>" in apart


@pytest.mark.slow
def test_pages_are_shown_while_results_are_written(tmp_path: Path) -> None:
    database = ResultsDatabase(tmp_path)
    is_over = threading.Event()
    numbers = iter(range(10_000))

    def write() -> None:
        while not is_over.is_set():
            database.add_result(result_of(next(numbers) % 60, f"L1N{next(numbers)}"))

    writer = threading.Thread(target=write)
    with serving(tmp_path) as app:
        writer.start()
        try:
            deadline = time.monotonic() + 3
            statuses, slowest = set(), 0.0
            while time.monotonic() < deadline:
                for path in ("/", "/?token=import", "/unfinished"):
                    began = time.monotonic()
                    statuses.add(app.get(path).status)
                    slowest = max(slowest, time.monotonic() - began)
        finally:
            is_over.set()
            writer.join()
        assert statuses == {200}
        assert slowest < 2  # whoever writes all the time leaves gaps, and they are found


def test_a_database_that_stays_busy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, result_of(1))
    monkeypatch.setattr("agent.review.app.PATIENCE_S", 0.2)
    with serving(tmp_path) as app:
        connection = sqlite3.connect(tmp_path / "results.sqlite", isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        busy = app.get("/")
        assert (busy.status, "database is locked" in busy.text) == (503, True)
        connection.execute("ROLLBACK")
        connection.close()
        assert app.get("/").status == 200


def test_a_port_that_is_taken_is_said() -> None:
    with listen("127.0.0.1", 0) as opened:
        port = opened.getsockname()[1]
        with pytest.raises(BadInput, match=rf"port {port} is taken: give another one with --port"):
            listen("127.0.0.1", port)
    with pytest.raises(BadInput, match="no address"):
        listen("192.0.2.1", 0)


def test_a_damaged_database_is_said_before_anything_is_served(tmp_path: Path) -> None:
    from agent.review.serve import serve

    (tmp_path / "results.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(StorageError, match="cannot use the results database"):
        serve(tmp_path, "127.0.0.1", 0, is_browser_wanted=False, say=print)


def test_a_histogram_counts_every_score_once() -> None:
    scores = [-0.08, 0.0, 0.049, 0.05, 0.3, 0.3, 0.95, 1.0, None]
    found = [
        Brief(n, "", "", None, "", "noise" if n % 2 else "supported", score, None) for n, score in enumerate(scores)
    ]
    drawn = draw(found)
    assert sum(bar.n for bar in drawn.bars) == 8
    assert drawn.sentence == "8 with a score, from −0.080 to 1.000, median 0.175."
    assert all(bar.x >= 0 and bar.x + bar.width <= drawn.width and bar.y >= 0 for bar in drawn.bars)
    assert draw([found[-1]]).bars == []


def test_a_run_that_is_going_on_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    run = make_run(tmp_path, result_of(1), is_finished=False)
    with TraceWriter(run.neurons()[0].events, resume=True), serving(tmp_path) as app:
        unfinished = app.get("/unfinished").text
        assert neurons_without_result(unfinished) == ["mini.L5N131"]
        assert "running" in unfinished
        assert "agent resume" not in unfinished
        page = app.get(PLACE)
        assert (page.status, 'name="opinion"' in page.text) == (200, True)
        assert app.post(f"{PLACE}/review", {"opinion": "unclear", "seen": seen_by(page.text)}).status == 303
    assert labels(ResultsDatabase(tmp_path))[0]["explanation"] is None


def test_a_note_that_could_not_be_saved_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, result_of(1))
    monkeypatch.setattr("agent.review.app.PATIENCE_S", 0.2)
    with serving(tmp_path) as app:
        form = {"opinion": "agree", "note": "long thought about", "reviewer": "", "seen": seen_by(app.get(PLACE).text)}
        connection = sqlite3.connect(tmp_path / "results.sqlite", isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")  # others may read, and not write
        refused = app.post(f"{PLACE}/review", form)
        connection.close()
        assert refused.status == 503
        assert "Not saved: cannot use the results database" in refused.text
        assert "long thought about</textarea>" in refused.text
        assert app.post(f"{PLACE}/review", form).status == 303


def test_a_page_that_fails_is_told_once_and_without_the_values_of_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise ValueError("broken \x1b[2J")

    monkeypatch.setattr("agent.review.pages.Pages.render", fail)
    with serving(tmp_path) as client:
        answer = client.get("/")
        assert client.get("/favicon.ico").status == 200
    assert (answer.status, "unexpected ValueError" in answer.text) == (500, True)
    (told,) = caplog.records
    assert (told.name, told.exc_info) == ("agent.review.app", None)  # loggers write out all locals of an exception
    assert told.getMessage().endswith("ValueError: broken \\x1b[2J")


def test_a_layer_of_other_digits_is_told_and_left_out() -> None:
    asked = Filters.read({"neuron": "L²N3"})
    assert (asked.layer, asked.neuron) == ("", "")
    assert asked.errors == ("neuron cannot be “L²N3”: write a number, or L5N131",)
    assert asked.selection().layer is None


def test_both_style_sheets_have_one_palette(app: Client) -> None:
    """A colour of the trace's page that changes must change in the list too, in the dark as well."""
    addresses = re.findall(r'href="(/static/(style|review)\.css[^"]*)"', app.get("/").text)
    assert [name for _, name in addresses] == ["style", "review"]  # the second refers to the first
    story, own = (app.get(address).text for address, _ in addresses)
    used = re.findall(r"var\((--(?!r-)[a-z0-9-]+)\)", own)
    assert {"--text", "--back", "--muted", "--link"} <= set(used)
    assert all(f"{name}:" in story for name in used)
    assert not re.search(r"--r-(?!heat|low-heat|mid-heat|on-heat)[a-z-]+: #", own)


def test_a_port_of_thousands_of_digits_is_another_port() -> None:
    assert not Bound("127.0.0.1", 8321).is_own("127.0.0.1:" + "9" * 5_000)
