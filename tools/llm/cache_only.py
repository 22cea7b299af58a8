"""A cache-only LLM client: it serves cached replies, costs nothing and needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.llm.chat import ChatFailure, ChatReply, ChatRequest
from tools.llm.exchange import replies_path
from tools.llm.replies import ReplyStore
from tools.llm.wire import unpacked


@dataclass(frozen=True)
class CachedReplies:
    """Implements `tools.llm.chat.ChatModel`; what was never asked, or is no longer kept, is a failure.

    Attributes:
        model: as the endpoint calls it.
        url: of the endpoint that was asked.
        replies: where they are kept.
    """

    model: str
    url: str
    replies: ReplyStore

    @classmethod
    def of(cls, model: str, url: str) -> CachedReplies:
        """From where this program keeps replies."""
        return cls(model, url, ReplyStore(replies_path()))

    @property
    def name(self) -> str:
        """As a result calls it."""
        return f"openai:{self.model}"

    def ask(self, requests: Sequence[ChatRequest]) -> list[ChatReply | ChatFailure]:
        """The replies that are kept, in the order of the questions.

        Raises:
            StorageError: the file of replies cannot be read.
        """
        keys = [request.key(self.url, self.model) for request in requests]
        kept = self.replies.get(keys)
        return [
            (unpacked(kept[key]) if key in kept else None)
            or ChatFailure("not kept", f"no reply of {self.name} is here")
            for key in keys
        ]
