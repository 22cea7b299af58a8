"""A round of experiments: candidates of every generator, and those of them that are worth reading."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tools.embedded import EmbeddedReader
from tools.errors import BadInput
from tools.evidence.splits.fresh import fresh
from tools.experiments.candidates import Candidate, Key, Setting
from tools.experiments.carriers import draw_carriers
from tools.experiments.choose import choose
from tools.experiments.committee import Believed, Committee, Member
from tools.experiments.kinds import Claimed, Kinds
from tools.experiments.neighbours import named_words
from tools.experiments.registry import GENERATORS
from tools.experiments.seen_words import SeenWords
from tools.experiments.text_edits import Texts, Tokens
from tools.study.simulations import padded
from tools.study.study import Study

Choice = Literal["disagreement", "random"]


class Rounds:
    """Designs rounds of experiments on one neuron."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._endings: dict[Tokens, tuple[str, ...]] = {}

    @cached_property
    def _texts(self) -> Texts:
        study = self._study
        return Texts(study.vocabulary.strings, study.subject.tokenizer, study.evidence.corpus.width)

    @cached_property
    def _words(self) -> SeenWords:
        return SeenWords(self._study.evidence.explore, self._study.evidence.theta, self._study.vocabulary)

    @cached_property
    def _kinds(self) -> Kinds | None:
        study, evidence = self._study, self._study.evidence
        if not isinstance(study.simulations.simulator, EmbeddedReader):
            return None
        return Kinds(study.simulations.simulator.lexical, evidence.explore, evidence.theta, evidence.probe, self._texts)

    def plan(
        self, members: list[Member], leader: int, quotas: Mapping[str, int], choice: Choice, rng: np.random.Generator
    ) -> tuple[list[Candidate], NDArray[np.float64]]:
        """Texts that were not read before, and each rival's probability of firing at their ends, [n_members, n].

        Take each generator's quota of texts: half where rivals disagree, a quarter where the leader is surest, and a
        quarter by their hash, since a rival that is only asked the hardest questions is not known. What a generator
        cannot fill, the others do. `choice` "random" draws all of them.

        Raises:
            BadInput: a sentence cannot be simulated.
        """
        known, committee = self._study.log.known_texts(), Committee(self._study.simulations, members, leader)
        pools = self._pools(members, committee, quotas, known, rng)
        candidates = [candidate for pool in pools.values() for candidate in pool]
        if not candidates:
            return [], np.empty((len(members), 0))
        tokens, lengths = padded([candidate.tokens for candidate in candidates])
        said = committee.say_at_ends(tokens, lengths)
        worth = rng.random(len(candidates)) if choice == "random" else committee.believed(said).disagreement
        drawn = np.array([_lot(candidate) for candidate in candidates])
        chosen: list[int] = []
        witnesses: Counter[str] = Counter()

        def take(rows: NDArray[np.int64], scores: NDArray[np.float64], n: int) -> None:
            taken = known | {candidates[row].tokens for row in chosen}
            picked = choose([candidates[row] for row in rows], scores, n, taken, witnesses)
            chosen.extend(int(rows[i]) for i in picked)

        first = 0
        for name, pool in pools.items():
            rows, first = np.arange(first, first + len(pool)), first + len(pool)
            n_each = 0 if choice == "random" else quotas[name] // 4
            take(rows, drawn[rows], n_each)
            take(rows, worth[rows], quotas[name] - 2 * n_each)
            p = said[leader, rows]
            sure = {"fires": p, "silent": 1 - p, "either": np.maximum(p, 1 - p)}[GENERATORS[name].leader_says]
            take(rows, sure, n_each)
        everything = np.arange(len(candidates))
        take(everything, worth, sum(quotas.values()) - len(chosen))
        return [candidates[row] for row in chosen], said[:, chosen]

    def _pools(
        self,
        members: list[Member],
        committee: Committee,
        quotas: Mapping[str, int],
        known: set[Tokens],
        rng: np.random.Generator,
    ) -> dict[str, list[Candidate]]:
        """Candidates by generator. Of texts that several made, or that have the same word in the same context, there is
        one; of those that were read before, there is none."""
        endings = self._known_endings(known)
        setting = self._setting(members, committee, endings, rng)
        keys: set[Key] = {(ending,) for ending in endings}
        seen = set(known)
        pools: dict[str, list[Candidate]] = {}
        # Each generator draws from a stream of its own, so that leaving one out changes no other one's texts.
        for (name, generator), own in zip(GENERATORS.items(), rng.spawn(len(GENERATORS)), strict=True):
            if not quotas.get(name) or (generator.needs_rules and setting.claimed is None):
                continue
            pools[name] = []
            for candidate in generator.make(setting, own):
                if candidate.tokens not in seen and candidate.key not in keys:
                    seen.add(candidate.tokens)
                    keys.add(candidate.key)
                    pools[name].append(candidate)
        return pools

    def _known_endings(self, known: set[Tokens]) -> set[tuple[str, ...]]:
        """What texts that were read before end with. Of a text that was looked at, every beginning is known too."""
        new = sorted(known - self._endings.keys())
        for tokens, text in zip(new, self._texts.read(new), strict=True):
            self._endings[tokens] = () if text is None else text.ending
        return {self._endings[tokens] for tokens in known} - {()}

    def _setting(
        self, members: list[Member], committee: Committee, endings: set[tuple[str, ...]], rng: np.random.Generator
    ) -> Setting:
        study, evidence = self._study, self._study.evidence
        fixed = {row for row, _ in study.fixed_probe}
        ids = evidence.probe.ids.tolist()
        left = np.array(
            [row for row, i in enumerate(ids) if row not in fixed and f"probe-{i}" not in study.log.carriers],
            dtype=np.int64,
        )
        on_probe = committee.believed(committee.say_of_probe())
        by_belief = sorted(members, key=lambda member: -member.belief)
        return Setting(
            explore=evidence.explore,
            theta=evidence.theta,
            # An excerpt is a witness once in a run, not once a round.
            carriers=draw_carriers(evidence.explore, evidence.theta, self._texts, study.log.carriers, endings),
            probe=evidence.probe.take(left),
            on_probe=Believed(on_probe.disagreement[left], on_probe.leader[left]),
            vocabulary=study.vocabulary,
            texts=self._texts,
            words=self._words,
            named=named_words([rival.sentence for rival in by_belief]),
            believe=lambda tokens: committee.believed(committee.say(tokens)),
            sample=self._sample,
            fresh=lambda text: fresh(text, study.corpus_runs),
            written=study.log.written,
            claimed=self._claimed([rival.sentence for rival in by_belief], left, endings),
        )

    def _claimed(
        self, sentences: Sequence[str], probe_rows: NDArray[np.int64], endings: set[tuple[str, ...]]
    ) -> Claimed | None:
        if self._kinds is None:
            return None
        tried = {ending[-1].lower() for ending in endings}
        kinds = self._kinds
        return Claimed(
            kinds, kinds.items(sentences), kinds.all_items(sentences), probe_rows, self._study.log.carriers, tried
        )

    def _sample(self, prompts: Sequence[Tokens], n_tokens: int, rng: np.random.Generator) -> list[tuple[int, Tokens]]:
        subject = self._study.subject
        said = [subject.tokenizer.decode(list(prompt)) if prompt else "" for prompt in prompts]
        read_back = [len(ids) for ids in subject.tokenizer.encode(said)]
        most = self._study.evidence.corpus.width
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


def _lot(candidate: Candidate) -> float:
    """A lot within 0.5 to 1 for a text, the same in every run: it decides order, and lets short texts come first."""
    digest = hashlib.sha256(json.dumps(candidate.tokens).encode()).hexdigest()
    return 0.5 + int(digest[:8], 16) / 2**33
