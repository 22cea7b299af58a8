"""Whole runs with a scripted LLM: what it may be shown, what is kept of it, and what its rubbish may do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_llm import (
    TEXTS,
    TRUTH,
    WRONG,
    Run,
    Script,
    Scripted,
    explanation_in,
    kind_of,
    planted,
    question_of,
    script,
    scripted_llm,
    truth,
)

import agent
from agent.cli import main
from agent.setup.config import RunConfig
from agent.setup.evidence import open_study
from tools.catalogue.experiments import N_ASKED
from tools.concepts.words import words_of
from tools.errors import BadInput
from tools.prompts.quoting import tokens_in, unescape
from tools.records.excerpts import Excerpts
from tools.records.result import ScoreValue, Unscored
from tools.rules.clauses import MAX_LISTED_TOKENS
from tools.rules.language import parse
from tools.rules.lookup import FULL_LOOKUP
from traces.analysis.story import Trial, read_story
from traces.events.kinds import (
    BeliefUpdated,
    Decided,
    ExperimentsDesigned,
    HypothesisProposed,
    Note,
    PredictionsRegistered,
    ReadingsRevealed,
    Scored,
    SealedOpened,
)
from traces.text.console import QuietDisplay

RUN = 12
PROMPTS = {
    "explainer": {"explainer/6", "explainer-short/3"}, "reviser": {"reviser/8"}, "writer": {"writer/6"},
    "simulator": {"simulator/5", "simulator-rivals/3", "simulator-last/5", "simulator-last-rivals/3"},
    "detector": {"detection/2"}, "fuzzer": {"fuzzing/3"},
}  # fmt: skip


@pytest.fixture(scope="module")
def base(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Settings of a run on a planted neuron, and where such a neuron is found."""
    with planted(world, tmp_path_factory, "parity") as settings:
        yield settings


@pytest.fixture(scope="module")
def server() -> Iterator[Scripted]:
    with scripted_llm(script()) as served:
        yield served


@pytest.fixture(scope="module")
def run(base: dict[str, Any], server: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(server, tmp_path_factory.mktemp("runs"), **base, budget=12, explainer="openai:fake")


def test_what_the_llm_proposes_competes_with_rules(run: Run) -> None:
    proposed = run.of(HypothesisProposed)
    by_origin: dict[str, list[str]] = {}
    for event in proposed:
        by_origin.setdefault(event.origin, []).append(event.sentence)
    assert by_origin["openai:fake"] == [TRUTH, WRONG]
    assert len(by_origin["rules"]) >= 2
    assert run.result.explanation == TRUTH
    assert run.told["written_by"] == run.told["explainer"] == run.told["simulator"] == "openai:fake"
    assert run.told["reads_its_own"]
    assert sum(run.told["null_from"].values()) == run.told["null_tries"]
    assert {event.hypothesis for event in run.of(Scored)} == {event.hypothesis for event in proposed}


def test_predictions_in_free_words_stand_before_readings(run: Run) -> None:
    name = run.rival(TRUTH).name
    registered = {}
    for event in run.events:
        if isinstance(event, PredictionsRegistered):
            registered |= dict.fromkeys(event.experiment_ids, event)
        elif isinstance(event, ReadingsRevealed):
            assert not event.exploratory
            for experiment in event.experiment_ids:
                assert registered[experiment].seq < event.seq
    said = [event.predictions[name] for event in registered.values() if name in event.predictions]
    assert said
    assert all(any(p is not None for p in row) for row in said)
    assert sum(p is not None for p in said[0]) <= N_ASKED  # who costs something is asked about some of the texts
    for call, llm in run.asked():
        if llm.prompt == "simulator-last/5":
            assert call.tool in ("design_experiments", "predict_before", "design_probe_set", "design_probe_pairs")


def test_every_llm_call_stands_in_the_trace(run: Run) -> None:
    run.adds_up()
    for _, llm in run.asked():
        assert llm.prompt in PROMPTS[llm.role]
        assert llm.model == "openai:fake"
        assert llm.input_tokens > 0
        assert llm.output_tokens > 0
        assert llm.reply
        assert not llm.cached
    assert {llm.role for _, llm in run.asked()} >= {"explainer", "simulator", "writer", "fuzzer"}
    assert sorted(question_of(body) for body in run.bodies) == sorted(llm.question for _, llm in run.asked())
    assert run.result.cost.usd is None  # nobody knows what this endpoint takes


def texts_of(excerpts: Excerpts, strings: list[str]) -> list[list[str]]:
    return [[strings[t] for t in row[:n]] for row, n in zip(excerpts.tokens, excerpts.lengths, strict=True)]


class Secrets:
    """Text of development and sealed excerpts, as runs of 12 tokens that stand nowhere in explore or probe text."""

    def __init__(self, base: dict[str, Any]) -> None:
        config = RunConfig(target="L0N0", **{**base, "planted": tuple(base["planted"])})
        study = open_study(config, QuietDisplay())
        corpus, strings = study.scan.corpus, study.vocabulary.strings
        folds = [texts_of(corpus.sealed.open(fold), strings) for fold in range(corpus.sealed.n_folds)]
        self.development = texts_of(corpus.development, strings)
        self.sealed = [text for fold in folds for text in fold]
        shown = "\n\n\n".join("".join(t) for part in (corpus.explore, corpus.probe) for t in texts_of(part, strings))
        self.runs = {
            run
            for text in (*self.development, *self.sealed)
            for i in range(len(text) - RUN + 1)
            if (run := "".join(text[i : i + RUN])) not in shown
        }

    def told_in(self, question: str) -> set[str]:
        ours = "explanation and then its rivals"  # words of the prompt, of which a corpus may hold as many letters
        plain = unescape(re.sub(r"<<?(?:[0-9.]+\|)?|>", "", question.replace(ours, "")))
        tokens = "".join(token for excerpt in tokens_in(question) for token in excerpt)
        return {run for run in self.runs if run in plain or run in tokens}


@pytest.fixture(scope="module")
def secrets(base: dict[str, Any]) -> Secrets:
    return Secrets(base)


def test_who_writes_sees_no_development_and_no_sealed_text(run: Run, secrets: Secrets) -> None:
    assert len(secrets.runs) > 1000
    seen = {"explainer": 0, "reviser": 0, "writer": 0}
    for body in run.bodies:
        kind = kind_of(body)
        if kind in seen:
            seen[kind] += 1
            assert not secrets.told_in(question_of(body)), kind
        elif kind == "simulator":  # the same look finds text where there is some
            assert secrets.told_in(question_of(body))
    assert seen["explainer"] >= 1
    assert seen["writer"] >= 1


def test_who_refutes_attacks_the_leading_explanation_and_never_a_baseline(run: Run) -> None:
    baselines = {e.sentence for e in run.of(HypothesisProposed) if e.origin == "reference"}
    bodies = [question_of(body) for body in run.bodies if kind_of(body) == "writer"]
    assert bodies
    for question in bodies:
        attacked = [unescape(line.strip('"')) for line in re.findall(r'^(?:\d+\. )?(".*")$', question, re.MULTILINE)]
        assert attacked
        assert not baselines & set(attacked)


def test_who_writes_is_told_of_levels_and_of_all_that_was_tried(run: Run) -> None:
    entered = {e.sentence: e.seq for e in run.of(HypothesisProposed) if e.origin != "reference"}
    asked = [(call, llm) for call, llm in run.asked() if llm.prompt == "reviser/8"]
    for call, llm in asked:
        assert re.search(r"^\d+\. (?:no\. \d+ said [\d.]+(?:, )?)+; (?:fired|weak|silent), ", llm.question, re.M)
        assert not re.search(r" said [^;]*%", llm.question)
        told = {unescape(found) for found in re.findall(r'^(?:\d+\. )?"(.*?)"(?:: .*)?$', llm.question, re.M)}
        assert {sentence for sentence, seq in entered.items() if seq < call.seq} <= told
    assert asked


def test_detection_and_fuzzing_are_asked_of_the_winner_only(run: Run) -> None:
    asked = {explanation_in(question_of(body)) for body in run.bodies if kind_of(body) in ("detection", "fuzzing")}
    assert asked == {run.result.explanation}


def test_scores_of_the_loop_are_on_development_text_and_the_last_one_on_sealed_text(run: Run, secrets: Secrets) -> None:
    development, sealed = (set(map(tuple, texts)) for texts in (secrets.development, secrets.sealed))
    (opened,) = run.of(SealedOpened)
    n_sealed = 0
    for call, llm in run.asked():
        if llm.prompt != "simulator/5":
            continue
        shown = set(tokens_in(llm.question))
        assert shown
        if call.seq < opened.seq:
            assert shown <= development
        else:
            assert shown <= sealed | development
            n_sealed += len(shown & sealed)
    assert isinstance(run.result.score, ScoreValue)
    assert run.result.score.split == "sealed"
    assert n_sealed >= run.result.score.n_excerpts
    for call, llm in run.asked():
        if llm.role in ("detector", "fuzzer"):
            assert call.seq > opened.seq


def test_texts_that_the_llm_wrote_are_read_as_experiments(run: Run) -> None:
    written = {
        experiment.id: experiment
        for event in run.of(ExperimentsDesigned)
        for experiment in event.experiments
        if experiment.generator == "written"
    }
    read = {name for event in run.of(ReadingsRevealed) for name in event.experiment_ids}
    assert {experiment.text for experiment in written.values()} <= {text for text, _ in TEXTS}
    assert written
    assert set(written) <= read


def test_what_a_rival_claims_is_among_what_is_simulated(base: dict[str, Any], secrets: Secrets, tmp_path: Path) -> None:
    """It names a word that is in few excerpts; though it has no score where nothing of it is met, it stays."""
    having: dict[str, int] = {}
    for text in secrets.development:
        for word in {word.text for word in words_of(text) if word.text.islower()}:
            having[word] = having.get(word, 0) + 1
    rare = min(having, key=lambda word: (abs(having[word] - 8), word))
    assert 5 <= having[rare] <= 20
    claim = "a word that is seldom seen"

    def level(explanation: str, tokens: tuple[str, ...]) -> int:
        return 9 if explanation == claim and "".join(tokens).endswith(rare) else truth(explanation, tokens)

    hypotheses = [(TRUTH, "context"), (claim, "word")]
    settings = base | {"explainer": "openai:fake", "budget": 10}
    with scripted_llm(script(hypotheses=hypotheses, level=level, words={claim: [rare]})) as server:
        found = Run(server, tmp_path, **settings, llm={"simulated_excerpts": 12})
    own = {
        tokens
        for call, llm in found.asked()
        if call.tool == "score" and llm.prompt in ("simulator/5", "simulator-rivals/3") and claim in llm.question
        for tokens in tokens_in(llm.question)
        if rare in {word.text for word in words_of(tokens)}
    }
    assert len(own) >= 4
    assert not [e for e in found.of(Decided) if e.action == "drop" and "cannot be simulated" in e.reason]
    assert found.result.explanation == TRUTH
    (won,) = [event for event in found.of(Decided) if event.action == "win"]
    assert won.hypothesis == found.rival(TRUTH).name
    assert "by experiments" in won.reason


def test_pairs_are_scored_by_their_order_in_the_trace_too(run: Run) -> None:
    """What the trace's reader makes of experiments is what moved belief, for who is free to ask and who is not.

    Of a text on which a rival said nothing it earns what those earned on average that said something.
    """

    def earned(trial: Trial, name: str) -> float:
        own = trial.log_score(name)
        said = [score for one in trial.predicted if (score := trial.log_score(one)) is not None]
        return own if own is not None else sum(said) / max(len(said), 1)

    story = read_story(Path(run.told["trace"]))
    rival = run.rival(TRUTH).name
    told = {event.round: event.log_scores for event in run.of(BeliefUpdated)}
    orders = [trial.order for this in story.rounds.values() for trial in this.experiments.values()]
    assert orders.count("fell") > 3
    for number, scores in told.items():
        trials = story.rounds[number].experiments.values()
        for name in (rival, "token-lookup-30"):
            assert sum(earned(trial, name) for trial in trials) == pytest.approx(scores[name], abs=1e-3)


def test_the_same_run_again_asks_nothing_and_is_the_same(
    run: Run, base: dict[str, Any], server: Scripted, tmp_path: Path
) -> None:
    again = Run(server, tmp_path / "again", **base, budget=12, explainer="openai:fake")
    assert again.bodies == []
    assert again.plain() == run.plain()
    assert again.result.cost == run.result.cost
    assert again.told["llm"]["this_time"]["calls_from_store"] == len(run.asked())
    assert run.told["llm"]["this_time"]["calls_from_store"] == 0


@pytest.mark.parametrize("simulation", ["token-by-token", "all-at-once"])
def test_a_run_in_another_way_of_simulating_is_repeated_too(
    simulation: str, base: dict[str, Any], tmp_path: Path
) -> None:
    """Excerpts that begin alike make the same question twice at once."""

    def told(body: dict[str, Any]) -> str | None:
        if kind_of(body) != "":
            return None
        (tokens,) = [t for t in _bare_tokens(question_of(body)) if t]
        levels = [truth(TRUTH, tokens[: k + 1]) for k in range(len(tokens))]
        if simulation == "token-by-token":
            return str(levels[-1])
        return "\n".join(f"{json.dumps(token)}\t{level}" for token, level in zip(tokens, levels, strict=True))

    settings = base | {"variant": "one-shot", "explainer": "openai:fake"}
    llm = {"simulation": simulation, "simulated_excerpts": 9}
    with scripted_llm(script(hypotheses=[(TRUTH, "context")], override=told)) as server:
        first = Run(server, tmp_path / "first", **settings, llm=llm)
        again = Run(server, tmp_path / "again", **settings, llm=llm)
    assert first.bodies
    assert again.bodies == []
    assert first.result.explanation == TRUTH
    assert first.told["simulator"] == f"openai:fake ({simulation})"
    first.adds_up()
    again.adds_up()
    assert again.result.cost == first.result.cost
    assert again.plain() == first.plain()


def _bare_tokens(question: str) -> list[tuple[str, ...]]:
    """Tokens that stand in the first block, a line each."""
    block = question.partition("<data>\n")[2].partition("\n</data>")[0]
    return [tuple(json.loads(line) for line in block.split("\n") if line)]


GARBAGE: dict[str, Callable[[dict[str, Any]], str | dict[str, Any]]] = {
    "prose": lambda body: "I am terribly sorry, but as a language model I have no idea.",
    "levels of 11": lambda body: '{"levels":[{"number":1,"level":11}],"excerpts":[{"number":1,"tokens":[]}]}',
    "refusal": lambda body: {"content": None, "refusal": "I will not help with neurons."},
    "nothing": lambda body: "",
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_for_everything(kind: str, base: dict[str, Any], tmp_path: Path) -> None:
    settings = base | {"planted": [], "budget": 4, "explainer": "openai:fake"}
    with scripted_llm(Script(override=GARBAGE[kind])) as server:
        found = Run(server, tmp_path, "L1N3", **settings, rivals=[TRUTH])
    origins = {event.origin for event in found.of(HypothesisProposed)}
    assert origins == {"reference", "rules", "user"}
    own = found.rival(TRUTH)
    assert isinstance(own.score, Unscored)
    assert own.status == "dropped"
    assert "could not be simulated" in own.score.reason
    assert found.told["written_by"] == "rules"
    assert isinstance(found.result.score, ScoreValue)
    assert [note for note in found.of(Note) if "openai:fake wrote no hypothesis" in note.message]
    assert {decided.hypothesis for decided in found.of(Decided) if decided.action == "drop"} >= {own.name}
    found.adds_up()


def test_an_llm_that_cannot_be_asked_gives_no_number(base: dict[str, Any], tmp_path: Path) -> None:
    garbage = script(
        override=lambda body: GARBAGE["prose"](body) if kind_of(body) in ("detection", "fuzzing") else None
    )
    with scripted_llm(garbage) as server:
        found = Run(server, tmp_path, **base, budget=3, explainer="openai:fake")
    fuzzing = found.told["asked"]["fuzzing"]
    assert fuzzing["value"] is None
    assert "were not answered, most often because: no JSON in the reply" in fuzzing["reason"]


def test_where_a_rule_has_won_nothing_is_asked_of_it(base: dict[str, Any], tmp_path: Path) -> None:
    """Neither detection nor fuzzing, which the lexical reader does itself, nor an LLM's null."""
    with scripted_llm(script(hypotheses=[(WRONG, "token")])) as server:
        found = Run(server, tmp_path, **base, budget=3, explainer="openai:fake")
    assert found.told["written_by"] == "rules"
    assert "asked" not in found.told
    assert not found.told["reads_its_own"]
    assert set(found.told["null_from"]) == {"rules"}
    assert server.kinds()["explainer"] == 1
    assert not {"detection", "fuzzing"} & set(server.kinds())


def test_garbage_on_the_command_line_is_no_error(
    world: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with scripted_llm(Script(override=GARBAGE["prose"])) as server:
        command = ["explain", "L1N3", "--budget", "3", "--corpus-tokens", "30000", *world.options]
        assert main([*command, "--explainer", "openai:fake", "--llm-url", server.url]) == 0
    out, err = capsys.readouterr()
    assert "on unseen text" in out
    assert "openai:fake wrote no hypothesis" in err
    assert main(["trace", "show", "last"]) == 0
    assert "wrote no hypothesis" in capsys.readouterr().out


def test_a_simulator_of_which_a_third_is_unusable(base: dict[str, Any], tmp_path: Path) -> None:
    asked: dict[str, bool] = {}

    def every_third(body: dict[str, Any]) -> str | None:
        if kind_of(body) != "simulator":
            return None
        bad = asked.setdefault(question_of(body), len(asked) % 3 == 2)
        return '{"excerpts": [{"number": 1, "active": [{"index": 999, "token": "x", "level": 3}]}]}' if bad else None

    settings = base | {"variant": "one-shot", "explainer": "openai:fake"}
    with scripted_llm(script(hypotheses=[(TRUTH, "context")], override=every_third)) as server:
        found = Run(server, tmp_path, **settings, llm={"concurrency": 1, "excerpts_per_call": 1})
    for score in (found.result.development_score, found.result.score):
        assert isinstance(score, ScoreValue)
        assert score.n_unscored > 0
    first = [llm for call, llm in found.asked() if call.tool == "score" and llm.prompt == "simulator/5"]
    questions = {llm.question for llm in first}
    score = found.result.development_score
    assert isinstance(score, ScoreValue)
    assert score.n_excerpts + score.n_unscored == len(questions)
    assert score.n_unscored == sum(asked[question] for question in questions)
    assert len(first) == len(questions) + score.n_unscored  # each unreadable one was asked for once more
    assert score.value > 0.9  # a reply that was not one is no prediction of silence


def test_one_shot_finds_what_was_planted(
    base: dict[str, Any], world: Any, server: Scripted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with scripted_llm(script(hypotheses=[(TRUTH, "context")])) as one:
        found = Run(one, tmp_path / "runs", **base, variant="one-shot", explainer="openai:fake")
    assert (found.result.explanation, found.result.stop_reason) == (TRUTH, "rounds")
    score = found.result.score
    assert isinstance(score, ScoreValue)
    assert score.low > 0.9
    assert score.n_excerpts >= 9
    assert found.result.simulator == "openai:fake"
    assert found.result.budget.used == 2
    assert not found.of(ExperimentsDesigned) or {e.generator for d in found.of(ExperimentsDesigned)
                                                 for e in d.experiments} == {"fixed_probe"}  # fmt: skip
    assert main(["resume", "last", "--runs-dir", str(tmp_path / "runs"), "--quiet", "--full"]) == 0
    assert f"{score.n_excerpts} excerpts" in capsys.readouterr().out


@pytest.mark.parametrize("limit", [10_000, 16_000])
def test_a_limit_on_tokens(limit: int, base: dict[str, Any], tmp_path: Path) -> None:
    """Even the lowest one buys hypotheses, a reading of them, and the score of the one that wins."""
    with scripted_llm(script()) as server:
        found = Run(server, tmp_path, **base, budget=12, explainer="openai:fake", max_tokens=limit)
    assert found.result.cost.tokens <= limit
    refused = [llm for _, llm in found.asked() if llm.error and llm.error.startswith("limit reached")]
    assert all(llm.input_tokens == 0 for llm in refused)
    found.adds_up()
    assert len([one for one in found.of(HypothesisProposed) if one.origin == "openai:fake"]) >= 2
    read = [call for call in found.calls("score") for llm in call.llm if llm.reply]
    assert read
    assert found.result.explanation == TRUTH
    assert isinstance(found.result.score, ScoreValue)


def test_a_limit_that_buys_nothing_is_refused_before_anything_is_asked(base: dict[str, Any], tmp_path: Path) -> None:
    with scripted_llm(script()) as server, pytest.raises(BadInput, match=r"--max-tokens 9,999 .* at least 10,000"):
        Run(server, tmp_path, **base, explainer="openai:fake", max_tokens=9_999)
    assert not server.bodies


def test_rivals_in_free_words_beside_rules(base: dict[str, Any], server: Scripted, tmp_path: Path) -> None:
    found = Run(server, tmp_path, **base, budget=6, rivals=[TRUTH], simulator="openai:fake")
    assert found.result.explainer == "rules"
    assert found.result.explanation == TRUTH
    assert found.result.simulator == "openai:fake"
    assert {llm.role for _, llm in found.asked()} == {"simulator", "fuzzer"}
    (own,) = [event for event in found.of(HypothesisProposed) if event.origin == "user"]
    assert own.sentence == TRUTH
    found.adds_up()


def test_a_sentence_in_free_words_is_scored(base: dict[str, Any]) -> None:
    settings = {name: value for name, value in base.items() if name != "planted"}
    rule = "Fires on `e` (9)."
    with scripted_llm(script()) as server:
        llm = {"simulator": "openai:fake", "llm": {"url": server.url, "excerpts_per_call": 1}}
        said = agent.score_sentence("L1N3", WRONG, **llm, **settings)
        asked = list(server.bodies)
        exact = agent.score_sentence("L1N3", rule, **llm, **settings)
        assert len(server.bodies) == len(asked)
    assert isinstance(said.score, ScoreValue)
    assert said.simulator == "openai:fake"
    assert said.score.n_excerpts + said.score.n_unscored == len({question_of(body) for body in asked}) == len(asked)
    assert said.cost.tokens > 0
    assert isinstance(said.token_lookup_30, ScoreValue)
    assert said.token_lookup_30.n_excerpts == said.score.n_excerpts
    assert (exact.sentence, exact.simulator, exact.cost.tokens) == (rule, "lexical", 0)


def test_an_llm_cannot_claim_the_table_of_all_tokens(base: dict[str, Any], tmp_path: Path) -> None:
    """The program's own name for a baseline is not for an LLM to say."""
    with scripted_llm(script(hypotheses=[(FULL_LOOKUP, "token")])) as server:
        found = Run(server, tmp_path, **base, variant="one-shot", explainer="openai:fake")
    assert FULL_LOOKUP not in [rival.explanation for rival in found.result.rivals]
    assert found.result.explanation is None
    assert [note for note in found.of(Note) if "may not compete" in note.message]


def test_what_an_llm_writes_against_the_rules_is_asked_for_again_and_else_refused(
    base: dict[str, Any], tmp_path: Path
) -> None:
    vague, long, endless = "tokens related to letters", "the letter e " * 9, "the letter e " * 40

    def mender(body: dict[str, Any]) -> str | None:
        if kind_of(body) != "mender":
            return None
        anew = [{"number": 1, "explanation": "words related to letters"}, {"number": 2, "explanation": TRUTH}]
        return json.dumps({"explanations": anew})

    with scripted_llm(
        script(hypotheses=[(vague, "topic"), (long, "long"), (endless, "long")], override=mender)
    ) as server:
        found = Run(server, tmp_path, **base, budget=3, explainer="openai:fake")
    entered = {event.sentence for event in found.of(HypothesisProposed) if event.origin == "openai:fake"}
    assert entered == {TRUTH}
    assert found.result.explanation == TRUTH
    refused = [note.message for note in found.of(Note) if "may not compete" in note.message]
    assert len(refused) == 1
    assert "names a topic" in refused[0]
    assert [note for note in found.of(Note) if re.search(r"cannot be used: .* has 120 words", note.message)]
    assert server.kinds()["mender"] >= 1
    assert {llm.prompt for _, llm in found.asked() if llm.role == "explainer"} == {
        "explainer/6",
        "explainer-short/3",
        "mender/4",
    }


def test_rules_of_an_llm_have_the_limits_of_all_rules(base: dict[str, Any], tmp_path: Path) -> None:
    """A list of more tokens than the baseline may have is no fair rival of it."""
    listed = ", ".join(
        f"`{c}`" for c in "eabcdfghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[: MAX_LISTED_TOKENS + 12]
    )
    sentence = f"Fires on {listed} (9)."
    assert parse(sentence).listed() > MAX_LISTED_TOKENS
    with scripted_llm(script(hypotheses=[(sentence, "token")])) as server:
        found = Run(server, tmp_path, **base, variant="one-shot", explainer="openai:fake")
    assert found.result.explanation != sentence


def test_the_rules_go_on_when_nothing_is_left_for_the_llm(base: dict[str, Any], tmp_path: Path) -> None:
    with scripted_llm(script()) as server:
        found = Run(server, tmp_path, **base, budget=20, explainer="openai:fake", max_tokens=10_000)
    assert found.told["llm"]["limit_reached"]
    assert found.calls("read_activations")
    scored = [rival for rival in found.result.rivals if isinstance(rival.score, ScoreValue)]
    assert len(scored) >= 2
