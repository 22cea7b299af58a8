"""Reviews in the database, and their export."""

import csv
import json
import sqlite3
from pathlib import Path

import pytest
from review_samples import make_run, result_of, run_id_of

from tools.errors import BadInput
from traces.analysis.story import read_story
from traces.database.results import ResultsDatabase, index_tokens
from traces.database.reviews import EXPORTED, Review, add_review, labels, latest_of, reviews_of
from traces.database.selection import Selection
from traces.database.token_index import MOST, Tokens, named_in, pattern_of, tokens_of, written
from traces.export.tables import write_labels


def review(number: int, opinion: str = "agree", **changes: str | None) -> Review:
    plain = {"note": "", "reviewer": "Ada", "explanation": result_of(number).explanation, **changes}
    return Review(run_id_of(number), "mini", "L5N131", opinion, **plain)  # type: ignore[arg-type]


@pytest.fixture
def database(tmp_path: Path) -> ResultsDatabase:
    for number in (1, 2):
        make_run(tmp_path, result_of(number))
    return ResultsDatabase(tmp_path)


def test_every_review_is_kept_and_the_latest_comes_first(database: ResultsDatabase) -> None:
    add_review(database, review(1, "agree", note="first\r\nline"))
    second = add_review(database, review(1, "unclear", reviewer="  Bob   B. "))
    found = reviews_of(database, run_id_of(1), "mini", "L5N131")
    assert [one.opinion for one in found] == ["unclear", "agree"]
    assert found[0] == second
    assert (found[0].reviewer, found[1].note) == ("Bob B.", "first\nline")
    assert found[0].reviewed_at.endswith("+00:00")
    with database.reading() as connection:
        assert connection is not None
        key = (run_id_of(1), "mini", "L5N131")
        assert latest_of(connection, [key, (run_id_of(2), "mini", "L5N131")]) == {key: second}


def test_a_review_survives_a_rebuild_and_a_deleted_run(database: ResultsDatabase) -> None:
    add_review(database, review(1, note="kept"))
    assert database.rebuild_index() == []
    assert [one["note"] for one in labels(database)] == ["kept"]
    with database.transaction() as connection:
        connection.execute("DELETE FROM results")
    (one,) = labels(database)
    assert (one["note"], one["verdict"], one["is_of_the_result"]) == ("kept", None, None)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (review(1, "maybe"), "an opinion cannot be 'maybe': choose agree, disagree or unclear"),
        (review(1, note="x" * 10_001), "the note has 10,001 characters: at most 10,000"),
        (review(1, reviewer="x" * 101), "the name has 101 characters"),
    ],
)
def test_what_cannot_be_kept_is_said(database: ResultsDatabase, bad: Review, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        add_review(database, bad)
    assert labels(database) == []


def test_an_export_has_the_result_beside_what_was_said(database: ResultsDatabase, tmp_path: Path) -> None:
    add_review(database, review(1, "agree", note="=HYPERLINK(1)"))
    add_review(database, review(1, "disagree", explanation="an older sentence"))
    add_review(database, review(1, "unclear", reviewer="Bob", explanation=None, note="a\nb"))
    rows = labels(database)
    assert [(row["opinion"], row["is_latest"], row["is_of_the_result"]) for row in rows] == [
        ("agree", False, True),
        ("disagree", True, False),
        ("unclear", True, False),
    ]
    assert (rows[0]["score"], rows[0]["verdict"], rows[0]["layer"], rows[0]["idx"]) == (0.612, "supported", 5, 131)
    write_labels(rows, tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == list(EXPORTED)
    assert [row["note"] for row in table] == ["'=HYPERLINK(1)", "", "a\nb"]
    assert [row["is_latest"] for row in table] == ["false", "true", "true"]
    write_labels(rows, tmp_path / "labels.jsonl")
    assert [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text("utf-8").splitlines()] == rows
    with pytest.raises(BadInput, match=r"labels.txt: end it with .csv or .jsonl"):
        write_labels(rows, tmp_path / "labels.txt")


def test_a_database_of_version_2_gets_the_tables(tmp_path: Path) -> None:
    from traces.database import schema

    connection = sqlite3.connect(tmp_path / "results.sqlite", isolation_level=None)
    connection.execute("BEGIN")
    for migration in schema.MIGRATIONS[:2]:
        migration(connection)
    connection.execute("INSERT INTO sealed_openings VALUES ('m', 'L5N131', 'c', 0, 1, 0, 'r', 'then')")
    connection.execute("PRAGMA user_version = 2")
    connection.execute("COMMIT")
    connection.close()
    database = ResultsDatabase(tmp_path)
    assert labels(database) == []
    assert add_review(database, review(1)).review_id == 1
    with database.reading() as opened:
        assert opened is not None
        assert opened.execute("SELECT count(*) FROM sealed_openings").fetchone() == (1,)


def test_the_tokens_of_a_result_are_those_it_fires_on_and_those_it_names(tmp_path: Path) -> None:
    run = make_run(tmp_path, result_of(1, explanation="Fires on `␣import`, `\\n` (9); on `\\u{202e}` (2)."))
    found = tokens_of(run.neurons()[0].events, "Fires on `␣import`, `\\n` (9); on `\\u{202e}` (2).")
    assert found == Tokens(fired=("import",), named=("␣import", "\\n", "\\x202e"))
    assert tokens_of(tmp_path / "no such file", None) is None


def test_a_damaged_trace_gives_the_tokens_of_what_can_be_read(tmp_path: Path) -> None:
    run = make_run(tmp_path, result_of(1))
    events = run.neurons()[0].events
    events.write_bytes(b'{"type":"gathered","theta":\n[1]\n' + events.read_bytes() + b'{"type":"readings_revealed"')
    found = tokens_of(events, None)
    assert found is not None
    assert found.fired == ("import",)


def test_tokens_are_capped_and_shown_on_one_line() -> None:
    assert len(named_in("".join(f"`t{n}` " for n in range(500)))) == MOST
    assert written(" a\n\tb\\" + "x" * 100) == "␣a\\n\\tb\\" + "x" * 32
    assert len(written("x" * 10_000)) == 40


def test_a_token_is_looked_for_with_and_without_its_space() -> None:
    assert pattern_of("import") == ("%\nimport\n%", "%\n␣import\n%")
    assert pattern_of(" im*") == ("%\nim%", "%\n␣im%")
    assert pattern_of("100%_\\") == ("%\n100\\%\\_\\\\\n%", "%\n␣100\\%\\_\\\\\n%")


def test_selections_by_text_token_review_and_batch(database: ResultsDatabase, tmp_path: Path) -> None:
    def runs(**asked: object) -> list[str]:
        return [row.run_id for row in database.select(Selection(**asked))]  # type: ignore[arg-type]

    one, two = run_id_of(1), run_id_of(2)
    database.add_result(result_of(3, neuron="L1N2", explanation="100% of `␣exp_rt`"))
    add_review(database, review(1, "agree"))
    add_review(database, review(1, "disagree"))
    assert runs(text="IMPORT line") == [one, two]
    assert runs(text="0% _") == [run_id_of(3)]
    assert runs(text="importline") == []
    assert runs(token="import") == [one, two]
    assert runs(token="import", token_is="named") == []
    assert runs(token="mport") == []
    assert runs(token="im*") == [one, two]
    assert runs(review="none") == [two, run_id_of(3)]
    assert runs(review="any") == [one]
    assert runs(review="disagree") == [one]
    assert runs(review="agree") == []
    assert runs(batch="none") == []
    assert runs(scored=False) == []


def test_what_has_no_tokens_yet_is_filled_in_later(database: ResultsDatabase) -> None:
    with database.transaction() as connection:
        connection.execute("DELETE FROM result_tokens")
    database.add_result(result_of(4, neuron="L1N4"))  # a result without a trace
    assert [index_tokens(database, 2), index_tokens(database, 2), index_tokens(database, 2)] == [2, 1, 0]
    assert len(database.select(Selection(token="import"))) == 2


def test_tokens_are_those_of_a_trace_as_it_is_written() -> None:
    trace = Path(__file__).resolve().parents[3] / "fixtures" / "trace_v3" / "events.jsonl"
    story = read_story(trace)
    assert story.theta is not None
    strongest = {
        token: value
        for excerpt in story.shown.excerpts
        for token, value in sorted(zip(excerpt.tokens, excerpt.values, strict=True), key=lambda pair: pair[1])
        if value > story.theta
    }
    found = tokens_of(trace, None)
    assert found is not None
    assert strongest
    assert {written(token) for token in strongest} <= set(found.fired)
