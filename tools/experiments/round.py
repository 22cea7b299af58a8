"""A round of experiments: candidates of every generator, and those of them that are worth reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tools.bench import Bench, padded
from tools.errors import BadInput
from tools.evidence.fresh import fresh
from tools.experiments.candidates import Candidate, Setting, Tokens
from tools.experiments.carriers import draw_carriers
from tools.experiments.choose import choose
from tools.experiments.neighbours import named_tokens
from tools.experiments.registry import GENERATORS
from tools.experiments.rivals import Believed, Rival, Rivals

Choice = Literal["disagreement", "random"]


class Rounds:
    """Designs rounds of experiments on one neuron."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def plan(
        self, rivals: list[Rival], leader: int, quotas: Mapping[str, int], choice: Choice, rng: np.random.Generator
    ) -> tuple[list[Candidate], NDArray[np.float64]]:
        """Texts that were not read before, and each rival's probability of firing at their ends, [n_rivals, n].

        Of each generator as many texts as its quota says: two thirds where rivals disagree, the rest where the leader
        is surest. What a generator cannot fill, the others do. `choice` "random" draws among the candidates instead.

        Raises:
            BadInput: a sentence cannot be simulated.
        """
        known, court = self._bench.known_texts(), Rivals(self._bench, rivals, leader)
        pools = self._pools(rivals, court, quotas, known, rng)
        candidates = [candidate for pool in pools.values() for candidate in pool]
        if not candidates:
            return [], np.empty((len(rivals), 0))
        tokens, lengths = padded([candidate.tokens for candidate in candidates])
        said = court.say(tokens)[:, np.arange(len(candidates)), lengths - 1]
        worth = rng.random(len(candidates)) if choice == "random" else court.believed(said).disagreement
        chosen: list[int] = []
        witnesses: Counter[str] = Counter()

        def take(rows: NDArray[np.int64], scores: NDArray[np.float64], n: int) -> None:
            taken = known | {candidates[row].tokens for row in chosen}
            picked = choose([candidates[row] for row in rows], scores, n, taken, witnesses)
            chosen.extend(int(rows[i]) for i in picked)

        first = 0
        for name, pool in pools.items():
            rows, first = np.arange(first, first + len(pool)), first + len(pool)
            n_surest = 0 if choice == "random" else quotas[name] // 3
            take(rows, worth[rows], quotas[name] - n_surest)
            p = said[leader, rows]
            sure = {"fires": p, "silent": 1 - p, "either": np.maximum(p, 1 - p)}[GENERATORS[name].trial]
            take(rows, sure, n_surest)
        everything = np.arange(len(candidates))
        take(everything, worth, sum(quotas.values()) - len(chosen))
        return [candidates[row] for row in chosen], said[:, chosen]

    def _pools(
        self,
        rivals: list[Rival],
        court: Rivals,
        quotas: Mapping[str, int],
        known: set[Tokens],
        rng: np.random.Generator,
    ) -> dict[str, list[Candidate]]:
        """Candidates by generator; a text that several made, or that was read before, is there once or not at all."""
        setting = self._setting(rivals, court, rng)
        seen = set(known)
        pools: dict[str, list[Candidate]] = {}
        # Each generator draws from a stream of its own, so that leaving one out changes no other one's texts.
        for (name, generator), own in zip(GENERATORS.items(), rng.spawn(len(GENERATORS)), strict=True):
            if not quotas.get(name):
                continue
            pools[name] = []
            for candidate in generator.make(setting, own):
                if candidate.tokens not in seen:
                    seen.add(candidate.tokens)
                    pools[name].append(candidate)
        return pools

    def _setting(self, rivals: list[Rival], court: Rivals, rng: np.random.Generator) -> Setting:
        bench, evidence = self._bench, self._bench.evidence
        fixed = {row for row, _ in bench.fixed_probe}
        ids = evidence.probe.ids.tolist()
        left = np.array(
            [row for row, i in enumerate(ids) if row not in fixed and f"probe-{i}" not in bench.carriers],
            dtype=np.int64,
        )
        on_probe = court.believed(court.say_of_probe())
        by_belief = sorted(rivals, key=lambda rival: -rival.belief)
        return Setting(
            explore=evidence.explore,
            theta=evidence.theta,
            # An excerpt is a witness once in a run, not once a round.
            carriers=draw_carriers(evidence.explore, evidence.theta, bench.carriers, rng),
            probe=evidence.probe.take(left),
            on_probe=Believed(on_probe.disagreement[left], on_probe.leader[left]),
            vocabulary=bench.vocabulary,
            named=named_tokens([rival.sentence for rival in by_belief], bench.vocabulary),
            believe=lambda tokens: court.believed(court.say(tokens)),
            sample=self._sample,
            fresh=lambda text: fresh(text, bench.corpus_runs),
            written=bench.written,
            encode=self._encode,
        )

    def _encode(self, text: str) -> Tokens:
        tokens = tuple(self._bench.subject.tokenizer.encode([text])[0])
        return tokens[-self._bench.evidence.corpus.width :]

    def _sample(self, prompts: Sequence[Tokens], n_tokens: int, rng: np.random.Generator) -> list[tuple[int, Tokens]]:
        subject = self._bench.subject
        said = [subject.tokenizer.decode(list(prompt)) if prompt else "" for prompt in prompts]
        read_back = [len(ids) for ids in subject.tokenizer.encode(said)]
        most = self._bench.evidence.corpus.width
        n_tokens = min(n_tokens, most - max(read_back))
        if n_tokens < 1:
            return [(n, ()) for n in read_back]
        try:
            made = subject.interventions().generate(said, n_tokens, 1.0, rng)
        except BadInput:  # a model that lacks its output matrix can be read and cannot be sampled from
            return [(n, ()) for n in read_back]
        # The last token may be part of a character.
        texts = subject.tokenizer.encode([text.rstrip("\ufffd") for text in made])
        return [(n, tuple(text[:most]) if len(text) > n else ()) for n, text in zip(read_back, texts, strict=True)]
