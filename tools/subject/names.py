"""What a model may be called: our short names, TransformerLens's aliases, ids on the Hugging Face hub."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

GPT2_FAMILY = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl")

SMOLLM2 = "smollm2"
SMOLLM2_HUB_ID = "HuggingFaceTB/SmolLM2-135M"

OWN_NAMES = (*GPT2_FAMILY, SMOLLM2)
"""Names that are ours to give: no folder of that spelling and no alias goes before them."""

_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


def short_name(model: str) -> str:
    """`gpt2-xl` for every spelling of it, TransformerLens's alias resolved to its hub id, any other name as it is."""
    name = model.removeprefix("openai-community/")
    if name in OWN_NAMES:
        return name
    return _aliases().get(model, model)


def hub_ids(model: str) -> list[str]:
    """The ids under which the hub, or its cache, may hold `model`, most likely first."""
    name = short_name(model)
    if name == SMOLLM2:
        return [SMOLLM2_HUB_ID]
    return [f"openai-community/{name}", name] if name in GPT2_FAMILY else [name]


def is_hub_name(model: str) -> bool:
    """Whether `model` is worth asking the hub for: owner/name, or a bare name that TransformerLens knows."""
    name = short_name(model)
    return bool(_HUB_ID.fullmatch(name)) and ("/" in name or name in OWN_NAMES or name in _aliases().values())


@cache
def _aliases() -> dict[str, str]:
    """TransformerLens's short names with their hub ids; read from its data file, since importing it takes seconds."""
    spec = find_spec("transformer_lens")
    if spec is None or spec.origin is None:
        return {}
    file = Path(spec.origin).parent / "tools" / "model_registry" / "data" / "model_aliases.json"
    if not file.is_file():
        return {}
    table: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))["aliases"]
    return {alias: official for official, aliases in table.items() for alias in [official, *aliases]}
