"""The subject model's tokenizer, as its folder holds it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as RawTokenizer

from tools.errors import BadInput
from tools.subject.tokenizer_files import read_tokenizer

_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SHOWN = 40
"""Characters of a text that an error shows."""
_UNKNOWN = "\ue000unknown\ue000"
"""Of private use, so that no vocabulary has it."""


class FolderTokenizer:
    """Implements `tools.subject.protocol.Tokenizer` over a tokenizer of the `tokenizers` package.

    A special token that stands in a text, such as `<|endoftext|>`, is read as that one token, as in transformers.

    Args:
        raw: the tokenizer.
        notes: see below.

    Attributes:
        notes: sentences for the user on what is not read as the folder says.
    """

    def __init__(self, raw: Any, notes: tuple[str, ...] = ()) -> None:
        raw.no_truncation()
        raw.no_padding()
        self._raw = raw
        self._pieces: dict[str, int] = raw.get_vocab(with_added_tokens=True)
        self._d_vocab: int = max(self._pieces.values()) + 1
        self._encoder, self._unknown = _with_unknown(raw, self._d_vocab)
        self.notes = notes

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
            BadInput: a text holds lone surrogates, which no UTF-8 can express, or what the tokenizer has no token for.
        """
        try:
            encodings = self._encoder.encode_batch(texts, add_special_tokens=False)
        except Exception as error:  # the package raises bare Exception, or TypeError for what is not UTF-8
            for text in texts:
                self._check(text)
            raise BadInput(f"the tokenizer cannot encode a text ({error}).") from error
        ids = [list(e.ids) for e in encodings]
        if self._unknown is not None and any(self._unknown in row for row in ids):
            for text in texts:
                self._check(text)
        return ids

    def _check(self, text: str) -> None:
        """Refuse `text` where it cannot be encoded."""
        at = 0
        try:
            text.encode()
            encoding = self._encoder.encode(text, add_special_tokens=False)
            if self._unknown not in encoding.ids:
                return
            at = encoding.offsets[encoding.ids.index(self._unknown)][0]
            why = f"no token for {text[at]!r}, and none for what is unknown"
        except UnicodeEncodeError as error:
            raise BadInput(
                f"a text cannot be written as UTF-8 ({error.reason}): decode it with errors='replace'."
            ) from error
        except Exception as error:  # see `encode`
            why = f"no token for unknown words ({error})"
        raise BadInput(
            f"the model's tokenizer has {why}, so it cannot encode the text that {'begins' if not at else 'goes on'} "
            f"with {text[at : at + _SHOWN]!r}: leave out what it does not know, or save it with an unknown token."
        )

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
        is_byte_level = _is_byte_level(self._raw)
        by_id = {i: piece for piece, i in self._pieces.items()}
        byte_of = _bytes_by_letter()
        to_latin_1 = str.maketrans({letter: chr(byte) for letter, byte in byte_of.items()})
        odd = set[str]().union(*self._pieces) - byte_of.keys()
        spaced = _spaces_of(self._raw)
        strings, late, seen = [""] * self._d_vocab, dict[int, str](), set[str]()
        for i in range(self._d_vocab):
            piece = by_id.get(i, f"<unused {i}>")
            if not is_byte_level and (byte := _BYTE_PIECE.fullmatch(piece)):
                late[i] = bytes([int(byte[1], 16)]).decode("utf-8", errors="backslashreplace")
                continue
            if i in added or i not in by_id:
                text = piece
            elif is_byte_level and odd.isdisjoint(piece):
                text = piece.translate(to_latin_1).encode("latin-1").decode("utf-8", errors="backslashreplace")
            else:
                text = spaced(piece)
            strings[i] = _made_unique(text, i, seen)
        for i, text in late.items():  # after the pieces that are that very letter, which are the ones in use
            strings[i] = _made_unique(text, i, seen)
        return strings


def load_tokenizer(folder: Path, n_rows: int | None = None, trust_remote_code: bool = False) -> FolderTokenizer:
    """The tokenizer of the model in `folder`.

    Args:
        folder: a folder in Hugging Face's format; see `tools.subject.tokenizer_files.read_tokenizer`.
        n_rows: rows of the model's embedding matrix. Added tokens past them cannot be read by the model: they are not
            recognised in texts, and a note says so.
        trust_remote_code: whether Python code that the folder brings may run.

    Raises:
        BadInput: there is no tokenizer, it cannot be read, it needs code that may not run, or `n_rows` is too small for
            its vocabulary.
    """
    raw = read_tokenizer(folder, trust_remote_code)
    spec: dict[str, Any] = json.loads(raw.to_str()) if _n_tokens(raw) > (n_rows or _n_tokens(raw)) else {}
    if n_rows is None or not spec:
        return FolderTokenizer(raw)
    without = {token["content"] for token in spec["added_tokens"] if token["id"] >= n_rows}
    base = {piece: i for piece, i in raw.get_vocab(with_added_tokens=False).items() if piece not in without}
    if max(base.values(), default=-1) >= n_rows:
        raise BadInput(
            f"the tokenizer in {folder} has tokens up to id {max(base.values())}, and the model's embedding matrix has "
            f"{n_rows} rows: it is not this model's. Save the model's own tokenizer there, or resize the embedding."
        )
    spec["added_tokens"] = [token for token in spec["added_tokens"] if token["content"] not in without]
    if isinstance(spec["model"]["vocab"], dict):
        spec["model"]["vocab"] = base
    some = ", ".join(sorted(without)[:5]) + (", ..." if len(without) > 5 else "")
    note = (
        f"{len(without)} added {'token has' if len(without) == 1 else 'tokens have'} no row in the model's embedding "
        f"matrix of {n_rows}, and {'is' if len(without) == 1 else 'are'} not recognised in texts: {some}"
    )
    return FolderTokenizer(RawTokenizer.from_str(json.dumps(spec)), (note,))


def _n_tokens(raw: Any) -> int:
    """Token ids that `raw` can give: its largest id and one."""
    return max(raw.get_vocab(with_added_tokens=True).values(), default=-1) + 1


def _with_unknown(raw: Any, unknown: int) -> tuple[Any, int | None]:
    """`raw`, made to give the id `unknown` where it would leave characters out without a word, and that id.

    Only a byte pair encoding without an unknown token leaves out what it does not know; other kinds raise an error.
    Where nothing can be unknown, `raw` itself and None.
    """
    if type(raw.model).__name__ != "BPE" or raw.model.unk_token is not None:
        return raw, None
    if _is_byte_level(raw) and _bytes_by_letter().keys() <= raw.get_vocab().keys():
        return raw, None
    spec = json.loads(raw.to_str())
    # Added tokens go into the vocabulary too, else they would get new ids after the one more token.
    spec["model"]["vocab"] |= {token["content"]: token["id"] for token in spec["added_tokens"]}
    spec["model"] |= {"unk_token": _UNKNOWN, "vocab": spec["model"]["vocab"] | {_UNKNOWN: unknown}}
    return RawTokenizer.from_str(json.dumps(spec)), unknown


def _is_byte_level(raw: Any) -> bool:
    """Whether the pieces of `raw` are written in GPT-2's letters for bytes."""
    parts = (raw.decoder, raw.pre_tokenizer, raw.normalizer)
    return any(part and _mentions(json.loads(part.__getstate__()), "ByteLevel") for part in parts)


def _spaces_of(raw: Any) -> Callable[[str], str]:
    """What turns a piece that is not byte-level into its text, the space beside a word included.

    That is `▁` in sentencepiece. Where texts are cut at spaces, which are then left out, a mark says whether a piece
    goes on with a word (`##`) or ends one (`</w>`), or each piece is a word.
    """
    cutter, model = raw.pre_tokenizer, raw.model
    leaves_out = cutter is not None and "".join(piece for piece, _ in cutter.pre_tokenize_str("a a")) == "aa"
    goes_on = getattr(model, "continuing_subword_prefix", None)
    ends = getattr(model, "end_of_word_suffix", None)
    if leaves_out and ends:
        return lambda piece: piece.removesuffix(ends) + " " if piece.endswith(ends) else piece
    if leaves_out and goes_on:
        return lambda piece: piece.removeprefix(goes_on) if piece.startswith(goes_on) else f" {piece}"
    if leaves_out and type(model).__name__ == "WordLevel":
        return lambda piece: f" {piece}"
    return lambda piece: piece.replace("▁", " ")


def _made_unique(text: str, i: int, seen: set[str]) -> str:
    while text in seen:
        text += f"<{i}>"
    seen.add(text)
    return text


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
