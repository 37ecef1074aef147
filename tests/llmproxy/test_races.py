"""Many at once: nobody gets more than there is, and the books agree."""

import asyncio
from collections import Counter

import httpx

from tests.developer import MODEL, Developer, Make
from tokens.ledger.verify import verify
from tokens.models import Reservation, UsageRecord

CALLERS = 200
SERVED = 50


def request(prompt_tokens: int) -> dict[str, object]:
    """Return a request whose answer takes a while, and is reported to use so many tokens."""
    steer = f"[[n=16,first=1500,prompt={prompt_tokens:04d}]]"
    messages = [{"role": "user", "content": steer}]
    return {"model": MODEL, "messages": messages, "max_tokens": 16}


async def ask_all_at_once(dev: Developer, body: dict[str, object]) -> list[httpx.Response]:
    async with httpx.AsyncClient(
        base_url=dev.http.base_url,
        headers={"Authorization": f"Bearer {dev.key}"},
        limits=httpx.Limits(max_connections=None),
        timeout=120,
        trust_env=False,
    ) as client:
        asked = [client.post("/api/llm/chat/completions", json=body) for _ in range(CALLERS)]
        return list(await asyncio.gather(*asked))


def test_a_balance_for_50_serves_50_of_200(developer: Make) -> None:
    probe = developer(10_000)
    probed = probe.http.post("/api/llm/chat/completions", json=request(1))
    hold = int(probed.headers["x-tokens-reserved"])
    dev = developer(SERVED * hold)
    body = request(hold - 16)  # The upstream will report the very tokens that were held.

    answers = asyncio.run(ask_all_at_once(dev, body))

    assert Counter(answer.status_code for answer in answers) == {200: SERVED, 402: 150}
    for answer in answers:
        if answer.status_code == 402:
            error = answer.json()["error"]
            assert error["code"] == "insufficient_tokens"
            assert (error["needed"], error["available"]) == (hold, 0)
    balance = dev.balance
    assert (balance.used, balance.reserved, balance.available) == (SERVED * hold, 0, 0)
    assert UsageRecord.objects.filter(user_id=dev.user_id).count() == SERVED
    assert Reservation.objects.filter(user_id=dev.user_id, state="settled").count() == SERVED
    assert verify() == []
