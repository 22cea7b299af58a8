"""Classes written down in TOML: the project's own, which `compile` reads, and a user's.

[[concept]]
name = "chess pieces"                    # how it stands in a sentence, at most 4 words
words = "pawn rook knight bishop"        # or a list; a word with a capital holds only as written
phrases = ["en passant"]                 # members of several words, if there are any
rare = "bishop"                          # those of them that mostly mean something else
about = "what stands on a chess board"   # optional

[[concept]]
name = "ticket numbers"
pattern = "[A-Z]+-\\\\d+"                  # a regular expression instead of words
over = "text"                            # or "word": then it must match a whole word
case = true                              # if capitals matter
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from tools.concepts.contexts import CONTEXTS
from tools.errors import BadInput

Kind = Literal["meaning", "closed", "grammar", "calendar", "name", "punctuation", "format", "code", "spelling"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LEMMAS = {"nouns": "n", "verbs": "v", "adjectives": "a"}
"""The keys whose words are to be inflected, and WordNet's letter for each part of speech."""

_KEYS = {
    "name", "kind", "source", "about", "words", "phrases", "rare", "pattern", "over", "case", "context", "wordnet",
    *LEMMAS,
}  # fmt: skip
_LONGEST_NAME = 4


@dataclass
class ClassDefinition:
    """The definition of a class: its members, each with whether it belongs by a rarer sense, or a pattern."""

    name: str
    kind: Kind
    source: str
    about: str = ""
    members: dict[str, bool] = field(default_factory=dict)
    pattern: str | None = None
    over: Literal["word", "text"] = "word"
    case: bool = False
    context: str | None = None
    synsets: tuple[str, ...] = ()
    lemmas: tuple[tuple[str, str], ...] = ()
    """Words that stand for all their forms, each with its part of speech; only `compile` knows the forms."""


def read_classes(path: Path, *, source: str | None = None) -> list[ClassDefinition]:
    """The classes of a file.

    Args:
        path: a TOML file of [[concept]] tables.
        source: where its classes come from, unless the file says so.

    Raises:
        BadInput: the file cannot be read, or does not say clearly what a class is.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not TOML: {error}.") from error
    tables = told.get("concept")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise BadInput(f"{path} has no [[concept]] table: give each class one, with a name and words or a pattern.")
    common: dict[str, Any] = {key: told[key] for key in ("kind", "source") if key in told}
    if source is not None:
        common.setdefault("source", source)
    classes = [_class({**common, **table}, f"concept {n} of {path}") for n, table in enumerate(tables, 1)]
    seen: set[str] = set()
    for one in classes:
        if one.name.lower() in seen:
            raise BadInput(f'{path} has two classes called "{one.name}": rename one of them.')
        seen.add(one.name.lower())
    return classes


def _class(table: dict[str, Any], where: str) -> ClassDefinition:
    if unknown := sorted(table.keys() - _KEYS):
        raise BadInput(f"{where} has {unknown[0]!r}, which means nothing here: use {', '.join(sorted(_KEYS))}.")
    for key in sorted(table.keys() & (_KEYS - {"words", "phrases", "rare", "case", *LEMMAS})):
        if not isinstance(table[key], str) or not table[key].strip():
            raise BadInput(f"{key} of {where} must be text that is not empty.")
    name = " ".join(str(table.get("name", "")).split())
    if not name or len(name.split()) > _LONGEST_NAME or not name.isprintable():
        raise BadInput(f"{where} needs a name of 1 to {_LONGEST_NAME} words.")
    where = f'"{name}" ({where})'
    forms = [bool(table.keys() & {"words", "phrases", "wordnet", *LEMMAS}), "pattern" in table, "context" in table]
    if sum(forms) != 1:
        raise BadInput(f"{where} must have either words or a pattern, and not both.")
    kind = table.get("kind", "format" if "pattern" in table else "meaning")
    if kind not in KINDS:
        raise BadInput(f"{where} is of the kind {kind!r}: use one of {', '.join(KINDS)}.")
    over, case = table.get("over", "word"), table.get("case", False)
    if over not in ("word", "text") or not isinstance(case, bool):
        raise BadInput(f'{where}: over is "word" or "text", and case is true or false.')
    if "context" in table and table["context"] not in CONTEXTS:
        raise BadInput(f"{where} names the context {table['context']!r}: use one of {', '.join(CONTEXTS)}.")
    if "pattern" in table:
        _check_pattern(table["pattern"], where)
    return ClassDefinition(
        name, kind, table.get("source", ""), table.get("about", ""), _members(table, where), table.get("pattern"),
        over, case, table.get("context"), tuple(table.get("wordnet", "").split()),
        tuple((word, pos) for key, pos in LEMMAS.items() for word in _words(table.get(key, []), key, where)),
    )  # fmt: skip


def _members(table: dict[str, Any], where: str) -> dict[str, bool]:
    said = {key: _words(table.get(key, []), key, where) for key in ("words", "phrases", "rare")}
    members = dict.fromkeys([*said["words"], *said["phrases"]], False)
    for word in said["rare"]:
        if word not in members:
            raise BadInput(f"{where} calls {word!r} rare, which is none of its words.")
        members[word] = True
    if not members and ("words" in table or "phrases" in table):
        raise BadInput(f"{where} has no words.")
    return members


def _words(value: Any, key: str, where: str) -> list[str]:
    listed = value.split() if isinstance(value, str) and key != "phrases" else value
    if not isinstance(listed, list) or not all(isinstance(word, str) and word.strip() for word in listed):
        raise BadInput(f"{key} of {where} must be a list of words.")
    words = [" ".join(word.replace("’", "'").split()) for word in listed]
    if odd := [word for word in words if not word.isprintable()]:
        raise BadInput(f"{key} of {where} has {odd[0]!r}, which holds what cannot be printed: leave that out.")
    return words


def _check_pattern(pattern: str, where: str) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise BadInput(f"the pattern of {where} is no regular expression: {error}.") from error
    if compiled.fullmatch(""):
        raise BadInput(
            f"the pattern of {where} matches nothing at all, so it holds everywhere: let it need a character."
        )
