"""Sends events to webhook endpoints as Stripe does: signed, at least once, in any order."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import random
import time
from dataclasses import dataclass, field

import httpx

from devserver.stripe.errors import invalid
from devserver.stripe.store import Obj
from devserver.stripe.world import World

MODES = ("ordered", "shuffled", "duplicated", "delayed", "held")
_ANSWER_SECONDS = 20.0
_GATHERING_SECONDS = 0.05  # how long events are collected before they are shuffled
_IDLE_POLL_SECONDS = 0.005


@dataclass
class Delivery:
    """The delivery of one event to one endpoint.

    ``state`` is held, waiting, sending, retrying, delivered, failed (given up) or taken.
    """

    number: int
    event: Obj
    endpoint: str
    url: str
    state: str = "waiting"
    attempts: list[Obj] = field(default_factory=list)

    def view(self) -> Obj:
        return {
            "number": self.number,
            "event": self.event["id"],
            "type": self.event["type"],
            "endpoint": self.endpoint,
            "url": self.url,
            "state": self.state,
            "attempts": self.attempts,
        }


class Mail:
    """All deliveries. ``mode`` and the settings after it can change at any time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._all: list[Delivery] = []
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue()
        self._timers: set[asyncio.TimerHandle] = set()
        self._random = random.Random(0)  # nosec B311  # only shuffles deliveries
        self.reset()

    def reset(self) -> None:
        """Delete every delivery, and reset the settings."""
        self.mode = "ordered"
        self.delay_seconds = 0.0
        self.retry_seconds = 1.0
        self.most_attempts = 12
        for delivery in self._all:
            delivery.state = "failed"
        self._all = []

    def set(self, given: Obj) -> Obj:
        if given.get("mode", self.mode) not in MODES:
            raise invalid(f"mode is one of {', '.join(MODES)}", param="mode")
        names = ("mode", "delay_seconds", "retry_seconds", "most_attempts")
        for key in names:
            setattr(self, key, given.get(key, getattr(self, key)))
        return {key: getattr(self, key) for key in names}

    def post(self, event: Obj) -> None:
        """Send ``event`` to every endpoint that listens for its type."""
        for endpoint in self._world.store.oldest_first("webhook_endpoint"):
            wanted = endpoint["enabled_events"]
            if endpoint["status"] == "enabled" and ("*" in wanted or event["type"] in wanted):
                for _ in range(2 if self.mode == "duplicated" else 1):
                    self._add(event, endpoint)

    def _add(self, event: Obj, endpoint: Obj) -> Delivery:
        delivery = Delivery(len(self._all) + 1, event, endpoint["id"], endpoint["url"])
        self._all.append(delivery)
        event["pending_webhooks"] += 1
        if self.mode == "held":
            delivery.state = "held"
        elif self.mode == "delayed":
            self._later(self.delay_seconds, delivery)
        else:
            self._queue.put_nowait(delivery)
        return delivery

    def again(self, ident: str) -> None:
        """Send an event again to all its endpoints, like Resend in Stripe's dashboard."""
        self.post(self._world.store.get("event", ident))

    def _later(self, seconds: float, delivery: Delivery) -> None:
        def send() -> None:
            self._timers.discard(timer)
            self._queue.put_nowait(delivery)

        timer = asyncio.get_running_loop().call_later(seconds, send)
        self._timers.add(timer)

    # What tests see and do.

    def sent(self, *, state: str | None = None, kind: str | None = None) -> list[Obj]:
        return [
            one.view()
            for one in self._all
            if state in (None, one.state) and kind in (None, one.event["type"])
        ]

    def release(self, *, order: list[str] | None = None) -> int:
        """Release held deliveries, in the order of these event ids or types, or of arrival."""
        held = [one for one in self._all if one.state == "held"]
        if order is not None:
            held = [
                one
                for name in order
                for one in held
                if name in (one.event["id"], one.event["type"])
            ]
        for delivery in held:
            delivery.state = "waiting"
            self._queue.put_nowait(delivery)
        return len(held)

    def take(self) -> list[Obj]:
        """Return the held deliveries as signed requests, for a test to deliver."""
        taken = []
        for delivery in self._all:
            if delivery.state == "held":
                delivery.state = "taken"
                body, headers = self._request(delivery)
                shown = {"body": body.decode(), "headers": headers}
                taken.append({**delivery.view(), **shown})
        return taken

    async def idle(self, *, seconds: float) -> bool:
        """Wait until no delivery is running, except held ones and those that wait for a retry."""
        deadline = time.monotonic() + seconds
        while any(one.state in ("waiting", "sending") for one in self._all):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_IDLE_POLL_SECONDS)
        return True

    # The sending.

    async def run(self) -> None:
        """Send deliveries, forever."""
        async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as client:
            while True:
                batch = await self._next_batch()
                if self.mode == "shuffled":
                    self._random.shuffle(batch)
                together = self.mode == "duplicated"
                for group in _pairs(batch) if together else [[one] for one in batch]:
                    await asyncio.gather(*(self._send(client, one) for one in group))

    async def _next_batch(self) -> list[Delivery]:
        batch = [await self._queue.get()]
        if self.mode == "shuffled":
            await asyncio.sleep(_GATHERING_SECONDS)
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                batch.append(self._queue.get_nowait())
        return batch

    async def _send(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        if delivery.state not in ("waiting", "retrying"):
            return
        delivery.state = "sending"
        body, headers = self._request(delivery)
        attempt: Obj = {"at": self._world.now(), "status": None, "error": None, "answer": ""}
        try:
            response = await client.post(delivery.url, content=body, headers=headers)
        except httpx.HTTPError as error:
            attempt["error"] = type(error).__name__
        else:
            attempt["status"] = response.status_code
            attempt["answer"] = response.text[:500]
        delivery.attempts.append(attempt)
        self._conclude(delivery, attempt["status"])

    def _conclude(self, delivery: Delivery, status: int | None) -> None:
        if delivery.state == "failed":  # reset meanwhile
            return
        done = len(delivery.attempts)
        if status is not None and 200 <= status < 300:
            delivery.state = "delivered"
            delivery.event["pending_webhooks"] -= 1
        elif done >= self.most_attempts:
            delivery.state = "failed"
        else:
            delivery.state = "retrying"
            self._later(self.retry_seconds * 2 ** min(done - 1, 10), delivery)

    def _request(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        endpoint = self._world.store.find("webhook_endpoint", delivery.endpoint)
        secret = endpoint["_secret"] if endpoint else ""
        body = json.dumps(self._world.show(delivery.event), indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Accept": "*/*; q=0.5, application/xml",
            "Stripe-Signature": signature(body, secret=secret, at=int(time.time())),
        }
        return body, headers


def _pairs(batch: list[Delivery]) -> list[list[Delivery]]:
    groups: dict[tuple[str, str], list[Delivery]] = {}
    for one in batch:
        groups.setdefault((one.event["id"], one.endpoint), []).append(one)
    return list(groups.values())


def signature(body: bytes, *, secret: str, at: int) -> str:
    """Return a Stripe-Signature header for ``body``, as of ``at`` (Unix seconds)."""
    signed = hmac.new(secret.encode(), b"%d.%b" % (at, body), hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"
