"""The report of evaluations: what stands on the page is what was given, whatever was given."""

import argparse
import html
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from evals.folder import EvalFolder
from evals.records import (
    CellError,
    CellResult,
    Kind,
    Manifest,
    NeuronRecord,
    ScoredClaim,
    ScorerCheck,
)
from evals.report import anytime, calibration, ceiling, overview
from evals.report.command import report, report_command
from evals.report.drawing import draw, label
from evals.report.page import Entry, Page, Section, Table, measured
from evals.report.study import Study, basis
from evals.stability import save_simulation
from tools.errors import BadInput, StorageError
from tools.records.predictions import RegisteredPredictions
from tools.records.result import AnytimePoint, Baselines, Budget, Interval, Measured, ScoreValue, Unscored
from tools.scoring.reliability import bins

pytestmark = pytest.mark.slow  # matplotlib

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}} $\\frac{$ \x1b[31m\u202e漢"


def score(value: float, split: str = "sealed") -> ScoreValue:
    return ScoreValue(
        value=value, low=value - 0.05, high=value + 0.05, protocol="simulation", split=split, n_excerpts=201
    )


def cell(
    variant: str = "tournament",
    neuron: str = "L0N1",
    seed: int = 0,
    value: float | None = 0.6,
    *,
    kind: Kind = "real",
    gain: float | None = 0.3,
    **more: object,
) -> CellResult:
    found: Measured = Unscored(reason="the neuron is constant") if value is None else score(value)
    compared = Unscored(reason="no null") if gain is None else Interval(value=gain, low=gain - 0.1, high=gain + 0.1)
    settings: dict[str, object] = {
        "suite": "s", "variant": variant, "neuron": neuron, "kind": kind, "seed": seed, "score": found,
        "development_score": found if value is None else score(value + 0.02, "development"),
        "optimism_gap": None if value is None else 0.02, "explanation": "Fires on `a` (5).", "verdict": "supported",
        "baselines": Baselines(token_lookup_30=compared, token_lookup_full=compared, null=compared),
        "gains": {"null": compared, "token_lookup_30": compared}, "fold": 0, "budget": Budget(limit=20, used=10),
        "calls": 12, "seconds": 3.25,
    }  # fmt: skip
    return CellResult.model_validate(settings | more)


def failed(variant: str, neuron: str, seed: int = 0, message: str = "the disk is full") -> CellResult:
    reason = Unscored(reason=message)
    return cell(
        variant, neuron, seed, None, score=reason, development_score=reason, verdict=None, explanation=None, fold=None,
        error=CellError(kind="StorageError", message=message),
    )  # fmt: skip


def manifest(variants: list[str], suite: str = "s", **more: object) -> Manifest:
    settings: dict[str, object] = {
        "suite": suite, "suite_sha256": "a" * 64, "variants": {name: {} for name in variants}, "seeds": 2,
        "model": "mini", "corpus": "python", "model_fingerprint": "m", "corpus_fingerprint": "c", "code": "d" * 64,
        "commit": "0123456789abcdef",
    }  # fmt: skip
    return Manifest.model_validate(settings | more)


def neuron(name: str, kind: Kind = "real", **more: object) -> NeuronRecord:
    return NeuronRecord.model_validate({"name": name, "kind": kind, "target": name} | more)


def evaluation(path: Path, cells: list[CellResult], neurons: list[NeuronRecord], **more: object) -> EvalFolder:
    folder = EvalFolder(path)
    folder.write_manifest(manifest(list(dict.fromkeys(cell.variant for cell in cells)), **more))
    folder.add_neurons(neurons)
    for one in cells:
        folder.add_cell(one)
    return folder


def everything(path: Path, n: int = 12) -> EvalFolder:
    """An evaluation in which every section has something to show."""
    rng = np.random.default_rng(5)
    variants = {"token-lookup-30": -0.06, "one-shot": 0.0, "tournament": 0.07}
    families = ["single token", "token set", "phrase", "conjunction", "exception", "inside brackets", "induction"]
    cells, neurons = [], []
    for i in range(n):
        truth = float(rng.uniform(0.55, 0.95))
        name, family = f"planted-{i}", families[i % len(families)]
        claim = [
            ScoredClaim(sentence=f"claim {k} of {name}", score=score(v)) for k, v in enumerate((truth, truth - 0.2))
        ]
        wrong = [ScoredClaim(sentence="too good", score=score(0.99)), ScoredClaim(
            sentence="unread", score=Unscored(reason="no such token"))] if i == 3 else claim[1:]  # fmt: skip
        neurons.append(
            neuron(
                name, "truth", family=family, difficulty=("easy", "medium", "hard")[i % 3], noise=(0, 0, 0.5)[i % 3],
                truth=f"fires on {family}", scorer=ScorerCheck(true=claim[0], false=wrong), status="firing",
            )
        )  # fmt: skip
        limit = float(rng.uniform(0.5, 0.95))
        neurons.append(neuron(f"L{i % 6}N{i}", ceiling=[score(limit), score(limit + 0.02)], status="firing"))
        shape = ("dense noise", "sparse noise", "bursty noise", "dead")[i % 4]
        neurons.append(neuron(f"nothing-{i}", "nothing", family=shape, status="dead" if shape == "dead" else "firing"))
        for variant, better in variants.items():
            for seed in range(2):
                cells += _cells(rng, variant, better, i, seed, truth, limit, shape)
    folder = evaluation(path, cells, neurons, halves=True)
    for one in cells:
        levels = np.random.default_rng(len(one.neuron)).uniform(0, 10, 300) + rng.normal(0, 2, 300)
        save_simulation(path, one.key, levels)
    (path / "runs").mkdir()
    (path / "runs" / "events.jsonl").write_text("{}\n")
    return folder


def _cells(
    rng: np.random.Generator, variant: str, better: float, i: int, seed: int, truth: float, limit: float, shape: str
) -> list[CellResult]:
    out = []
    for kind, top in (("truth", truth), ("real", limit - 0.1)):
        value = float(np.clip(top + better + rng.normal(0, 0.05), -0.1, 1))
        grown = [0.5, 0.8, 0.95, 1.0] if variant == "tournament" else [0.8, 0.9, 1.0, 1.0]
        points = [
            AnytimePoint(used=used, development=score(value * part + 0.01, "development"), sealed=score(value * part))
            for used, part in zip((1 + i % 3, 4, 8, 14), grown, strict=True)
        ]
        p = rng.uniform(0.02, 0.98, 60)
        fired = rng.random(60) < 0.5 + (p - 0.5) * (0.8 if variant == "tournament" else 0.5)
        outcomes = [(float(a), bool(b)) for a, b in zip(p, fired, strict=True)]
        looked_up = variant == "token-lookup-30"
        more = {
            "kind": kind, "gain": 0.3 + better * 5, "anytime": [] if looked_up else points,
            "registered": RegisteredPredictions(chosen=[] if looked_up else outcomes[:30], probe=outcomes[30:]),
            "probe_skill": score(0.2 + better), "trace": "runs/events.jsonl",
            "optimism_gap": float(rng.normal(0.01, 0.03)), "budget": Budget(limit=20, used=0 if looked_up else 14),
            "verdict": "supported" if value > 0.6 else "unresolved",
            "recovery": score(min(1.0, value + 0.1)) if kind == "truth" else None,
        }  # fmt: skip
        name = f"planted-{i}" if kind == "truth" else f"L{i % 6}N{i}"
        if i == 5 and kind == "real" and seed:
            out.append(failed(variant, name, seed))
            continue
        out.append(cell(variant, name, seed, value, **more))  # type: ignore[arg-type]
        if kind == "real":
            out += [cell(variant, name, seed, value - 0.02, half=half, **more) for half in (0, 1)]  # type: ignore[arg-type]
    verdict = "dead" if shape == "dead" else "supported" if i == 1 and better >= 0 else "noise"
    out.append(cell(variant, f"nothing-{i}", seed, None, kind="nothing", verdict=verdict, explanation=None))
    return out


class Reader(HTMLParser):
    """Tables (by section, as lists of rows of texts), links, alarms and tag balance of a page."""

    VOID = ("meta", "input", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[list[str]]]] = {}
        self.notes: dict[str, list[str]] = {}
        self.alarms: list[str] = []
        self.section = ""
        self.in_alarms = False
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "section":
            self.section = dict(attrs)["id"] or ""
        if tag == "table":
            self.tables.setdefault(self.section, []).append([])
        if tag == "tr":
            self.tables[self.section][-1].append([])
        if tag in ("th", "td"):
            self.tables[self.section][-1][-1].append("")
        if tag == "p" and "section" in self.open:
            self.notes.setdefault(self.section, []).append("")
        if tag == "div":
            self.in_alarms = dict(attrs).get("class") == "alarm"
        if tag == "p" and self.in_alarms:
            self.alarms.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.in_alarms = self.in_alarms and tag != "div"

    def handle_data(self, data: str) -> None:
        data = data.replace("\u00a0", " ")
        if {"th", "td"} & set(self.open):
            self.tables[self.section][-1][-1][-1] += data
        elif "p" in self.open and "section" in self.open:
            self.notes[self.section][-1] += data
        elif "p" in self.open and self.in_alarms:
            self.alarms[-1] += data


def run(folders: list[Path], out: Path | None = None) -> None:
    report_command(argparse.Namespace(folders=[str(f) for f in folders], out=None if out is None else str(out)))


def read(path: Path) -> Reader:
    return Reader(path.read_text(encoding="utf-8"))


def by_head(table: list[list[str]], row: int) -> dict[str, str]:
    return dict(zip(table[0], table[row], strict=True))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluation")
    everything(path, 4)
    run([path])
    return path


@pytest.mark.slow
def test_the_page_and_its_plots_are_there(full: Path) -> None:
    out = full / "report"
    names = {path.stem for path in out.glob("*.svg")}
    assert names == {path.stem for path in out.glob("*.png")} == {
        *(f"{name}-{group}" for group in ("planted", "real") for name in (
            "anytime", "differences-score", "calibration-chosen", "calibration-probe", "optimism")),
        "differences-recovery-planted", "recovery-family", "recovery-difficulty", "recovery-noise", "false-confidence",
        "ceiling",
    }  # fmt: skip
    text, page = (out / "index.html").read_text(), read(out / "index.html")
    plots = [attrs for _, attrs in page.tags if attrs.get("role") == "img"]
    assert len(plots) == text.count("<svg") == len(names)
    assert all(plot["aria-label"] for plot in plots)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    kept = [by_head(page.tables["stability"][0], i) for i in range(1, 3)]
    assert {(row["group"], row["neurons"], row["of these the same"]) for row in kept} == {("planted", "4", "3")}
    stability = [by_head(page.tables["stability"][1], i) for i in range(1, 10)]
    assert {(row["group"], row["over"], row["neurons"], row["pairs"]) for row in stability} == {
        ("planted", "seeds", "4", "4"), ("real", "seeds", "4", "4"), ("real", "halves of the text", "4", "8"),
    }  # fmt: skip
    assert [row[:5] for row in page.tables["scorer"][0][1:]] == [
        ["none", "3", "1", "2", "0"],
        ["0.5", "1", "0", "1", "0"],
    ]
    assert [row[0] for row in page.tables["scorer"][1][1:]] == ["planted-3"]
    shares = {(row[0], row[1]): row[6] for row in page.tables["nothing"][0][1:]}
    assert shares["sparse noise", "tournament"] == "2"
    assert shares["all but dead", "token-lookup-30"] == "0"


def test_nothing_on_the_page_is_loaded_from_elsewhere(full: Path) -> None:
    for tag, attrs in read(full / "report" / "index.html").tags:
        assert tag not in ("link", "img", "iframe", "object")
        assert "src" not in attrs
        for name in ("href", "xlink:href"):
            assert re.match(r"#|\./", attrs.get(name) or "#"), (tag, attrs)


def test_numbers_on_the_page_are_those_given(tmp_path: Path) -> None:
    cells = [cell("tournament", f"L0N{i}", s, 0.4 + i / 10) for i in range(5) for s in range(2)]
    cells += [cell("one-shot", f"L0N{i}", s, 0.3 + i / 10, gain=-0.2) for i in range(5) for s in range(2)]
    cells += [cell("tournament", "L0N9", 0, None), failed("one-shot", "L0N9")]
    evaluation(tmp_path, cells, [neuron(f"L0N{i}", ceiling=[score(0.8)]) for i in (0, 1, 2, 3, 4, 9)])
    run([tmp_path])
    page = read(tmp_path / "report" / "index.html")
    assert page.alarms == ["one-shot does not beat its matched null on real neurons."]
    # Variants are shown in the order of the manifest.
    table = {row[0]: row[1:] for row in page.tables["variants"][0]}
    assert table[""] == ["tournament", "one-shot"]
    assert table["cells"] == ["11", "11"]
    assert table["cells scored"] == ["10 of 11", "10 of 11"]
    assert table["unscored"] == ["1: the neuron is constant", "0"]
    assert table["errors"] == ["0", "1: StorageError"]
    assert [text.split(" ")[0] for text in table["sealed score"]] == ["0.600", "0.500"]
    assert [text.split(" ")[0] for text in table["share of the ceiling"]] == ["0.750", "0.625"]
    pair = by_head(page.tables["comparisons"][0], 1)
    assert pair["pair"] == "tournament minus one-shot, real"
    assert pair["difference [95 %]"] == "+0.100 [+0.100, +0.100]"
    assert (pair["wins"], pair["losses"], pair["ties"], pair["neurons"]) == ("5", "0", "0", "5")
    assert pair["p"] == "0.062"  # two of the 32 ways to sign five equal differences are as extreme
    ceilings = by_head(page.tables["ceiling"][0], 2)
    assert (ceilings["with both"], ceilings["score unscored"], ceilings["errors"]) == ("10", "0", "1")
    assert ceilings["share of the ceiling"].startswith("0.625")
    rows = page.tables["results"][0]
    assert len(rows) == 1 + len(cells)
    first = by_head(rows, 1)
    assert (first["neuron"], first["score"]) == ("L0N0", "0.400 [0.350, 0.450]")
    assert (first["units"], first["seconds"], first["explanation"]) == ("10", "3.2", "Fires on `a` (5).")
    assert any("StorageError: the disk is full" in row for row in rows)


def test_results_link_to_their_traces_relative_to_the_page(tmp_path: Path) -> None:
    name = "runs/a b:c/events#1.jsonl"
    evaluation(tmp_path / "e", [cell(trace=name), cell(seed=1, trace="runs/gone.jsonl")], [neuron("L0N1")])
    (tmp_path / "e" / name).parent.mkdir(parents=True)
    (tmp_path / "e" / name).write_text("")
    for out, href in ((None, "../runs"), (tmp_path / "page", "../e/runs")):
        run([tmp_path / "e"], out)
        page = read((out or tmp_path / "e" / "report") / "index.html")
        links = [attrs["href"] for tag, attrs in page.tags if tag == "a" and not (attrs["href"] or "").startswith("#")]
        assert links == [f"./{href}/a%20b%3Ac/events%231.jsonl"]


@pytest.mark.slow
def test_hostile_text_stays_text(tmp_path: Path) -> None:
    one = {"explanation": HOSTILE, "reason": HOSTILE, "kind": "truth", "recovery": score(0.7)}
    bad = Unscored(reason=HOSTILE)
    cells = [
        cell(f"{variant}{HOSTILE}", f"{i}{HOSTILE}", 0, 0.5, **one)  # type: ignore[arg-type]
        for i in range(3)
        for variant in "ab"
    ]
    cells += [cell(f"a{HOSTILE}", "x", 0, None, score=bad, gain=None), failed(f"b{HOSTILE}", "x", 0, HOSTILE)]
    claim = ScoredClaim(sentence=HOSTILE, score=bad)
    neurons = [
        neuron(f"{i}{HOSTILE}", "truth", family=HOSTILE, truth=HOSTILE, scorer=ScorerCheck(true=claim, false=[claim]))
        for i in range(3)
    ]
    evaluation(tmp_path, cells, neurons, suite=HOSTILE, model=HOSTILE, corpus=HOSTILE, commit=HOSTILE)
    run([tmp_path])
    text = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    page = Reader(text)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [attrs for tag, attrs in page.tags if tag == "img" or "onerror" in attrs]
    assert "{{7*7}}" in text  # not evaluated
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert html.escape("<script>alert(1)</script>") in text
    for path in (tmp_path / "report").glob("*.svg"):
        assert "<script" not in path.read_text()


def test_lone_surrogates_do_not_stop_it(tmp_path: Path) -> None:
    page = Page("t", [("a", "\ud800")], [], sections=[Section("s", "S", [], [Table("c", ["h"], [[Entry("\udfff")]])])])
    assert "\\udfff" in page.to_html()


EMPTY = {
    "anytime": "no curve", "differences": "one variant", "calibration": "No prediction was registered",
    "stability": "nothing to compare",
}  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "absent"),
    [
        ([cell("a", "L0N1", 0, None), cell("a", "L0N2", 0, None)], {**EMPTY, "ceiling": "No neuron has both"}),
        ([failed("a", "L0N1"), failed("a", "L0N2")], {**EMPTY, "optimism": "No cell has both"}),
        ([cell("a", "n", 0, None, kind="nothing", verdict="noise")], {**EMPTY, "recovery": "no planted neurons"}),
        ([cell("a", "L0N1", 0, 0.5)], {"recovery": "no planted neurons", "nothing": "nothing to find"}),
        ([cell("a", "p", 0, 0.5, kind="truth", recovery=score(0.8))], {"ceiling": "no neurons of a real model"}),
        ([cell("a", "p", 0, 0.5, kind="truth", recovery=Unscored(reason="x"))], {"recovery": "No cell has a recovery"}),
        ([cell("a", "q", 0, 0.5, kind="puzzle")], {"scorer": "No planted neuron of this suite"}),
        ([cell("a", "L0N1", 0, 0.5, half=0)], {"variants": "no results yet"}),
    ],
    ids=["unscored", "errors", "nothing", "one-real", "one-planted", "no-recovery", "puzzle", "half"],
)
def test_sections_without_data_say_why(tmp_path: Path, cells: list[CellResult], absent: dict[str, str]) -> None:
    evaluation(tmp_path, cells, [neuron(c.neuron, c.kind) for c in cells])
    run([tmp_path])
    page = read(tmp_path / "report" / "index.html")
    for section, words in absent.items():
        assert words in " ".join(page.notes[section]), section
    for path in (tmp_path / "report" / "index.html", *(tmp_path / "report").glob("*.svg")):
        assert not re.search(r"\bnan\b", path.read_text(), re.IGNORECASE)


def test_no_results_at_all(tmp_path: Path) -> None:
    study = Study([manifest(["a"])], [], {}, [], [])
    page = report(study, tmp_path, ["nothing ran."], np.random.default_rng(0))
    assert page.drawings == []
    assert "Note: nothing ran." in page.to_html()
    evaluation(tmp_path / "e", [], [])
    with pytest.raises(BadInput, match="no results yet"):
        run([tmp_path / "e"])
    with pytest.raises(BadInput, match="no evaluation"):
        run([tmp_path / "none"])


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    evaluation(tmp_path / "e", [cell()], [neuron("L0N1")])
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        run([tmp_path / "e"], tmp_path / "file")


@pytest.mark.slow
def test_two_folders_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in (("old", 0.4), ("new", 0.6)):
        cells = [cell("a", f"L0N{i}", 0, value, trace="runs/t") for i in range(5)]
        evaluation(tmp_path / name, cells, [neuron(f"L0N{i}") for i in range(5)])
        (tmp_path / name / "runs").mkdir()
        (tmp_path / name / "runs" / "t").write_text("")
    for out in ("out", "again"):
        run([tmp_path / "old", tmp_path / "new"], tmp_path / out)
    assert capsys.readouterr().out.splitlines()[0] == str(tmp_path / "out" / "index.html")
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name
    page = read(tmp_path / "out" / "index.html")
    assert page.tables["variants"][0][0] == ["", "a@old", "a@new"]
    assert by_head(page.tables["comparisons"][0], 1)["difference [95 %]"].startswith("−0.200")
    links = [attrs["href"] or "" for tag, attrs in page.tags if tag == "a" and (attrs["href"] or "").startswith("./")]
    assert links == ["./../old/runs/t"] * 5 + ["./../new/runs/t"] * 5


def test_an_unknown_null_is_said_too(tmp_path: Path) -> None:
    evaluation(tmp_path, [cell("a", gain=None), cell("a", "L0N2", gain=None)], [neuron("L0N1"), neuron("L0N2")])
    run([tmp_path])
    assert read(tmp_path / "report" / "index.html").alarms == ["a: null unknown on real neurons (no null)."]


def points(*pairs: tuple[int, float | None]) -> list[AnytimePoint]:
    missing = Unscored(reason="constant")
    return [
        AnytimePoint(used=used, development=missing, sealed=missing if value is None else score(value))
        for used, value in pairs
    ]


def test_anytime_takes_the_last_point_at_or_before() -> None:
    stepped = cell(anytime=points((9, 0.5), (2, 0.2), (5, None)))
    assert [anytime.score_at(stepped, used) for used in (0, 2, 4, 5, 9, 30)] == [None, 0.2, 0.2, None, 0.5, 0.5]
    flat = cell(value=0.6, budget=Budget(limit=20, used=7))
    assert [anytime.score_at(flat, used) for used in (6, 7, 8)] == [None, 0.6, 0.6]


def test_a_curve_is_the_mean_over_neurons_of_the_mean_over_seeds() -> None:
    cells = [
        cell(neuron="a", seed=0, anytime=points((1, 0.2), (4, 0.4))),
        cell(neuron="a", seed=1, anytime=points((1, 0.4))),
        cell(neuron="b", seed=0, anytime=points((4, 0.8))),
    ]
    found = anytime.curve(cells, [0, 1, 4], {}, np.random.default_rng(0))
    assert [(p.used, p.n_cells) for p in found] == [(1, 2), (4, 3)]
    assert [p.mean for p in found] == [pytest.approx(0.3), pytest.approx((0.4 + 0.8) / 2)]
    assert isinstance(found[0].interval, Unscored)
    assert isinstance(found[1].interval, Unscored)  # of two neurons
    together = anytime.curve(cells, [4], {"b": "a"}, np.random.default_rng(0))
    assert [p.mean for p in together] == [pytest.approx(0.6)]
    many = [cell(neuron=f"n{i}", anytime=points((1, 0.1 * i))) for i in range(6)]
    (one,) = anytime.curve(many, [1], {}, np.random.default_rng(0))
    assert isinstance(one.interval, Interval)
    assert 0.0 <= one.interval.low <= one.mean <= one.interval.high <= 1.0


def test_shares_and_scores_of_predictions() -> None:
    low, high = map(calibration.share_of, bins([(0.05, False), (0.08, True), (0.95, True), (1.0, True)]))
    assert (low.value, high.value) == (0.5, 1.0)
    even = [(0.8, True), (0.2, False)]
    assert calibration.log_score(even) == pytest.approx(math.log(0.8))
    assert calibration.skill(even) == pytest.approx(1 - math.log(0.8) / math.log(0.5))
    assert calibration.skill([(0.5, True), (0.5, False)]) == pytest.approx(0)
    for found in (
        calibration.log_score([]), calibration.skill([]), calibration.skill([(0.9, True)]),
        calibration.log_score([(0.0, True)]),
    ):  # fmt: skip
        assert isinstance(found, Unscored)


def test_the_ceiling_is_that_of_the_fold() -> None:
    record = neuron("L0N1", ceiling=[score(0.7), Unscored(reason="constant"), score(0.9)])
    study = Study([], [], {"L0N1": record}, [], [])
    found = [ceiling.ceiling_of(study, cell(fold=fold)) for fold in (0, 1, 2, 3, None)]
    assert found == [0.7, None, 0.9, None, None]
    assert ceiling.ceiling_of(study, cell(neuron="L9N9")) is None


def test_captions_say_what_scores_rest_on() -> None:
    wide = score(0.5).model_copy(update={"n_excerpts": 1200})
    assert basis([score(0.1), wide, None, Unscored(reason="r")]) == (
        "sealed split, 201 to 1,200 excerpts a neuron, protocol: simulation"
    )
    assert basis([Unscored(reason="r")]) == "no score exists"


def test_numbers_as_they_are_said() -> None:
    found = Interval(value=-0.0456, low=-0.1, high=0.5)
    assert measured(found).text == "−0.046 [−0.100, 0.500]"
    assert measured(found, signed=True).text == "−0.046 [−0.100, +0.500]"
    assert measured(Interval(value=0.5, low=0, high=1), share=True).text == "50% [0%, 100%]"
    assert measured(Unscored(reason="why")).text == "unscored: why"
    assert measured(None).text == "–"


def test_drawing_leaves_matplotlib_as_it_was_and_repeats_itself() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    one, two = (draw("d", 3, 2, lambda figure: figure.subplots().set_title(label(HOSTILE))) for _ in range(2))
    assert (one.svg, one.png) == (two.svg, two.png)
    assert dict(mpl.rcParams) == before
    assert one.png.startswith(b"\x89PNG")
    assert overview.alarms([]) == []
