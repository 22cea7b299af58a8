"""Where the tokens of a run with an LLM go: by tool and prompt, over a scripted LLM, in four cases.

    python benchmarks/llm_tokens.py rule  --model smollm2 --target L8N384 --corpus FILE
    python benchmarks/llm_tokens.py twins --model smollm2 --target L8N384 --corpus FILE
    python benchmarks/llm_tokens.py named --model smollm2 --target L8N384 --corpus FILE --variant twins
    python benchmarks/llm_tokens.py free  --model smollm2 --target L8N384 --corpus FILE

    rule     sentences in free words of which the LLM makes nothing: a rule wins
    twins    sentences that name words, and are read as lists of them: the words of `--words`
    named    sentences that name words, which the LLM reads as the neuron itself: one of them wins, or its list does
    free     sentences that have no twin, which the LLM reads as the neuron itself, now and then amiss: one of them wins

`--requests FILE` keeps what was sent. Tokens are characters over four. The neuron and what an LLM would say of it are
real, the sentences are not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import agent
from agent.setup.config import RunConfig
from agent.setup.evidence import open_study
from tools.study.experiment_log import Tokens
from tools.study.study import Study
from traces.events.kinds import ToolCall
from traces.text.console import QuietDisplay

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "integration"))
from scripted_llm import Answer, Script, kind_of, question_of, scripted_llm

SENTENCES = (
    "a role that someone is put into by others, at the place where it is named",
    "something formal that a group of people hands to one person",
    "where a list of duties goes over to who does them",
    "a thing that has been mentioned before, said again in a shorter way",
)
RIGHT = {"rule": (0.12, 0.08, 0.03, 0.02), "free": (0.95, 0.5, 0.3, 0.2), "named": (0.95, 0.5, 0.3, 0.2)}
"""How often the LLM reads each of the sentences as the neuron itself; a revision is read as the first one."""

OTHERS = [
    "house",
    "water",
    "school",
    "river",
    "music",
    "money",
    "health",
    "law",
    "food",
    "war",
    "sea",
    "city",
    "road",
    "book",
    "game",
    "film",
    "train",
    "tree",
]
TEXTS = [
    ("She walked up to the gate and met the Ambassador", 9), ("The court chose its new chief justice", 8),
    ("He painted the old wooden house in a light blue colour", 0), ("After the rain they walked down to the river", 0),
]  # fmt: skip


class Scripted(Script):
    """Writes and reads as the case says."""

    def __init__(self, study: Study, case: str, words: list[str]) -> None:
        self.study, self.case, self.named = study, case, words
        self.ids = {text: i for i, text in enumerate(study.vocabulary.strings)}
        self.top = float(study.evidence.explore.values.max())
        self.lock, self.n_revised = threading.Lock(), 0
        self.known: dict[Tokens, float] = {}
        super().__init__(level=self.says, texts=TEXTS * 4)

    def answer(self, body: dict[str, Any]) -> Answer:
        """See `Script.answer`."""
        kind = kind_of(body)
        if kind == "explainer_short":
            word = OTHERS[int(hashlib.sha256(question_of(body).encode()).hexdigest()[:6], 16) % len(OTHERS)]
            return json.dumps({"explanation": f"words about {word}", "words": [word, f"{word}s"]})
        if kind in ("explainer", "reviser"):
            self.n_revised += kind == "reviser"
            said = SENTENCES if kind == "explainer" else SENTENCES[:2]
            self.hypotheses = [(f"{one}{' again' * self.n_revised}", "meaning") for one in said]
            share = [self.named, self.named[: len(self.named) // 2], self.named[1:4], self.named[-3:]]
            lists = dict(zip((one for one, _ in self.hypotheses), share, strict=False))
            self.words |= lists if self.case in ("twins", "named") else {}
        return super().answer(body)

    def _active(self, explanation: str, rows: list[tuple[str, ...]]) -> list[list[Any]]:
        self.value(tuple(token for row in rows for token in row))  # read once, and not once more for each of its tokens
        return super()._active(explanation, rows)

    def says(self, sentence: str, tokens: tuple[str, ...]) -> int:
        """The level at the last token."""
        if self.case == "twins" or sentence.startswith("words about"):
            return 8 if tokens[-1].strip().lower() in {word.lower() for word in self.words.get(sentence, [])} else 0
        lot = int(hashlib.sha256(repr((sentence, tokens)).encode()).hexdigest()[:8], 16) / 2**32
        which = next(i for i, one in enumerate(SENTENCES) if sentence.startswith(one))
        if lot > RIGHT[self.case][which]:
            return 5 if lot > 0.999 else 0
        level = 10 * self.value(tokens) / self.top
        return min(10, round(level)) if level >= 1 else 0

    def value(self, tokens: tuple[str, ...]) -> float:
        """The neuron's own at the last token."""
        ids = tuple(self._ids(tokens))
        with self.lock:  # a model reads for one at a time
            if ids not in self.known:
                (values,) = self.study.read([ids])
                self.known |= {ids[: k + 1]: value for k, value in enumerate(values)}
            return max(0.0, self.known[ids])

    def _ids(self, tokens: tuple[str, ...]) -> list[int]:
        if all(token in self.ids for token in tokens):
            return [self.ids[token] for token in tokens]
        return list(self.study.subject.tokenizer.encode(["".join(tokens)])[0])


def main() -> None:
    """Make one run and print where its tokens went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=("rule", "twins", "named", "free"))
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--target", default="L8N384")
    parser.add_argument("--corpus")
    parser.add_argument("--words", default="Ambassador justice judges Secretary President Minister serve Governor Lady")
    parser.add_argument("--variant", default="tournament", help="twins: finalists alone are read")
    parser.add_argument("--requests", type=Path, help="a file for what the LLM was sent, one request a line")
    given = parser.parse_args()
    where = {"model": given.model, "corpus": given.corpus}
    study = open_study(RunConfig(target=given.target, **where), QuietDisplay())
    with (
        tempfile.TemporaryDirectory() as runs,
        scripted_llm(Scripted(study, given.case, given.words.split())) as server,
    ):
        found = agent.explain(
            given.target,
            **where,
            explainer="openai:scripted",
            budget=20,
            variant=given.variant,
            llm={"url": server.url},
            runs_dir=runs,
        )
        if given.requests:
            given.requests.write_text("".join(json.dumps(body) + "\n" for body in server.bodies))
        calls = [call for call in agent.load_trace("last", runs_dir=runs).events if isinstance(call, ToolCall)]
    n, asked, said = Counter[str](), Counter[str](), Counter[str]()
    for call in calls:
        for one in call.llm:
            kind = f"{call.tool:20} {one.prompt.partition('/')[0]}"
            n[kind] += 1
            asked[kind] += one.input_tokens
            said[kind] += one.output_tokens
    print(f"{found.verdict}; read by {found.reader}: {found.explanation}")
    for kind in sorted(n, key=lambda kind: -asked[kind] - said[kind]):
        print(f"{kind:44}{n[kind]:4} calls{asked[kind]:8,} in{said[kind]:7,} out{asked[kind] + said[kind]:8,}")
    schemas = (
        sum(len(json.dumps(body.get("response_format", {}), separators=(",", ":"))) for body in server.bodies) // 4
    )
    print(f"{'all':44}{n.total():4} calls{asked.total():8,} in{said.total():7,} out{found.cost.tokens:8,}")
    print(f"beside them schemas of replies, which some endpoints count: {schemas:,}")


if __name__ == "__main__":
    main()
