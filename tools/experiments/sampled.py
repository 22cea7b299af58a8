"""Text sampled from the subject model: freely, after the beginning of a text that fires, and after a named word."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from tools.experiments.candidates import TIE, Candidate, Setting
from tools.experiments.carriers import Carrier
from tools.experiments.text_edits import Texts, Tokens
from tools.rules.language import quote
from tools.study.simulations import padded

N_TEXTS, N_TOKENS = 4, 20
"""Texts for each of three prompts, and how far they go on."""

PROMPT_TOKENS = 8
"""The length of a prompt taken from the corpus: shorter than a run that counts as repeating it."""

SAMPLED_TEXTS, SAMPLED_TOKENS = 3 * N_TEXTS, 3 * N_TEXTS * (PROMPT_TOKENS + N_TOKENS)
"""What a round puts through the model at most."""


def sampled(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Three times four texts, each cut after the word where rivals disagree most, and where the leader is surest,
    before it repeats 12 tokens of the corpus.

    Continuations of explore text have that excerpt as their carrier; each other text is one of its own.
    """
    prompts: list[tuple[Tokens, str, str | None]] = [((), "sampled freely", None)]
    carriers = [carrier for carrier in setting.carriers if carrier.last > 1]
    if carriers:
        carrier = carriers[int(rng.integers(len(carriers)))]
        before = _beginning(carrier, setting.texts)
        if before:
            prompts.append((before, f"sampled where {quote(carrier.word)} fired", carrier.name))
    if setting.named:
        word = setting.named[int(rng.integers(len(setting.named)))]
        [text] = setting.texts.encode([f" {word}"])
        if text is not None:
            prompts.append((text.tokens, f"sampled after {quote(word)}", None))
    wanted = [prompt for prompt in prompts for _ in range(N_TEXTS)]
    found = setting.sample([prompt for prompt, _, _ in wanted], N_TOKENS, rng)
    kept = [(*of, *one) for of, one in zip(wanted, found, strict=True) if one[1]]
    if not kept:
        return []
    texts, start = [text for *_, text in kept], [n_prompt for *_, n_prompt, _ in kept]
    made = [(purpose, excerpt or _name(text)) for _, purpose, excerpt, _, text in kept]
    tokens, _ = padded(texts)
    position = np.arange(tokens.shape[1])
    end = np.array([setting.fresh(text) for text in texts])
    allowed = (position >= np.array(start)[:, None]) & (position < end[:, None]) & setting.texts.ends_words(tokens)
    said = setting.believe(tokens)
    out: dict[Tokens, Candidate] = {}
    for scores in (said.disagreement, said.leader):
        best = np.where(allowed, scores + TIE * rng.random(scores.shape), -1).argmax(1)
        rows = np.flatnonzero(allowed.any(1)).tolist()
        read = setting.texts.read([texts[row][: best[row] + 1] for row in rows])
        for row, text in zip(rows, read, strict=True):
            if text is not None:
                out.setdefault(text.tokens, Candidate(text.tokens, "sampled", *made[row], (text.ending,)))
    return list(out.values())


def _beginning(carrier: Carrier, texts: Texts) -> Tokens:
    """The words right before the last one of a carrier, as many as make a short prompt; none where they cannot be had
    alone."""
    end = carrier.text.words[-1].start
    spaced = carrier.text.text[:end].rstrip(" ")
    starts = [
        w.start - (carrier.text.text[w.start - 1 : w.start] == " ") for w in carrier.text.words[-PROMPT_TOKENS:-1]
    ]
    for found in texts.encode([spaced[start:] for start in starts]):
        if found is not None and len(found.tokens) <= PROMPT_TOKENS:
            return found.tokens
    return ()


def _name(text: Tokens) -> str:
    """A name for a sampled text, the same whenever it is sampled."""
    return f"sampled-{hashlib.sha256(json.dumps(text).encode()).hexdigest()[:12]}"
