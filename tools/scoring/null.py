"""Explanations of other neurons of the layer by the same explainer: the candidates of the matched null.

An explanation of another neuron does not depend on the run, so it is made once and cached with the scan of the layer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from tools.cache import written_whole
from tools.errors import StorageError
from tools.evidence.neurons.same_layer import explore_activations
from tools.evidence.neurons.scan import LayerScan
from tools.records.hypothesis import Hypothesis
from tools.roles import AsksAnLLM, Explainer
from tools.subject.views import ModelView

Source = Literal["rules", "results", "kept", "asked"]
"""Where an explanation of another neuron comes from: learnt by rules; the result of another run; what an LLM said for
another run; or the LLM, asked for it."""

_AT_ONCE = 2


@dataclass(frozen=True)
class OtherExplanation:
    """An explanation of another neuron, with the words by which excerpts that it claims can be found."""

    neuron: int
    sentence: str
    source: Source
    words: tuple[str, ...] = ()


def explanations_of(
    scan: LayerScan, neurons: list[int], explainer: Explainer, size: int, about: int
) -> list[OtherExplanation]:
    """The sentence that `explainer` would bet on for each of other neurons of the layer, from explore text alone.

    Two at a time, since most of learning is in numpy, which lets go of the interpreter; the order is that of `neurons`.

    Args:
        scan: the layer.
        neurons: their indices.
        explainer: who explains.
        size: excerpts per stratum to learn from.
        about: the neuron whose null this is for.
    """
    if isinstance(explainer, AsksAnLLM):
        activations = [(explore_activations(scan, neuron), np.random.default_rng(neuron)) for neuron in neurons]
        out = []
        for neuron, proposal in zip(neurons, explainer.propose_each(activations, size), strict=True):
            if proposal is not None:
                keep_explanation(scan, neuron, explainer, size, proposal, about)
                out.append(OtherExplanation(neuron, proposal.sentence, "asked", proposal.words))
        return out
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda neuron: _explanation_of(scan, neuron, explainer, size), neurons)
        return [
            OtherExplanation(neuron, sentence, "rules")
            for neuron, sentence in zip(neurons, found, strict=True)
            if sentence is not None
        ]


def kept_explanations(
    scan: LayerScan, neurons: Sequence[int], explainer: Explainer, size: int, about: int
) -> list[OtherExplanation]:
    """What an explainer that asks an LLM has said of neurons in runs on others than `about`.

    Explanations that a run on the same neuron asked for are left out. They are asked for again, and the cached reply
    counts with its original cost, so a repeated run is the same.
    """
    out = []
    for neuron in neurons:
        try:
            kept = json.loads(_path(scan, neuron, explainer, size, "json").read_text(encoding="utf-8"))
            if kept["about"] != about:
                out.append(OtherExplanation(neuron, str(kept["sentence"]), "kept", tuple(map(str, kept["words"]))))
        except (OSError, ValueError, KeyError, TypeError):  # never said, or damaged: it is asked for anew
            continue
    return out


def keep_explanation(
    scan: LayerScan, neuron: int, explainer: Explainer, size: int, proposal: Hypothesis, about: int
) -> None:
    """Keep what an explainer that asks an LLM says of a neuron in a run on `about`, for the nulls of others."""
    path = _path(scan, neuron, explainer, size, "json")
    if not path.exists():
        content = {"about": about, "sentence": proposal.sentence, "words": list(proposal.words)}
        _write(path, json.dumps(content))


def _explanation_of(scan: LayerScan, neuron: int, explainer: Explainer, size: int) -> str | None:
    path = _path(scan, neuron, explainer, size, "txt")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        explore = explore_activations(scan, neuron)
        proposal = explainer.propose_one(explore, size, np.random.default_rng(neuron))
        if proposal is None:
            return None
    _write(path, proposal.sentence)
    return proposal.sentence


def _path(scan: LayerScan, neuron: int, explainer: Explainer, size: int, ending: str) -> Path:
    side = "-" if isinstance(scan.subject, ModelView) and scan.subject.is_negative else ""
    key = hashlib.sha256(f"{explainer.fingerprint} {size} {neuron}{side}".encode()).hexdigest()[:32]
    return scan.folder / "explanations" / f"{key}.{ending}"


def _write(path: Path, content: str) -> None:
    # It is only kept to save time or tokens: a full disk must not end a run that has its answer.
    with suppress(StorageError), written_whole(path) as partial:
        partial.write_text(content, encoding="utf-8")
