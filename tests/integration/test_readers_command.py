"""`agent eval readers` on finished runs of the bundled model: packets out, answers in, a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_llm import Script, kind_of, scripted_llm

from agent.cli import main

NEURONS = ("L0N663", "L5N131")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two finished runs, and one of a neuron without an explanation."""
    folder, variant = tmp_path_factory.mktemp("finished"), tmp_path_factory.mktemp("variants") / "quick.toml"
    variant.write_text("n_rivals = 1\nmax_rounds = 0\nneighbourhoods = false\ncausal = false\n")
    options = ["--model", "mini", "--corpus-tokens", "50000", "--variant", str(variant), "--quiet"]
    options += ["--runs-dir", str(folder)]
    for neuron in NEURONS:
        assert main(["explain", neuron, *options]) == 0
    found = sorted(path for path in folder.iterdir() if path.is_dir())
    without = folder / "without" / "neurons" / "mini.L0N1"
    without.mkdir(parents=True)
    (neuron_folder,) = (found[0] / "neurons").iterdir()
    result = json.loads((neuron_folder / "result.json").read_text())
    (without / "result.json").write_text(json.dumps(result | {"explanation": None, "neuron": "L0N1"}))
    (without / "events.jsonl").write_text((neuron_folder / "events.jsonl").read_text())
    return [*map(str, found), str(folder / "without")]


Readers = Callable[..., Any]


@pytest.fixture
def readers(capsys: pytest.CaptureFixture[str]) -> Readers:
    """Type `agent eval readers ...`; what was printed, as JSON where that was asked for."""

    def typed(*words: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main(["eval", "readers", *words]) == code
        out, err = capsys.readouterr()
        return err if code else json.loads(out) if "--json" in words else out

    return typed


def fires_where(key: Path, packet: dict[str, Any]) -> dict[str, Any]:
    """The answers of somebody who knows."""
    return {
        str(number): {
            str(text): {str(k): min(10, max(0.0, v)) for k, v in enumerate(excerpt["values"]) if v > 0.1}
            for text, excerpt in enumerate(item["excerpts"], 1)
        }
        for number, item in enumerate(packet["items"], 1)
    }


def test_packets_are_read_and_scored(runs: list[str], readers: Readers) -> None:
    Path("glance.json").write_text('{"mini/L0N663": "Fires on an opening quote after a space."}')
    said = readers("packet", *runs, "--out", "out", "--also", "list", "--sentences", "glance.json", "--quiet")
    assert "2 neurons, 3 kinds of sentences (explanation, list, glance), 3 packets in out." in said
    assert "Left out: 1 (no explanation)." in said
    key = json.loads(Path("out/key.json").read_text())
    for packet in key["packets"]:
        names = [item["neuron"] for item in packet["items"]]
        assert len(set(names)) == len(names)
        for item in packet["items"]:
            strata = sorted(excerpt["stratum"] for excerpt in item["excerpts"])
            assert strata == ["quantile", "quantile", "random", "random", "top", "top"]
    text = Path("out/packet-01.txt").read_text()
    assert "L0N663" not in text
    assert "values" not in text

    first = key["packets"][0]
    Path("out/answers-01.json").write_text(json.dumps(fires_where(Path("out/key.json"), first)))
    found = readers("score", "out", "--json")
    answered = [one for one in found["readings"] if one["packet"] == "01"]
    assert answered
    assert all(one["r"] > 0.9 for one in answered)
    assert all(
        one["r"] == {"value": None, "reason": "not answered"} for one in found["readings"] if one["packet"] != "01"
    )
    own = {(one["neuron"], one["kind"]): one for one in found["readings"]}
    assert own["mini/L0N663", "explanation"]["own"] > 0.8
    assert own["mini/L0N663", "list"]["own"] > 0.5
    assert own["mini/L0N663", "list"]["claimed"] is not None
    assert own["mini/L0N663", "glance"]["claimed"] is None
    assert "Means over neurons" in readers("score", "out")
    assert "already has packets" in readers("packet", *runs, "--out", "out", "--quiet", code=2)
    assert "--readers 1 is too few" in readers(
        "packet", *runs, "--out", "other", "--also", "list", "--readers", "1", "--quiet", code=2
    )
    assert "discriminate" not in said


def test_an_llm_reads_packets_and_lineups(runs: list[str], readers: Readers) -> None:
    def override(body: dict[str, Any]) -> str | None:
        return '{"neuron": "A"}' if kind_of(body) == "lineup" else None

    readers("packet", *runs, "--out", "out", "--quiet")
    readers("discriminate-packet", *runs, "--out", "lineups", "--quiet")
    with scripted_llm(Script(level=lambda _, tokens: 7 if "'" in tokens[-1] else 0, override=override)) as llm:
        endpoint = ["--reader", "openai:m", "--llm-url", llm.url, "--quiet"]
        asked = readers("ask", "out", *endpoint, "--json")
        assert (asked["packets"], asked["n_questions"], asked["unread"]) == (["01"], 12, {})
        assert readers("ask", "out", *endpoint, "--json")["packets"] == ["01"]
        assert llm.kinds() == {"simulator": 12}  # nothing is paid twice
        other = readers("ask", "out", "--reader", "openai:other", *endpoint[2:])
        assert "1 packets already had answers by another reader, which were kept." in other
        assert llm.kinds() == {"simulator": 12}
        readers("ask", "lineups", *endpoint)
        assert llm.kinds()["lineup"] == 2
        told = readers("discriminate", *runs, *endpoint, "--json")
    found = readers("score", "out", "--json")
    assert {one["reader"] for one in found["readings"]} == {"openai:m"}
    (quote,) = (one for one in found["readings"] if one["neuron"] == "mini/L0N663")
    assert quote["r"] > 0.3
    chosen = readers("discriminate-score", "lineups", "--json")
    assert chosen["kinds"][0]["n"] == 2
    assert chosen["kinds"][0]["chance"] == pytest.approx(0.1)
    # The same lineups, whether they are written down first or not.
    assert [one["outcome"] for one in told["choices"]] == [one["outcome"] for one in chosen["choices"]]


def test_texts_from_an_llm_and_from_people(runs: list[str], readers: Readers) -> None:
    def override(body: dict[str, Any]) -> str:
        near = "near misses" in body["messages"][0]["content"]
        texts = ["nothing at all"] if near else ["print( 'hello')", "x = 'abc' + y"]
        return json.dumps({"texts": [{"text": text, "words": ["'"] if "'" in text else []} for text in texts]})

    with scripted_llm(Script(override=override)) as llm:
        options = ["--maker", "openai:m", "--llm-url", llm.url, "--quiet", "--json"]
        found = readers("trigger", runs[0], *options)
    (kind,) = found["kinds"]
    assert (kind["n_positives"], kind["n_near_misses"], kind["n_random"]) == (2, 1, 2)
    assert kind["fire"]["value"] == kind["silent"]["value"] == 1.0
    assert kind["on_words"]["value"] == 1.0

    readers("trigger-packet", *runs, "--also", "list", "--out", "texts.json", "--quiet")
    written = json.loads(Path("texts.json").read_text())
    assert set(written) == {"task", *(f"mini/{neuron}{kind}" for neuron in NEURONS for kind in ("", "#list"))}
    written["mini/L0N663#list"]["positives"] = ["print( 'hello')", "print"]
    Path("texts.json").write_text(json.dumps(written))
    found = readers("trigger", *runs, "--also", "list", "--maker", "texts.json", "--quiet", "--json")
    (of_list,) = (kind for kind in found["kinds"] if kind["kind"] == "list")
    assert (of_list["n_positives"], of_list["fire"]["value"]) == (2, 0.5)
    assert "nobody wrote texts" in of_list["unscored"]
    assert "exists and may hold texts" in readers("trigger-packet", *runs, "--out", "texts.json", "--quiet", code=2)
    assert "--maker cannot be 'me'" in readers("trigger", *runs, "--maker", "me", "--quiet", code=2)


def test_texts_from_the_sentence_alone_without_an_llm(runs: list[str], readers: Readers) -> None:
    options = ["--maker", "lexical", "--also", "list", "--texts", "6", "--quiet"]
    found = readers("trigger", *runs, *options, "--json")
    assert found["maker"] == "lexical"
    own, of_list = found["kinds"]
    assert (own["kind"], of_list["kind"]) == ("explanation", "list")
    for kind in (own, of_list):
        assert kind["n_positives"] >= 6  # the maker has no text for "hyphens in quotes", counted as unscored
        assert kind["on_words"]["value"] is not None
    (quote,) = (one for one in found["sentences"] if (one["neuron"], one["kind"]) == ("mini/L0N663", "explanation"))
    assert sum(text["fires"] for text in quote["positives"]["texts"]) >= 3
    assert "list" in readers("trigger", *runs, *options)


def test_the_neuron_is_told_from_nine_others(runs: list[str], readers: Readers) -> None:
    found = readers("discriminate", *runs, "--also", "list", "--quiet", "--json")
    assert [kind["kind"] for kind in found["kinds"]] == ["explanation", "list"]
    assert found["left_out"] == {"no explanation": 1}
    (quote,) = (one for one in found["choices"] if (one["neuron"], one["kind"]) == ("mini/L0N663", "explanation"))
    assert quote["outcome"] == "right"
    assert "among ten" in readers("discriminate", *runs, "--quiet")


def test_what_cannot_be_read_is_said(runs: list[str], readers: Readers) -> None:
    assert "there is no run to read: 1 with no explanation" in readers("packet", runs[-1], "--out", "out", code=2)
    assert "give one run of each" in readers("packet", runs[0], runs[0], "--out", "out", code=2)
    assert "has no packets" in readers("score", ".", code=2)


def test_whatever_else_lies_among_runs_is_passed_over(runs: list[str], readers: Readers) -> None:
    folder = Path(runs[0]).parent
    Path("stopped").mkdir()
    Path("stopped/run.json").write_text("{}")
    names = [str(path) for path in folder.iterdir()]
    assert str(folder / "results.sqlite") in names
    said = readers("packet", *names, "stopped", "--out", "out", "--quiet")
    assert "2 neurons" in said
    assert "Left out: 1 (no result yet)." in said
    assert "Left out: 1 (no explanation)." in said
    only = readers("packet", str(folder / "results.sqlite"), "--out", "x", code=2)
    assert "there is no run to read: none is named" in only


def test_an_llm_that_says_nothing_leaves_no_answers(runs: list[str], readers: Readers) -> None:
    readers("packet", *runs, "--out", "out", "--quiet")
    with scripted_llm(Script(override=lambda _: "I would rather not.")) as llm:
        asked = readers("ask", "out", "--reader", "openai:silent", "--llm-url", llm.url, "--quiet", "--json")
    assert asked["packets"] == []
    assert sum(asked["unread"].values()) == asked["n_questions"] == 12
    assert not Path("out/answers-01.json").exists()
    found = readers("score", "out", "--json")
    assert {one["r"]["reason"] for one in found["readings"]} == {"not answered"}
