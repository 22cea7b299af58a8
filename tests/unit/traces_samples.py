"""A short run with every kind of event, made the way the loop makes them."""

from typing import Any

from traces.events import kinds as e


def sample_result() -> dict[str, Any]:
    interval = {"value": 0.31, "low": 0.25, "high": 0.37}
    return {
        "schema_version": 2,
        "run_id": "20260131T120102Z-mini-L5N131-3f9a1c",
        "model": "mini",
        "neuron": "L5N131",
        "verdict": "supported",
        "label": "imports",
        "explanation": 'Fires at 9 on " import" after a line break.',
        "examples": [
            {
                "level": level,
                "document": number,
                "tokens": ["\n", "import", " os", "\n"],
                "values": [0.0, value, 0.1, 0.0],
                "fires": [False, True, False, False],
            }
            for number, (level, value) in enumerate([("top", 3.5), ("middle", 1.75), ("weak", 0.5)])
        ],
        "reader": "lexical",
        "predictor": {
            "sentence": "Fires on `import`, `from`, `as` (9); on `def`, `class`, `return` (4).",
            "score": {
                "value": 0.7,
                "low": 0.65,
                "high": 0.75,
                "protocol": "strata",
                "split": "sealed",
                "n_excerpts": 240,
                "n_unscored": 0,
            },
            "development_score": {
                "value": 0.72,
                "low": 0.66,
                "high": 0.78,
                "protocol": "strata",
                "split": "development",
                "n_excerpts": 200,
                "n_unscored": 0,
            },
        },
        "stop_reason": "plateau",
        "score": {
            "value": 0.612,
            "low": 0.55,
            "high": 0.66,
            "protocol": "strata",
            "split": "sealed",
            "n_excerpts": 240,
            "n_unscored": 1,
        },
        "development_score": {
            "value": 0.65,
            "low": 0.6,
            "high": 0.7,
            "protocol": "strata",
            "split": "development",
            "n_excerpts": 200,
            "n_unscored": 0,
        },
        "baselines": {
            "token_lookup_30": interval,
            "token_lookup_full": {"value": 0.5, "low": 0.45, "high": 0.55},
            "null": {"value": None, "reason": "no other neuron fires at a similar rate"},
        },
        "budget": {"limit": 20, "used": 3, "unit": "tool call of at most 64 texts or 4096 subject tokens"},
        "seconds": 7.5,
        "cost": {"tokens": 0, "usd": 0.0},
        "rivals": [
            {
                "explanation": "Fires at 5 on keywords.",
                "score": {"value": None, "reason": "constant prediction"},
                "status": "lost",
            }
        ],
        "explainer": "rules",
        "simulator": "rules",
        "variant": "tournament",
        "seed": 7,
        "corpus": {"name": "stdlib", "fingerprint": "c0ffee"},
        "trace": "neurons/mini.L5N131/events.jsonl",
    }


def sample_result_v1() -> dict[str, Any]:
    """The same as older programs wrote it, with a field that is no more."""
    new = ("label", "examples", "reader", "predictor")
    old = {name: value for name, value in sample_result().items() if name not in new} | {"schema_version": 1}
    return old | {"score": old["score"] | {"random_only": {"value": 0.4, "low": 0.3, "high": 0.5}}}


def sample_run() -> list[e.Event]:
    tokens = ["\n", "import", " os", "\n", " [red]x[/red]"]
    experiments = [
        {
            "id": "e1",
            "generator": "minimal_pair",
            "purpose": "swap",
            "carrier": "s1",
            "text": "".join(tokens),
            "tokens": tokens,
            "position": 1,
        },
        {
            "id": "e2",
            "generator": "retrieval",
            "purpose": "look-alike",
            "carrier": "s2",
            "text": "export",
            "tokens": ["export"],
        },
    ]
    return [
        e.RunStarted(
            run_id="20260131T120102Z-mini-L5N131-3f9a1c",
            model="mini",
            neuron="L5N131",
            config={"budget": 20, "variant": "tournament", "explainer": "rules", "simulator": "rules"},
            seed=7,
            versions={"python": "3.11", "torch": "2.13.0"},
            model_fingerprint="beef",
            corpus={"name": "stdlib", "fingerprint": "c0ffee"},
            commit="0123456789abcdef",
        ),
        e.Stage(stage="gather"),
        e.Gathered(theta=0.42, status="firing", n_explore_excerpts=12000, counts={"explore": 321}),
        e.Stage(stage="propose"),
        e.HypothesisProposed(
            hypothesis="h1",
            form="rules",
            sentence='Fires at 9 on " import" after a line break.',
            words=9,
            origin="rules",
        ),
        e.HypothesisProposed(
            hypothesis="h2", form="token set", sentence="Fires at 5 on keywords.", words=5, origin="rules"
        ),
        e.Scored(
            hypothesis="h1", split="development", protocol="strata", score={"value": 0.65, "low": 0.6, "high": 0.7}
        ),
        e.Scored(
            hypothesis="h2",
            split="development",
            protocol="strata",
            score={"value": None, "reason": "constant prediction"},
        ),
        e.Stage(stage="design", round=1),
        e.ExperimentsDesigned(round=1, experiments=experiments),
        e.PredictionsRegistered(round=1, experiment_ids=["e1", "e2"], predictions={"h1": [0.9, 0.1], "h2": [0.2, 0.8]}),
        e.ToolCall(
            call_id="read-1",
            tool="read_activations",
            arguments={"texts": ["import os", "export"]},
            outcome="ok",
            result={"values": [[0.1, 3.25, 0.0], [0.0]]},
            texts=2,
            subject_tokens=6,
            units=1,
            budget_used=1,
            seconds=0.05,
        ),
        e.ReadingsRevealed(round=1, experiment_ids=["e1", "e2"], values=[3.25, 0.0], fired=[True, False]),
        e.BeliefUpdated(round=1, beliefs={"h1": 0.8, "h2": 0.2}, log_scores={"h1": -0.2, "h2": -3.2}),
        e.ToolCall(
            call_id="generate-1",
            tool="generate",
            arguments={"n": 4},
            outcome="error",
            error={"kind": "timeout", "message": "no text within 10 s"},
            units=2,
            budget_used=3,
        ),
        e.Decided(action="drop", hypothesis="h2", reason="wrong twice", round=1),
        e.Decided(action="stop", reason="plateau", round=1),
        e.Note(message="one warning", level="warning"),
        e.Decided(action="merge", hypothesis="h2", reason="it says the same as h1", round=1),
        e.PredictionsScored(hypothesis="h1", experiments="chosen", scores={"n": 2, "log_score": -0.2}),
        e.PersonActed(pause=1, before="confirm", round=1, action="go"),
        e.SealedOpened(fold=0, opening=1, reused=False),
        e.Confirmed(scores={"detection": {"value": 0.9, "low": 0.8, "high": 0.95}, "optimism_gap": 0.038}),
        e.Finished(result=sample_result()),
    ]
