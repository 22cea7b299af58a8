"""What the same explainer says of other neurons of the layer: the material of the matched null.

An explanation of one neuron is the same whoever asks for it, so it is kept beside the scan of the layer and made once.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np

from tools.errors import StorageError
from tools.evidence.cache import written_whole
from tools.evidence.neighbours import explore_readings
from tools.evidence.scan import LayerScan
from tools.roles import AsksAnLLM, Explainer
from tools.subject.sides import ModelView

_AT_ONCE = 2


def explanations_of(scan: LayerScan, neurons: list[int], explainer: Explainer, size: int) -> list[str]:
    """The sentence that `explainer` would bet on for each of other neurons of the layer, from explore text alone.

    Two at a time, since most of learning is in numpy, which lets go of the interpreter; the order is that of `neurons`.

    Args:
        scan: the layer.
        neurons: their indices.
        explainer: who explains.
        size: excerpts per stratum to learn from.
    """
    if isinstance(explainer, AsksAnLLM):
        readings = [(explore_readings(scan, neuron), np.random.default_rng(neuron)) for neuron in neurons]
        return [proposal.sentence for proposal in explainer.propose_each(readings, size) if proposal is not None]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda neuron: _explanation_of(scan, neuron, explainer, size), neurons)
        return [sentence for sentence in found if sentence is not None]


def _explanation_of(scan: LayerScan, neuron: int, explainer: Explainer, size: int) -> str | None:
    side = "-" if isinstance(scan.subject, ModelView) and scan.subject.is_negative else ""
    key = hashlib.sha256(f"{explainer.fingerprint} {size} {neuron}{side}".encode()).hexdigest()[:32]
    path = scan.folder / "explanations" / f"{key}.txt"
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        explore = explore_readings(scan, neuron)
        proposal = explainer.propose_one(explore, size, np.random.default_rng(neuron))
        if proposal is None:
            return None
        sentence = proposal.sentence
    # It is only kept to save time: a full disk must not end a run that has its answer.
    with suppress(StorageError), written_whole(path) as partial:
        partial.write_text(sentence, encoding="utf-8")
    return sentence
