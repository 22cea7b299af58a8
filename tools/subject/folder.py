"""A folder in Hugging Face's format: its configuration, its weight files, whether they are whole, their fingerprint."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.errors import BadInput

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "vocab.txt", "*.model", "*.tiktoken", "tekken.json")

_WEIGHT = re.compile(r"weight(_packed)?$")
_FLOATS = ("F16", "BF16", "F32", "F64")
_WHOLE_HASH_BYTES = 64 * 2**20
_SAMPLES, _SAMPLE_BYTES = 64, 64 * 2**10


@dataclass(frozen=True)
class ModelFolder:
    """A subject model on this machine.

    Attributes:
        path: the folder.
        name: what results call the model.
        fell_back: True when `auto` chose `mini` because GPT-2 or its corpus is not here; to be said loudly.
        trust_remote_code: whether Python code that the folder brings may run, with the user's rights.
    """

    path: Path
    name: str
    fell_back: bool = False
    trust_remote_code: bool = False


def read_json(file: Path) -> dict[str, Any]:
    """The JSON object in `file`.

    Raises:
        BadInput: there is no such file, it cannot be read, or it is not a JSON object.
    """
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(
            f"the model folder {file.parent} has no {file.name}: give a folder in Hugging Face's format."
        ) from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{file} cannot be read as JSON ({error}): fetch or save the model again.") from error
    if not isinstance(value, dict):
        raise BadInput(f"{file} is not a JSON object: fetch or save the model again.")
    return value


def weight_files(path: Path) -> list[Path]:
    """The safetensors files that hold the model's weights, one or several shards, in a fixed order.

    Raises:
        BadInput: none is there, or a shard named by the index is missing.
    """
    if (path / WEIGHTS).is_file():
        return [path / WEIGHTS]
    if not (path / INDEX).is_file():
        raise BadInput(f"the model folder {path} has no {WEIGHTS}: only weights in safetensors format can be read.")
    shards = read_json(path / INDEX).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise BadInput(f"{path / INDEX} names no weight files: fetch or save the model again.")
    files = [path / name for name in sorted({str(name) for name in shards.values()})]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise BadInput(f"the model folder {path} lacks {', '.join(missing)}: fetch or save the model again.")
    return files


def check_folder(path: Path) -> None:
    """Check that `path` holds a configuration, whole weight files and a tokenizer, without reading the weights.

    Raises:
        BadInput: something is missing or damaged; the message says which file.
    """
    quantised = read_json(path / "config.json").get("quantization_config")
    if quantised:
        method = quantised.get("quant_method", "an unknown method") if isinstance(quantised, dict) else quantised
        raise BadInput(
            f"the weights in {path} are quantised ({method}), and would be read without their scales: dequantise the "
            "model with the library that made it, or give the model as it was before."
        )
    for file in weight_files(path):
        _check_safetensors(file)
    check_tokenizer(path)


def check_tokenizer(path: Path) -> None:
    """Check that `path` holds files of a tokenizer.

    Raises:
        BadInput: it holds none.
    """
    if not any(file.is_file() for name in TOKENIZER_FILES for file in path.glob(name)):
        raise BadInput(
            f"the model folder {path} has no tokenizer.json, and no other file of a tokenizer such as vocab.json with "
            "merges.txt, vocab.txt or tokenizer.model: save its tokenizer there."
        )


def brings_code(path: Path) -> bool:
    """Whether the folder `path` brings Python code of its own, which config.json or tokenizer_config.json names."""
    files = [path / name for name in ("config.json", "tokenizer_config.json")]
    return any("auto_map" in read_json(file) for file in files if file.is_file())


def refuse_own_code(path: Path, why: str) -> None:
    """Say that the folder `path` cannot be loaded without the Python code that it brings, where it brings some.

    Args:
        path: a folder that could not be loaded without running its code.
        why: what a library said.

    Raises:
        BadInput: it brings some.
    """
    if brings_code(path):
        raise BadInput(
            f"the model folder {path} cannot be loaded without running Python code that it brings "
            f"({why.split('. ')[0].rstrip('.')}): give `trust_remote_code` to run it. It runs with your rights, so "
            "read it first.",
            settings=("trust_remote_code",),
        )


def fingerprint(path: Path, trust_remote_code: bool = False) -> str:
    """SHA-256 (hex) over config.json and the weights of the folder `path`, and over its Python code where that may run.

    Weight files up to 64 MiB are hashed whole. Of a larger one its size and 64 evenly spaced pieces of 64 KiB are
    hashed, from its first byte (the header comes first) to its last: reading gigabytes to name a model costs too much.
    """
    digest = hashlib.sha256(json.dumps(read_json(path / "config.json"), sort_keys=True).encode())
    code = sorted(path.rglob("*.py")) if trust_remote_code and brings_code(path) else []
    for file in [*weight_files(path), *code]:
        size = file.stat().st_size
        digest.update(f"\n{file.relative_to(path)} {size}\n".encode())
        with file.open("rb") as handle:
            if size <= _WHOLE_HASH_BYTES:
                digest.update(handle.read())
                continue
            for i in range(_SAMPLES):
                handle.seek((size - _SAMPLE_BYTES) * i // (_SAMPLES - 1))
                digest.update(handle.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def bos_id(folder: ModelFolder, config: dict[str, Any], n_rows: int) -> int:
    """The id of BOS that config.json names, or of EOS where it names none that has one of the `n_rows` embeddings.

    Raises:
        BadInput: it names neither.
    """
    for key in ("bos_token_id", "eos_token_id"):
        value = config.get(key)
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, int) and 0 <= value < n_rows:
            return value
    raise BadInput(
        f"{folder.path / 'config.json'} names no valid bos_token_id or eos_token_id: readings "
        "begin with one, so write the right id there."
    )


def _check_safetensors(file: Path) -> None:
    size = file.stat().st_size
    with file.open("rb") as handle:
        header_bytes = int.from_bytes(handle.read(8), "little")
        if size < 8 or header_bytes > size - 8:
            raise BadInput(f"{file} is damaged or cut short ({size} bytes): fetch or save the model again.")
        try:
            header = json.loads(handle.read(header_bytes))
            header.pop("__metadata__", None)
            end = max(entry["data_offsets"][1] for entry in header.values())
            kinds = {entry["dtype"]: name for name, entry in header.items() if _WEIGHT.search(name)}
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise BadInput(f"{file} is not a safetensors file: fetch or save the model again.") from error
    for kind in kinds.keys() - set(_FLOATS):
        raise BadInput(
            f"{file} holds quantised weights ({kinds[kind]} is stored as {kind}), and would be read without their "
            "scales: dequantise the model with the library that made it, or give the model as it was before."
        )
    if 8 + header_bytes + end != size:
        raise BadInput(
            f"{file} should have {8 + header_bytes + end} bytes but has {size}: fetch or save the model again."
        )
