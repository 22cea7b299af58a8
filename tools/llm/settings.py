"""How an LLM endpoint is used: where it is, how much at once, how long, and what it is known to honour."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from tools.errors import BadInput, LLMNotAvailable

MOST_AT_ONCE = 4096
OPENAI_URL = "https://api.openai.com/v1"

Structure = Literal["json_schema", "json_object", "instructions"]
TokenField = Literal["max_completion_tokens", "max_tokens"]


class LLMSettings(BaseModel):
    """Settings of the connection. The key is none of them: it comes from the environment alone.

    Attributes:
        url: of the endpoint, up to and without `/chat/completions`; None for `$OPENAI_BASE_URL`, or OpenAI itself.
        concurrency: requests in flight in this process, at most.
        timeout_s: for one attempt.
        deadline_s: for a request with all its attempts and waits.
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
    """An endpoint and the key to it. The key never shows: not when printed, and not in an error."""

    url: str
    key: str

    def __repr__(self) -> str:
        return f"Access(url={self.url!r}, key=...)"

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI's own, which alone cannot do without a key."""
        return (urlsplit(self.url).hostname or "").endswith("openai.com")

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
    url = (settings.url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL).rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise BadInput(f"the LLM endpoint {_bare(url)!r} is no URL: write it as http://localhost:8000/v1.")
    if parts.username or parts.password or parts.query:
        raise BadInput(
            f"the LLM endpoint {_bare(url)} holds a user, a password or a query: give the key as OPENAI_API_KEY in the "
            "environment, where no trace keeps it."
        )
    found = Access(url, os.environ.get("OPENAI_API_KEY", "").strip())
    if not (found.key.isascii() and found.key.isprintable()):
        raise LLMNotAvailable("OPENAI_API_KEY holds characters that no key has: set it to the key alone, on one line.")
    if not found.key and found.is_openai:
        raise LLMNotAvailable(
            "no LLM: OPENAI_API_KEY is not set; set it, or name another endpoint with --llm-url "
            "http://localhost:11434/v1, or use `--explainer rules`, which needs no key and no network."
        )
    return found


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
