"""The server that whole runs are tried against answers at all: otherwise what fails there says nothing about us."""

from __future__ import annotations

from pathlib import Path

import httpx2
from serving import served_mini


def test_a_chat_completion_comes_back_with_choices_and_usage(tmp_path: Path) -> None:
    with served_mini(tmp_path, n_positions=2048) as served:

        def ask(text: str = "def f(x):", model: str = served.model) -> httpx2.Response:
            # A connection each: after a 500 the server closes it, which a pool notices only at the next question.
            messages = [{"role": "user", "content": text}]
            body = {"model": model, "messages": messages, "max_tokens": 8, "temperature": 0}
            return httpx2.post(f"{served.base_url}/chat/completions", json=body, timeout=60, trust_env=False)

        reply, of_long_text = ask().json(), ask("x = 1\n" * 300).json()
        too_long, another_model = ask("x = 1\n" * 600), ask(model="another")
        afterwards = ask().json()
        said = served.log.read_text(encoding="utf-8")

    assert reply["choices"][0]["message"]["role"] == "assistant"
    assert reply["choices"][0]["message"]["content"]
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] == 8
    assert reply["usage"]["total_tokens"] == 8 + reply["usage"]["prompt_tokens"]
    assert of_long_text["usage"]["prompt_tokens"] > 1_000
    assert (too_long.status_code, too_long.text) == (500, "Internal Server Error")
    assert "IndexError" in said
    assert another_model.status_code == 400
    assert afterwards["choices"] == reply["choices"]
