"""Everything that can be done to a neuron, as one list of typed tools."""

from __future__ import annotations

from typing import Any

from tools.catalogue.causal import causal_tools
from tools.catalogue.claims import claim_tools
from tools.catalogue.confirmation import confirmation_tools
from tools.catalogue.detection import detection_tools
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
from tools.study.study import Study
from tools.toolbox import Tool


def all_tools(study: Study) -> list[Tool[Any, Any]]:
    """The registry for one neuron; the same list serves the loop and whoever else chooses tools."""
    return [
        *hypothesis_tools(study),
        *twin_tools(study),
        *predictor_tools(study),
        *experiment_tools(study),
        *prediction_tools(study),
        *score_tools(study),
        *null_tools(study),
        *confirmation_tools(study),
        *example_tools(study),
        *detection_tools(study),
        *claim_tools(study),
        *meaning_tools(study),
        *subject_tools(study),
        *causal_tools(study),
        *explore_tools(study),
        *thinking_tools(study),
    ]
