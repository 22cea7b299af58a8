"""How long a batch will take and what it can cost, before it begins."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from agent.batch.plan import Plan
from agent.setup.config import RunConfig
from agent.setup.llm_costs import LLMCost, most_llm_cost
from agent.setup.llms import prices_of
from agent.setup.resources import default_corpus_tokens
from agent.setup.subjects import Subject
from tools.errors import StorageError
from tools.subject.planted import PlantedModel
from tools.toolbox import UNIT_TOKENS
from traces.database.models import is_same
from traces.database.results import ResultsDatabase
from traces.database.rows import ResultRow
from traces.database.selection import Selection
from traces.events.recorded import RecordedSettings
from traces.events.runs import RunFolder
from traces.text.remaining_time import duration

SECONDS_PER_UNIT = 1.0
_GUESSED = f"a guess of {SECONDS_PER_UNIT:g} s for a unit of the budget, which fits a small model on two processors"
_N_MEASURED = 100


@dataclass(frozen=True)
class Estimate:
    """What a batch will be.

    Attributes:
        n_neurons: in all.
        by_layer: neurons of each layer.
        seconds_per_neuron: mean; `source` says where it is from.
        seconds: of the whole batch with `workers` at once.
        subject_tokens: read for experiments, at most.
        corpus_tokens: to read for each layer that is not in the cache; None with an index.
        llm_tokens: at most; 0 where no LLM is asked.
        usd: at most; None if a price is unknown.
        is_limited: whether the user set these limits; otherwise they are upper bounds.
        usual_llm_tokens, usual_usd: of all neurons, as earlier runs used them; None where there are none.
    """

    n_neurons: int
    by_layer: dict[int, int]
    workers: int
    seconds_per_neuron: float
    source: str
    seconds: float
    subject_tokens: int
    corpus_tokens: int | None
    llm_tokens: int
    usd: float | None
    is_limited: bool
    usual_llm_tokens: int | None
    usual_usd: float | None

    def lines(self) -> list[str]:
        """The same for a person."""
        layers = ", ".join(f"layer {layer}: {n:,}" for layer, n in self.by_layer.items())
        read = "" if self.corpus_tokens is None else (
            f", and {self.corpus_tokens:,} of the corpus in each of {len(self.by_layer)} layers where none is cached"
        )  # fmt: skip
        return [
            f"neurons         {self.n_neurons:,} ({layers})",
            f"time            about {duration(self.seconds)} with {self.workers} at once: "
            f"{self.seconds_per_neuron:.1f} s a neuron, {self.source}",
            f"subject tokens  at most {self.subject_tokens:,} for experiments{read}",
            f"LLM tokens      {self._most(self.llm_tokens, _count(self.usual_llm_tokens))}",
            f"US dollars      {self._most(self.usd, _money(self.usual_usd))}",
        ]

    def _most(self, most: float | None, usual: str) -> str:
        if not self.llm_tokens:
            return "none: no LLM is asked"
        about = "" if self.is_limited else "about "
        said = "not known: no price is" if most is None else f"at most {about}{most:,.2f}".removesuffix(".00")
        return said + usual


def _count(usual: int | None) -> str:
    return "" if usual is None else f"; earlier runs of this kind would use {usual:,}"


def _money(usual: float | None) -> str:
    return "" if usual is None else f"; earlier runs of this kind would cost {usual:,.2f}"


def estimate(plan: Plan, subject: Subject, workers: int, runs_dir: Path) -> Estimate:
    """What the neurons of a plan will take.

    Raises:
        BadInput: prices cannot be read.
        StorageError: the results database cannot be used.
    """
    config, n = plan.config, len(plan.entries)
    alike = _alike(plan, runs_dir)
    if alike:
        seconds = fmean(row.seconds for row in alike)
        source = f"the mean of {len(alike)} earlier runs with this model, variant and budget"
    else:
        seconds, source = config.budget * SECONDS_PER_UNIT, _GUESSED
    most = most_llm_cost(config)
    asks = config.explainer_llm is not None or config.simulator_llm is not None
    tokens = None if config.max_tokens is None else config.max_tokens * n
    spent = [row.usd for row in alike if row.usd is not None]
    by_layer = Counter(entry.layer for entry in plan.entries)
    return Estimate(
        n_neurons=n,
        by_layer=dict(sorted(by_layer.items())),
        workers=workers,
        seconds_per_neuron=round(seconds, 2),
        source=source,
        seconds=round(seconds * n / max(1, min(workers, n)), 1),
        subject_tokens=config.budget * UNIT_TOKENS * n,
        corpus_tokens=_corpus_tokens(plan, subject),
        llm_tokens=0 if most is None else tokens if tokens is not None else most.tokens * n,
        usd=_most_usd(config, n, tokens, most) if asks else 0.0,
        is_limited=config.max_tokens is not None or config.max_usd is not None,
        usual_llm_tokens=round(fmean(row.tokens or 0 for row in alike) * n) if asks and alike else None,
        usual_usd=round(fmean(spent) * n, 4) if asks and spent else None,
    )


def _alike(plan: Plan, runs_dir: Path) -> list[ResultRow]:
    """The latest results of the same model, variant and budget."""
    config = plan.config
    rows = ResultsDatabase(runs_dir).select(Selection(model=plan.model, variant=config.variant, sort="-run"))
    found: list[ResultRow] = []
    for row in rows:
        if len(found) == _N_MEASURED:
            break
        if not is_same(row.of_model, (plan.model, plan.fingerprint)):
            continue
        earlier = _settings_of(row, runs_dir)
        if (earlier.budget, earlier.explainer) == (config.budget, config.explainer):
            found.append(row)
    return found


def _settings_of(row: ResultRow, runs_dir: Path) -> RecordedSettings:
    try:
        return RunFolder(runs_dir / row.run_id).recorded().config
    except StorageError:  # the run was deleted
        return RecordedSettings()


def _corpus_tokens(plan: Plan, subject: Subject) -> int | None:
    """Tokens of each layer; None where every neuron takes its evidence from an index."""
    config = plan.config
    kinds = [{**config.model_dump(include={"corpus_tokens", "index"}), **entry.settings} for entry in plan.entries]
    reading = [kind for kind in kinds if kind["index"] in ("auto", "none")]
    if not reading:
        return None
    base = subject.base if isinstance(subject, PlantedModel) else subject
    return max(kind["corpus_tokens"] or default_corpus_tokens(base) for kind in reading)


def _most_usd(config: RunConfig, n: int, tokens: int | None, most: LLMCost | None) -> float | None:
    """What `max_usd` allows, or `max_tokens` at the dearest price there is; without limits, what runs cost at most."""
    limits = [] if config.max_usd is None else [config.max_usd * n]
    if tokens is None and most is not None and most.usd is not None:
        limits.append(most.usd * n)
    prices = list(prices_of(config).values())
    if tokens is not None and all(price is not None for price in prices):
        limits.append(tokens * max(max(price["input"], price["output"]) for price in prices) / 1e6)
    return round(min(limits), 4) if limits else None
