"""A user of the product: they have a key and some tokens, and talk to the proxy over HTTP."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tokens.models import Balance, UsageRecord

MODEL = "openai/gpt-5-mini"


@dataclass
class Developer:
    """A user with a key; their editor talks to the proxy over HTTP."""

    user_id: int
    key: str
    http: httpx.Client

    def chat(
        self, content: str = "hello", *, stream: bool = False, **fields: object
    ) -> httpx.Response:
        body = {"model": MODEL, "messages": [{"role": "user", "content": content}], **fields}
        return self.http.post("/api/llm/chat/completions", json={**body, "stream": stream})

    @property
    def balance(self) -> Balance:
        return Balance.objects.get(user_id=self.user_id)

    @property
    def receipts(self) -> list[UsageRecord]:
        return list(UsageRecord.objects.filter(user_id=self.user_id).order_by("created_at"))


Make = Callable[..., Developer]
