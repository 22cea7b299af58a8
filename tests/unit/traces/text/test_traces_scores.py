"""The table of final scores, whole."""

from traces.events.recorded import FinalScores
from traces.text.scores import missing_scores, score_table


def interval(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


NOTHING = {"value": None, "reason": "of 201 excerpts every one\n activates"}
CONFIRMED = FinalScores.read({
    "score": interval(0.454),
    "baselines": {"token_lookup_30": interval(0.398), "token_lookup_full": interval(0.5), "null": interval(0.1)},
    "random_only": interval(0.36),
    "openai_top_random": {"value": None, "reason": "constant"},
    "scores": {
        "explained_variance": {
            "explanation": interval(-0.01), "token_lookup_30": interval(0.16), "null": interval(0.01),
        },
        "detection": {"explanation": NOTHING, "token_lookup_30": NOTHING, "null": interval(0.5)},
        "another_score": {"explanation": interval(0.5)},
    },
})  # fmt: skip

TABLE = """\
                           explanation             token-lookup-30       null
  correlation              0.454 [0.404, 0.504]    0.398 [0.348, 0.448]  0.100 [0.050, 0.150]
  random excerpts only     0.360 [0.310, 0.410]
  OpenAI's 5 + 5 excerpts  no score
  explained variance       -0.010 [-0.060, 0.040]  0.160 [0.110, 0.210]  0.010 [-0.040, 0.060]
  detection, accuracy      no score                no score              0.500 [0.450, 0.550]
  another score            0.500 [0.450, 0.550]"""

NARROW = """\
                           explanation             token-lookup-30  null
  correlation              0.454 [0.404, 0.504]    0.398            0.100
  random excerpts only     0.360 [0.310, 0.410]
  OpenAI's 5 + 5 excerpts  no score
  explained variance       -0.010 [-0.060, 0.040]  0.160            0.010
  detection, accuracy      no score                no score         0.500
  another score            0.500 [0.450, 0.550]"""


def test_the_table() -> None:
    assert score_table(CONFIRMED, 100) == TABLE.splitlines()
    assert score_table(CONFIRMED, 80) == NARROW.splitlines()


def test_every_missing_score_has_its_reason() -> None:
    assert missing_scores(CONFIRMED) == [
        "explanation, no score (OpenAI's 5 + 5 excerpts): constant",
        "explanation, no score (detection, accuracy): of 201 excerpts every one activates",
        "token-lookup-30, no score (detection, accuracy): of 201 excerpts every one activates",
    ]


def test_a_trace_without_final_scores() -> None:
    assert score_table(FinalScores(), 100) == missing_scores(FinalScores()) == []
    assert score_table(FinalScores.read({"optimism_gap": 0.1}), 100) == []
