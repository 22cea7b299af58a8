"""Tools that use the subject model and the corpus freely: search, simulate, generate, ablate, logit effects.

What they show is exploratory: it earns no hypothesis any evidence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from tools.study.simulations import padded
from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Tool


class Search(Arguments):
    """A sentence, and how many probe texts to find on which it predicts most."""

    sentence: str
    n: int = Field(default=8, ge=1, le=64)


class FoundText(BaseModel):
    """A probe text cut at the token where the sentence predicts most, that level, and the excerpt it was cut from."""

    text: str
    tokens: list[int]
    level: float
    carrier: str


class Found(Outcome):
    """Texts, the highest prediction first. Nothing about the neuron's own activations is in them."""

    texts: list[FoundText]


class Simulate(Arguments):
    """A sentence and texts to predict on."""

    sentence: str
    texts: list[str] = Field(min_length=1, max_length=64)


class Simulated(Outcome):
    """Predicted levels per token of each text."""

    tokens: list[list[str]]
    levels: list[list[float]]


class Generate(Arguments):
    """Sample continuations of a prompt from the subject model."""

    prompt: str = ""
    n_texts: int = Field(default=8, ge=1, le=64)
    n_tokens: int = Field(default=32, ge=1, le=128)
    temperature: float = Field(default=1.0, gt=0, le=5)


class Texts(Outcome):
    """Sampled texts, the prompt included."""

    texts: list[str]


class Ablate(Arguments):
    """Set the neuron to a constant raw value on these texts."""

    texts: list[str] = Field(min_length=1, max_length=64)
    value: float = 0.0


class Ablated(Outcome):
    """Jensen-Shannon divergence (nats) of the next-token distribution per token of each text."""

    tokens: list[list[str]]
    divergence: list[list[float]]


class LogitEffects(Arguments):
    """How many tokens of each side to list."""

    k: int = Field(default=10, ge=1, le=100)


class Effects(Outcome):
    """Tokens that the neuron's output weights favour and disfavour, with the direct weight of each."""

    promoted: list[tuple[str, float]]
    suppressed: list[tuple[str, float]]


def subject_tools(study: Study) -> list[Tool[Any, Any]]:
    """`search_corpus`, `simulate`, `generate_text`, `ablate` and `logit_effects`, bound to one neuron."""
    neuron, tokenizer, strings = study.evidence.neuron, study.subject.tokenizer, study.vocabulary.strings

    def search(arguments: Search, rng: np.random.Generator) -> Found:
        fixed = [row for row, _ in study.fixed_probe]  # these are predicted at the end, by whoever has never seen them
        probe = study.evidence.probe.take(np.setdiff1d(np.arange(len(study.evidence.probe)), fixed))
        if study.simulations.word_simulator is None or study.simulations.is_exact(arguments.sentence):
            levels = np.delete(study.simulations.probe_levels(arguments.sentence), fixed, axis=0)
        else:  # what costs something is asked about some of the texts, drawn at random
            probe = probe.take(np.sort(rng.permutation(len(probe))[: study.simulations.n_simulated]))
            found = study.simulations.word_simulator.simulate(arguments.sentence, probe.tokens)
            read = np.array([row for row in range(len(probe)) if row not in found.unscored], dtype=np.int64)
            probe, levels = probe.take(read), found.levels[read]
        peak = levels.argmax(1)
        rows = np.argsort(-levels.max(1, initial=0.0), kind="stable")[: arguments.n]
        cuts = [[int(t) for t in probe.tokens[row, : peak[row] + 1]] for row in rows]
        # What was found once is no evidence later: whoever searched may have written a hypothesis for it.
        carriers = [f"probe-{int(probe.ids[row])}" for row in rows]
        return Found(
            texts=[
                FoundText(
                    text=tokenizer.decode(cut), tokens=cut, level=round(float(levels[row].max()), 4), carrier=carrier
                )
                for row, cut, carrier in zip(rows, cuts, carriers, strict=True)
            ]
        )

    def simulate(arguments: Simulate, rng: np.random.Generator) -> Simulated:
        texts = study.encode(arguments.texts)
        tokens, lengths = padded(texts)
        levels = study.simulations.certain_levels(arguments.sentence, tokens)
        return Simulated(
            tokens=[[strings[t] for t in text] for text in texts],
            levels=[[round(float(v), 4) for v in row[:n]] for row, n in zip(levels, lengths, strict=True)],
        )

    def size_of_sampling(arguments: Generate) -> tuple[int, int]:
        return arguments.n_texts, arguments.n_texts * arguments.n_tokens

    def generate(arguments: Generate, rng: np.random.Generator) -> Texts:
        made = study.subject.interventions().generate(
            [arguments.prompt] * arguments.n_texts, arguments.n_tokens, arguments.temperature, rng
        )
        return Texts(texts=made)

    def ablate(arguments: Ablate, rng: np.random.Generator) -> Ablated:
        texts = study.encode_new(arguments.texts)  # what the output does tells what the neuron did, so as for reading
        tokens, lengths = padded(texts)
        constant = np.full(tokens.shape, arguments.value, dtype=np.float32)
        whole = study.subject.interventions()
        divergence = whole.ablate(np.maximum(tokens, 0), lengths, neuron.layer, neuron.index, constant)
        return Ablated(
            tokens=[[strings[t] for t in text] for text in texts],
            divergence=[[round(float(v), 7) for v in row[:n]] for row, n in zip(divergence, lengths, strict=True)],
        )

    def logit_effects(arguments: LogitEffects, rng: np.random.Generator) -> Effects:
        promoted, suppressed = study.subject.interventions().logit_effects(neuron.layer, neuron.index, arguments.k)
        return Effects(
            promoted=[(token, round(weight, 5)) for token, weight in promoted],
            suppressed=[(token, round(weight, 5)) for token, weight in suppressed],
        )

    return [
        Tool("search_corpus", "Find probe texts on which a sentence predicts firing.", Search, Found, search),
        Tool("simulate", "Predict levels on any texts from a sentence.", Simulate, Simulated, simulate),
        Tool("generate_text", "Sample text from the subject model.", Generate, Texts, generate, size=size_of_sampling),
        Tool(
            "ablate",
            "How much the model's output changes when the neuron is held constant.",
            Ablate,
            Ablated,
            ablate,
            size=lambda a: study.size_of(a.texts),
        ),
        Tool("logit_effects", "Tokens that the neuron's output weights favour.", LogitEffects, Effects, logit_effects),
    ]
