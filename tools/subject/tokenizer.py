"""The subject model's tokenizer, read from its folder by the `tokenizers` package alone."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import AddedToken
from tokenizers import Tokenizer as RawTokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from tools.errors import BadInput

_GPT2_SPECIAL = "<|endoftext|>"
_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class FolderTokenizer:
    """Implements `tools.subject.protocol.Tokenizer` over a tokenizer of the `tokenizers` package."""

    def __init__(self, raw: Any) -> None:
        raw.no_truncation()
        raw.no_padding()
        self._raw = raw
        self._pieces: dict[str, int] = raw.get_vocab(with_added_tokens=True)
        self._d_vocab: int = max(self._pieces.values()) + 1

    @property
    def d_vocab(self) -> int:
        """Number of token ids."""
        return self._d_vocab

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the vocabulary and merges."""
        spec: dict[str, Any] = json.loads(self._raw.to_str())
        merges = spec["model"].get("merges", [])
        pairs = [pair if isinstance(pair, str) else " ".join(pair) for pair in merges]
        return hashlib.sha256(json.dumps([self._pieces, pairs], sort_keys=True).encode()).hexdigest()

    def encode(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text, without BOS.

        Raises:
            BadInput: a text holds lone surrogates, which no UTF-8 can express.
        """
        try:
            return [list(e.ids) for e in self._raw.encode_batch(texts, add_special_tokens=False)]
        except TypeError:  # all the package says of a string that it cannot take as UTF-8
            for text in texts:
                try:
                    text.encode()
                except UnicodeEncodeError as error:
                    raise BadInput(
                        f"a text cannot be written as UTF-8 ({error.reason}): decode it with errors='replace'."
                    ) from error
            raise

    def decode(self, ids: list[int]) -> str:
        """The text of a run of token ids; bytes that are not UTF-8 become U+FFFD.

        Raises:
            BadInput: an id outside the vocabulary.
        """
        for i in ids:
            if not 0 <= i < self._d_vocab:
                raise BadInput(f"token id {i} is not in the vocabulary: ids go from 0 to {self._d_vocab - 1}.")
        text: str = self._raw.decode([int(i) for i in ids], skip_special_tokens=False)
        return text

    def token_strings(self) -> list[str]:
        r"""One string per token id, unique; stray bytes as `\xNN`. Where two would be equal, the later gets its id."""
        return list(self._token_strings)

    @cached_property
    def _token_strings(self) -> list[str]:
        added = self._raw.get_added_tokens_decoder().keys()
        parts = (self._raw.decoder, self._raw.pre_tokenizer)
        is_byte_level = any(part and _mentions(json.loads(part.__getstate__()), "ByteLevel") for part in parts)
        by_id = {i: piece for piece, i in self._pieces.items()}
        byte_of = _bytes_by_letter()
        to_latin_1 = str.maketrans({letter: chr(byte) for letter, byte in byte_of.items()})
        odd = set[str]().union(*self._pieces) - byte_of.keys()
        strings, seen = [], set()
        for i in range(self._d_vocab):
            piece = by_id.get(i, f"<unused {i}>")
            if i in added or i not in by_id:
                text = piece
            elif is_byte_level and odd.isdisjoint(piece):
                text = piece.translate(to_latin_1).encode("latin-1").decode("utf-8", errors="backslashreplace")
            elif byte := _BYTE_PIECE.fullmatch(piece):
                text = bytes([int(byte[1], 16)]).decode("utf-8", errors="backslashreplace")
            else:
                text = piece.replace("▁", " ")
            while text in seen:
                text += f"<{i}>"
            seen.add(text)
            strings.append(text)
        return strings


def load_tokenizer(folder: Path) -> FolderTokenizer:
    """The tokenizer of the model in `folder`: tokenizer.json, else vocab.json and merges.txt (byte-level BPE).

    Raises:
        BadInput: neither is there, or what is there cannot be read.
    """
    whole, vocab, merges = (folder / name for name in ("tokenizer.json", "vocab.json", "merges.txt"))
    try:
        if whole.is_file():
            return FolderTokenizer(RawTokenizer.from_file(str(whole)))
        if vocab.is_file() and merges.is_file():
            raw = RawTokenizer(BPE.from_file(str(vocab), str(merges)))
            raw.pre_tokenizer = ByteLevel(add_prefix_space=False)
            raw.decoder = ByteLevelDecoder()
            if raw.token_to_id(_GPT2_SPECIAL) is not None:
                raw.add_special_tokens([AddedToken(_GPT2_SPECIAL, special=True, normalized=False)])
            return FolderTokenizer(raw)
    except Exception as error:  # the package raises bare Exception for every fault of a file
        raise BadInput(f"the tokenizer in {folder} cannot be read ({error}): fetch or save the model again.") from error
    raise BadInput(
        f"the model folder {folder} has no tokenizer.json or vocab.json with merges.txt: save its tokenizer there."
    )


def _mentions(part: Any, kind: str) -> bool:
    """Whether a component of the tokenizer's description, or one nested in it, is of `kind`."""
    if isinstance(part, dict):
        return part.get("type") == kind or any(_mentions(value, kind) for value in part.values())
    return isinstance(part, list) and any(_mentions(value, kind) for value in part)


def _bytes_by_letter() -> dict[str, int]:
    """GPT-2's printable letter for each byte: itself where Latin-1 prints it, else the next letter from U+0100 on."""
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(0x100 + rank): byte for rank, byte in enumerate(hidden)}
