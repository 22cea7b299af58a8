"""Settings of an LLM endpoint: its address, concurrency, time-outs, and what it is known to support."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field

from tools.errors import BadInput, LLMNotAvailable

MOST_AT_ONCE = 4096
OPENAI_URL = "https://api.openai.com/v1"

API_VERSION = "api-version"
"""The one thing that a URL's query may say, as Azure's do; anything else could be a secret."""

_VERSION = re.compile(r"[A-Za-z0-9.-]{1,40}")
_PATH = "/chat/completions"

Structure = Literal["json_schema", "json_object", "instructions"]
TokenField = Literal["max_completion_tokens", "max_tokens"]


class LLMSettings(BaseModel):
    """Settings of the connection. The key is none of them: it comes from the environment alone.

    Attributes:
        url: of the endpoint, up to and without `/chat/completions`, with `?api-version=` where it is Azure's; None for
            `$OPENAI_BASE_URL`, or OpenAI itself.
        concurrency: requests in flight in this process, at most.
        timeout_s: for one attempt.
        deadline_s: for a request with all its attempts and waits, from when it is first sent.
        retries: attempts after the first one.
        structure: how a reply of a certain form is asked for; `auto` begins with json_schema and goes on to json_object
            and to instructions alone where the endpoint refuses or ignores it.
        token_field: under which name the endpoint takes the limit on a reply's tokens; `auto` finds out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    url: str | None = None
    concurrency: int = Field(default=16, ge=1, le=MOST_AT_ONCE)
    timeout_s: float = Field(default=120.0, gt=0)
    deadline_s: float = Field(default=600.0, gt=0)
    retries: int = Field(default=5, ge=0, le=20)
    structure: Literal["auto", "json_schema", "json_object", "instructions"] = "auto"
    token_field: Literal["auto", "max_completion_tokens", "max_tokens"] = "auto"


@dataclass(frozen=True)
class Access:
    """An endpoint and the key to it. The key never shows: not when printed, and not in an error.

    Attributes:
        url: with its query.
        key: empty for none.
    """

    url: str
    key: str

    def __repr__(self) -> str:
        return f"Access(url={self.url!r}, key=...)"

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI's own, which alone cannot do without a key."""
        return (urlsplit(self.url).hostname or "").endswith("openai.com")

    @property
    def base(self) -> str:
        """The URL without its query."""
        return self.url.partition("?")[0]

    @property
    def api_version(self) -> str | None:
        """What Azure's URLs say behind `?api-version=`; None where none does."""
        return dict(parse_qsl(urlsplit(self.url).query)).get(API_VERSION)

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, so that no proxy has a part in it."""
        host = urlsplit(self.url).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")


def access(settings: LLMSettings) -> Access:
    """The endpoint that the settings and the environment name.

    Raises:
        BadInput: the URL cannot be used.
        LLMNotAvailable: OpenAI's endpoint, and no key, or something that is no key.
    """
    url = settings.url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise BadInput(f"the LLM endpoint {_bare(url)!r} is no URL: write it as http://localhost:8000/v1.")
    if parts.username or parts.password or not _is_plain(parts.query):
        raise BadInput(
            f"the LLM endpoint {_bare(url)} holds a user, a password or a query other than ?{API_VERSION}=...: give "
            "the key as OPENAI_API_KEY in the environment, where no trace keeps it."
        )
    path = parts.path.rstrip("/").removesuffix(_PATH)  # portals show the whole address
    url = urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
    found = Access(url, os.environ.get("OPENAI_API_KEY", "").strip())
    if not (found.key.isascii() and found.key.isprintable()):
        raise LLMNotAvailable("OPENAI_API_KEY holds characters that no key has: set it to the key alone, on one line.")
    if not found.key and found.is_openai:
        raise LLMNotAvailable(
            "no LLM: OPENAI_API_KEY is not set; set it, or name another endpoint with "
            "`llm.url=http://localhost:11434/v1`, or use `explainer=rules`, which needs no key and no network.",
            settings=("llm.url", "explainer"),
        )
    return found


def _is_plain(query: str) -> bool:
    """Whether a query holds nothing, or the version of an interface and nothing else."""
    name, _, value = query.partition("=")
    return not query or (name == API_VERSION and bool(_VERSION.fullmatch(value)))


def _bare(url: str) -> str:
    """A URL without what may be secret in it."""
    head, at, rest = url.partition("@")
    shown = f"{head.partition('://')[0]}://...@{rest}" if at else url
    return shown.partition("?")[0]


def parse_spec(spec: str) -> str | None:
    """The model's name in `openai:MODEL`; None where `spec` names no LLM.

    Raises:
        BadInput: `openai:` without a name.
    """
    kind, colon, model = spec.partition(":")
    if kind != "openai" or not colon:
        return None
    if not model.strip():
        raise BadInput(f"{spec!r} names no model: write openai:MODEL, such as openai:gpt-4o-mini.")
    return model.strip()
