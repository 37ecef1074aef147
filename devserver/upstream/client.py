"""A plain client of the demo upstream, for tests that check bytes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.fakes.upstream_process import UpstreamProcess

MODEL = "openai/gpt-5-mini"
KEY = {"authorization": "Bearer sk-demo-1234"}
# One for all: making a client, with its TLS settings, takes longer than a request.
_HTTP = httpx.Client(trust_env=False, timeout=120)


def chat(prompt: str, **fields: Any) -> dict[str, Any]:
    """A chat request's body."""
    return {"model": MODEL, "messages": [{"role": "user", "content": prompt}], **fields}


def post(
    upstream: UpstreamProcess, body: Any, path: str = "/chat/completions", **options: Any
) -> httpx.Response:
    headers = {**KEY, **options.pop("headers", {})}
    return _HTTP.post(upstream.url + path, json=body, headers=headers, **options)


def get(upstream: UpstreamProcess, path: str, **params: Any) -> httpx.Response:
    return _HTTP.get(upstream.url + path, params=params, headers=KEY)


@contextmanager
def open_stream(upstream: UpstreamProcess, body: Any) -> Iterator[httpx.Response]:
    url = f"{upstream.url}/chat/completions"
    with _HTTP.stream("POST", url, json={**body, "stream": True}, headers=KEY) as response:
        yield response


def events(text: str) -> list[Any]:
    """The data of every event; ``[DONE]`` as it stands."""
    data = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    return [item if item == "[DONE]" else json.loads(item) for item in data]


def tokens(chunks: list[Any]) -> list[str]:
    """The content deltas of a stream's events, without the opening one."""
    deltas = [
        choice["delta"]
        for chunk in chunks
        if chunk != "[DONE]"
        for choice in chunk["choices"]
        if "role" not in choice["delta"]
    ]
    return [delta["content"] for delta in deltas if delta.get("content")]
