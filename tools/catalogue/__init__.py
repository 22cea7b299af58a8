"""Everything that can be done to a neuron, as one list of typed tools."""

from __future__ import annotations

from typing import Any

from tools.bench import Bench
from tools.catalogue.asked import asked_tools
from tools.catalogue.causal import causal_tools
from tools.catalogue.claims import claim_tools
from tools.catalogue.confirmation import confirmation_tools
from tools.catalogue.examples import example_tools
from tools.catalogue.experiments import experiment_tools
from tools.catalogue.explore import explore_tools
from tools.catalogue.hypotheses import hypothesis_tools
from tools.catalogue.meanings import meaning_tools
from tools.catalogue.null import null_tools
from tools.catalogue.predictions import prediction_tools
from tools.catalogue.predictor import predictor_tools
from tools.catalogue.scores import score_tools
from tools.catalogue.subject import subject_tools
from tools.catalogue.thinking import thinking_tools
from tools.catalogue.twins import twin_tools
from tools.toolbox import Tool


def all_tools(bench: Bench) -> list[Tool[Any, Any]]:
    """The registry for one neuron; the same list serves the loop and whoever else chooses tools."""
    return [
        *hypothesis_tools(bench),
        *twin_tools(bench),
        *predictor_tools(bench),
        *experiment_tools(bench),
        *prediction_tools(bench),
        *score_tools(bench),
        *null_tools(bench),
        *confirmation_tools(bench),
        *example_tools(bench),
        *asked_tools(bench),
        *claim_tools(bench),
        *meaning_tools(bench),
        *subject_tools(bench),
        *causal_tools(bench),
        *explore_tools(bench),
        *thinking_tools(bench),
    ]
