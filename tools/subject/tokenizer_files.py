"""Reading a tokenizer from the files of a model folder, as transformers would read it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as RawTokenizer

from tools.errors import BadInput, first_line
from tools.subject.folder import check_tokenizer, read_json, refuse_own_code


def read_tokenizer(folder: Path, trust_remote_code: bool = False) -> Any:
    """The tokenizer in `folder` as one of the `tokenizers` package.

    tokenizer.json is read by that package alone. Where other files beside it name added tokens that it lacks, and where
    there is no tokenizer.json, transformers reads the folder, which takes seconds.

    Raises:
        BadInput: there is no tokenizer, it cannot be read, or it needs code of its own that may not run.
    """
    check_tokenizer(folder)
    whole = folder / "tokenizer.json"
    try:
        if whole.is_file():
            raw = RawTokenizer.from_file(str(whole))
            known = {token.content for token in raw.get_added_tokens_decoder().values()}
            return raw if _named_beside(folder) <= known else _by_transformers(folder, "PreTrainedTokenizerFast", False)
        raw = _by_transformers(folder, "AutoTokenizer", trust_remote_code)
        model = json.loads(raw.to_str())["model"]
        if not model["vocab"] or (model["type"] == "BPE" and not model["merges"]):
            raise BadInput(
                f"the tokenizer in {folder} lacks a file with its vocabulary or merges: save it there again."
            )
        return raw
    except BadInput:
        raise
    except Exception as error:  # both packages raise bare Exception, and much else, for faults of a file
        first = first_line(error)
        if not trust_remote_code:
            refuse_own_code(folder, first)
        raise BadInput(f"the tokenizer in {folder} cannot be read ({first}): fetch or save the model again.") from error


def _by_transformers(folder: Path, loader: str, trust_remote_code: bool) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the libraries say to their own developers
        import transformers

        transformers.utils.logging.set_verbosity_error()
        found = getattr(transformers, loader).from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=trust_remote_code
        )
    if not hasattr(found, "backend_tokenizer"):
        raise BadInput(f"the tokenizer in {folder}, a {type(found).__name__}, cannot be made a tokenizer.json.")
    return found.backend_tokenizer


def _named_beside(folder: Path) -> set[str]:
    """Tokens that other files than tokenizer.json name, which transformers adds where tokenizer.json lacks them."""
    config, names = _json_or_empty(folder / "tokenizer_config.json"), set[str]()
    if "added_tokens_decoder" in config:
        names |= {token["content"] for token in config["added_tokens_decoder"].values()}
    else:
        names |= _json_or_empty(folder / "added_tokens.json").keys()
        config |= _json_or_empty(folder / "special_tokens_map.json")
    for key, value in config.items():
        if key.endswith("_token"):
            names |= _contents([value])
        elif key in ("additional_special_tokens", "extra_special_tokens"):
            names |= _contents(value.values() if isinstance(value, dict) else value or [])
    return names


def _contents(tokens: Iterable[Any]) -> set[str]:
    """The texts of `tokens`, each a text or an object; what is neither names none, such as `add_bos_token`."""
    texts = [token.get("content") if isinstance(token, dict) else token for token in tokens]
    return {text for text in texts if isinstance(text, str)}


def _json_or_empty(file: Path) -> dict[str, Any]:
    return read_json(file) if file.is_file() else {}
