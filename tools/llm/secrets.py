"""Nothing that could be a key leaves the process in a trace, a log or an error."""

from __future__ import annotations

import re

HIDDEN = "[hidden]"
_LIKE_A_KEY = re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf)[-_][A-Za-z0-9_*.\-]{6,}|(?i:bearer)\s+[A-Za-z0-9._~+/\-]{6,}=*")
_LEAST = 4

LEAST_SECRET = 16
"""Characters of a key from which on it is looked for in replies: local servers are given words such as `none`."""


def scrubbed(text: str, key: str, most: int = 300) -> str:
    """`text` on one line of at most `most` characters, without the key and without what looks like one."""
    if len(key) >= _LEAST:
        text = text.replace(key, HIDDEN)
    text = " ".join(_LIKE_A_KEY.sub(HIDDEN, text).split())
    return text if len(text) <= most else text[: most - 3] + "..."
