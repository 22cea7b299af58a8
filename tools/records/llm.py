"""One LLM call as it stands in a trace."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class LLMCall(BaseModel):
    """What was asked, what came back and what it cost; the constant part of a prompt is told by its name and version.

    Attributes:
        role: who asked: explainer, reviser, writer, simulator, detector, fuzzer or agent.
        model: `openai:MODEL`.
        prompt: name and version of the template.
        key: SHA-256 (hex) of the whole question and of who was asked; the same for the same question.
        question: the last message of the conversation.
        reply: what the LLM said; functions that it wants called as JSON lines. None where nothing came back.
        error: why nothing came back.
        input_tokens: of the question.
        output_tokens: of the reply.
        guessed_tokens: of the question, as guessed before it was sent.
        max_tokens: of the reply, as asked for.
        estimated: the endpoint did not count, so the tokens are guessed.
        usd: US dollars; None where the price is not known.
        cached: the reply was kept from before, and cost nothing now. Like a clock, this is about when and not what.
        seconds: it took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    role: str
    model: str
    prompt: str
    key: str
    question: str
    reply: str | None
    error: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    guessed_tokens: int = 0
    max_tokens: int = 0
    estimated: bool = False
    usd: float | None = None
    cached: bool = False
    seconds: float = 0.0
