"""What tests of streams share: the endpoint, a body, and a condition to wait for."""

from tests.developer import MODEL
from tokens.models import Reservation

CHAT = "/api/llm/chat/completions"


def body(content: str) -> dict[str, object]:
    messages = [{"role": "user", "content": content}]
    return {"model": MODEL, "messages": messages, "max_tokens": 200, "stream": True}


def nothing_is_held() -> bool:
    return not Reservation.objects.filter(state="held").exists()
