"""Variants: what they may set, and what is said when they set something else."""

import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.setup.config import Quotas, RunConfig
from agent.setup.variants.load import NOT_A_VARIANTS, Variant, load_variant, shipped_variants
from tools.errors import BadInput
from tools.experiments.registry import GENERATORS

REQUIRED = {"token-lookup-30", "token-lookup-full", "one-shot", "tournament"}
ABLATIONS = {"no-minimal-pairs", "one-rival", "random-choice", "no-neighbourhoods", "no-revision", "no-sampled-text"}


@pytest.fixture
def written(tmp_path):
    def write(text, name="mine.toml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refusal(path) -> str:
    with pytest.raises(BadInput) as error:
        load_variant(path)
    return str(error.value)


def test_what_ships() -> None:
    assert set(shipped_variants()) >= REQUIRED | ABLATIONS
    for name in shipped_variants():
        variant = load_variant(name)
        assert (variant.name, variant.config(target="L0N0").variant) == (name, name)
        assert variant.about.endswith(".")


def test_the_tournament_is_the_default() -> None:
    assert load_variant("tournament").config(target="L0N0") == RunConfig(target="L0N0")


@pytest.mark.parametrize("name", sorted(ABLATIONS))
def test_an_ablation_is_small_and_changes_one_setting(name) -> None:
    text = files("agent.setup.variants").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 3
    default, changed = RunConfig(target="L0N0"), load_variant(name).config(target="L0N0", seed=0)
    different = [field for field in RunConfig.model_fields if getattr(default, field) != getattr(changed, field)]
    assert len(different) == 2  # its name is one


def test_a_file_of_ones_own(written) -> None:
    path = written('about = "Mine."\npatience = 3\nmax_seconds = 60\nquotas.minimal_pair = 0\n')
    variant = load_variant(str(path))
    assert variant == Variant("mine", "Mine.", {"patience": 3, "max_seconds": 60, "quotas": {"minimal_pair": 0}})
    config = variant.config(target="L1N2", seed=7, budget=5)
    assert (config.patience, config.quotas.minimal_pair, config.quotas.retrieval) == (3, 0, Quotas().retrieval)
    assert (config.seed, config.budget, config.variant) == (7, 5, "mine")


def test_generators_that_a_variant_does_not_name_can_be_given_a_quota_together(written) -> None:
    quotas = load_variant(written("[quotas]\nretrieval = 16\nothers = 0\n")).config(target="L0N0").quotas
    assert quotas.by_generator() == dict.fromkeys(GENERATORS, 0) | {"retrieval": 16}
    revise = load_variant("revise").config(target="L0N0").quotas.by_generator()
    assert {name: n for name, n in revise.items() if n} == {"written": 48, "retrieval": 16}
    assert "quotas.retrieval cannot be -1" in refusal(written("[quotas]\nretrieval = -1\nothers = 0\n"))


def test_what_the_command_says_goes_before_the_variant(written) -> None:
    variant = load_variant(written("budget = 5\n"))
    assert variant.config(target="L0N0").budget == 5
    assert variant.config(target="L0N0", budget=9).budget == 9
    assert variant.effective(budget=9)["budget"] == 9


def test_effective_settings_are_all_that_a_variant_decides() -> None:
    found = load_variant("no-minimal-pairs").effective()
    assert set(found) == set(RunConfig.model_fields) - NOT_A_VARIANTS
    assert found["quotas"] == Quotas().by_generator() | {"minimal_pair": 0}


@given(st.sampled_from(sorted(set(RunConfig.model_fields) & NOT_A_VARIANTS)))
def test_what_belongs_to_suite_or_run_is_refused_by_name(key) -> None:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.toml"
        path.write_text(f"{key} = 1\n")
        assert refusal(path) == (f"{path} cannot set {key}: it belongs to the suite or to the run, not to a variant.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("patiense = 3\n", "has an unknown key patiense (did you mean patience?): a variant may set about, "),
        ("quotas.minimal_pairs = 0\n", "has an unknown key quotas.minimal_pairs (did you mean quotas.minimal_pair?)"),
        ("xyz = 3\n", "has an unknown key xyz: a variant may set about, "),
        ("[budget]\nn = 3\n", ": budget cannot be {'n': 3}: input should be a valid integer."),
        ("patience = 0\n", ": patience cannot be 0: input should be greater than or equal to 1."),
        ("patience = '3'\n", ": patience cannot be '3': input should be a valid integer."),
        ("revision = 1\n", ": revision cannot be 1: input should be a valid boolean."),
        ("quotas = 3\n", ": quotas cannot be 3: "),
        ("quotas.retrieval = -1\n", ": quotas.retrieval cannot be -1: "),
        ("quotas.retrieval = 1000\n", "quotas must add up to 1-64 texts, not 1"),
        ('explainer = "oracle"\n', ": explainer cannot be 'oracle': write rules, "),
        ("max_seconds = nan\n", ": max_seconds cannot be nan: "),
        ("about = 3\n", ": about cannot be 3: write a sentence in quotes."),
        ("patience\n", " is not TOML: expected '=' after a key"),
        ("patience = 1\npatience = 2\n", " is not TOML: cannot overwrite a value"),
        (b"about = '\xff'\n", " is not UTF-8 text: invalid start byte at byte 9."),
    ],
)
def test_refusals_name_file_and_key(written, text, said) -> None:
    path = written(text)
    assert refusal(path).startswith(str(path))
    assert said in refusal(path)


@pytest.mark.parametrize("given", ["tournement", "nowhere/mine.toml", "", "."])
def test_no_such_variant(given) -> None:
    message = refusal(given)
    assert message.startswith(f"there is no variant {given!r}: give one of ")
    assert ("did you mean tournament?" in message) == (given == "tournement")


def test_a_name_that_no_folder_can_have(written) -> None:
    assert "use letters, digits" in refusal(written("", name="a b.toml"))
    assert "use letters, digits" in refusal(written("", name="..toml"))


def test_shipped_files_are_toml_without_surprises() -> None:
    for name in shipped_variants():
        assert "about" in tomllib.loads(
            files("agent.setup.variants").joinpath(f"{name}.toml").read_text(encoding="utf-8")
        )
