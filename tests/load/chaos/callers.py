"""Clients that ask for everything, leave when they please, and remember what they saw."""

import asyncio
import random
import time
import uuid
from dataclasses import dataclass, field

import httpx
import orjson

MODEL = "openai/gpt-5-mini"
# In the demo upstream's words: so many tokens, so many milliseconds apart.
_PROMPTS = ["[[n=5]]", "[[n=20,d=10]]", "[[n=20,d=20]]", "[[n=50,d=20]]", "[[n=100,d=40]]"]
_LEAVING = 0.05


@dataclass
class Call:
    """One request. ``tokens`` is the usage that the client was told, where it asked for it."""

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    outcome: str = "running"
    tokens: int | None = None

    @property
    def finished(self) -> bool:
        return self.outcome == "finished"


async def load(url: str, keys: list[str], *, clients: int, seconds: float) -> list[Call]:
    """Ask with so many clients at once for so long; returns every request, in no order."""
    until = time.monotonic() + seconds
    calls: list[Call] = []

    async def client(http: httpx.AsyncClient) -> None:
        while time.monotonic() < until:
            call = Call()
            calls.append(call)
            await ask(http, url, random.choice(keys), call)
            if call.outcome == "ConnectError":
                await asyncio.sleep(0.1)

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=clients)
    async with httpx.AsyncClient(timeout=90, trust_env=False, limits=limits) as http:
        await asyncio.gather(*(client(http) for _ in range(clients)))
    return calls


async def ask(
    http: httpx.AsyncClient, url: str, key: str, call: Call, prompt: str | None = None
) -> None:
    """Send one request, and note in ``call`` how it ended; raises nothing of httpx's."""
    stream = random.random() < 0.7
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": prompt or random.choice(_PROMPTS)}],
        "stream": stream,
        **({"stream_options": {"include_usage": True}} if stream else {}),
    }
    headers = {"Authorization": f"Bearer {key}", "X-Request-ID": call.id}
    leaves = prompt is None and random.random() < _LEAVING
    try:
        async with http.stream("POST", url, json=body, headers=headers) as answer:
            if answer.status_code != 200:
                call.outcome = f"status {answer.status_code}"
            elif leaves:
                call.outcome = "left"
            else:
                await (_read_events if stream else _read_json)(answer, call)
    except httpx.HTTPError as error:
        call.outcome = type(error).__name__


async def _read_json(answer: httpx.Response, call: Call) -> None:
    call.tokens = orjson.loads(await answer.aread())["usage"]["total_tokens"]
    call.outcome = "finished"


async def _read_events(answer: httpx.Response, call: Call) -> None:
    async for line in answer.aiter_lines():
        if line == "data: [DONE]":
            call.outcome = "finished"
        elif line.startswith("data: "):
            event = orjson.loads(line.removeprefix("data: "))
            if event.get("error"):
                call.outcome = "told of an error"
                return
            if event.get("usage"):
                call.tokens = event["usage"]["total_tokens"]
    if call.outcome == "running":
        call.outcome = "cut"
