"""The control API, for tests. All bodies and answers are JSON.

POST /_test/advance      {"days": 31} or {"hours": 2} or {"to": 1767225600}, "settle": true
POST /_test/settings     {"finalization_seconds": 0, "retry_days": [3], "after_retries": "unpaid"}
POST /_test/delivery     {"mode": "held", "retry_seconds": 0.05, "delay_seconds": 1}
GET  /_test/deliveries   ?state= &type=
POST /_test/release      {"order": ["invoice.paid", "evt_…"]}: held deliveries; without, all
POST /_test/take         held deliveries as signed requests, for a test to deliver itself
POST /_test/settle       {"seconds": 10}: wait until nothing is on its way
POST /_test/resend       {"event": "evt_…"}
POST /_test/fail         {"kind": "500" | "broken" | "429" | "timeout" | "lost", "times": 2,
                          "path": "/v1/"}
POST /_test/dispute      {"charge": "ch_…"} or {"dispute": "du_…", "status": "won"}
POST /_test/authenticate {"intent": "pi_…", "passes": true}
POST /_test/decline      {"payment_method": "pm_…", "decline_code": "insufficient_funds" | null}
POST /_test/reset        {"keep_endpoints": true}
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from devserver.stripe import intents, refunds, renewals
from devserver.stripe.clock import DAY, HOUR
from devserver.stripe.delivery import Mail
from devserver.stripe.errors import ApiError, invalid, required, unrecognized_url
from devserver.stripe.faultbook import FaultBook
from devserver.stripe.store import Obj
from devserver.stripe.world import Settings, World

_SETTLE_SECONDS = 30.0


class Control:
    def __init__(self, world: World, mail: Mail, faults: FaultBook) -> None:
        self._world = world
        self._mail = mail
        self._faults = faults
        self._endpoints: dict[tuple[str, str], Callable[[Obj], Awaitable[Any]]] = {
            ("POST", "advance"): self._advance,
            ("POST", "settings"): self._settings,
            ("POST", "delivery"): self._delivery,
            ("GET", "deliveries"): self._deliveries,
            ("POST", "release"): self._release,
            ("POST", "take"): self._take,
            ("POST", "settle"): self._settle,
            ("POST", "resend"): self._resend,
            ("POST", "fail"): self._fail,
            ("POST", "dispute"): self._dispute,
            ("POST", "authenticate"): self._authenticate,
            ("POST", "decline"): self._decline,
            ("POST", "reset"): self._reset,
            ("GET", "now"): self._now,
        }

    async def answer(self, method: str, path: str, query: Obj, body: bytes) -> Any:
        endpoint = self._endpoints.get((method, path.removeprefix("/_test/")))
        if endpoint is None:
            raise unrecognized_url(method, path)
        return await endpoint({**query, **_given(body)})

    async def _now(self, given: Obj) -> Obj:
        return {"now": self._world.now()}

    async def _advance(self, given: Obj) -> Obj:
        """Advance the clock, and make each due change at its own time.

        With ``settle`` (the default) the webhooks of each moment are delivered before the next.
        """
        target = self._target(given)
        settles = given.get("settle", True)
        while renewals.run_next(self._world, until=target):
            if settles:
                await self._mail.idle(seconds=_SETTLE_SECONDS)
        self._world.clock.move_to(target)
        self._world.store.changed = True
        return {"now": self._world.now()}

    def _target(self, given: Obj) -> int:
        if "to" in given:
            return int(given["to"])
        seconds = (
            given.get("days", 0) * DAY + given.get("hours", 0) * HOUR + given.get("seconds", 0)
        )
        return self._world.now() + int(seconds)

    async def _settings(self, given: Obj) -> Obj:
        settings = self._world.settings
        for key, value in given.items():
            if not hasattr(settings, key):
                raise invalid(f"There is no setting {key}.", param=key)
            setattr(settings, key, value)
        return dict(vars(settings))

    async def _delivery(self, given: Obj) -> Obj:
        return self._mail.set(given)

    async def _deliveries(self, given: Obj) -> Obj:
        found = self._mail.sent(state=given.get("state"), kind=given.get("type"))
        return {"deliveries": found}

    async def _release(self, given: Obj) -> Obj:
        return {"released": self._mail.release(order=given.get("order"))}

    async def _take(self, given: Obj) -> Obj:
        return {"deliveries": self._mail.take()}

    async def _settle(self, given: Obj) -> Obj:
        return {"idle": await self._mail.idle(seconds=given.get("seconds", _SETTLE_SECONDS))}

    async def _resend(self, given: Obj) -> Obj:
        self._mail.again(_named(given, "event"))
        return {}

    async def _fail(self, given: Obj) -> Obj:
        self._faults.set(given)
        return {}

    async def _dispute(self, given: Obj) -> Obj:
        world = self._world
        if "dispute" in given:
            made = world.store.get("dispute", given["dispute"])
            return world.show(refunds.close_dispute(world, made, status=_named(given, "status")))
        charge = world.store.get("charge", _named(given, "charge"))
        reason = given.get("reason", "fraudulent")
        return world.show(refunds.dispute(world, charge, reason=reason, amount=given.get("amount")))

    async def _authenticate(self, given: Obj) -> Obj:
        intent = self._world.store.objects.get(_named(given, "intent"))
        if intent is None or intent["object"] not in ("payment_intent", "setup_intent"):
            raise invalid("There is no such intent.", param="intent")
        passes = given.get("passes", True)
        return self._world.show(intents.authenticate(self._world, intent, passes=passes))

    async def _decline(self, given: Obj) -> Obj:
        method = self._world.store.get("payment_method", _named(given, "payment_method"))
        method["_decline"] = given.get("decline_code")
        return {}

    async def _reset(self, given: Obj) -> Obj:
        """Delete all objects, faults and deliveries. Endpoints are kept, and the time is reset."""
        endpoints = self._world.store.oldest_first("webhook_endpoint")
        self._mail.reset()
        self._faults.clear()
        self._world.store.clear()
        self._world.settings = Settings()
        for endpoint in endpoints if given.get("keep_endpoints", True) else ():
            self._world.store.add(endpoint)
        self._world.clock.offset = 0
        return {}


def _given(body: bytes) -> Obj:
    if not body:
        return {}
    try:
        given = json.loads(body)
    except ValueError:
        raise ApiError(400, "The body is not JSON.") from None
    if not isinstance(given, dict):
        raise ApiError(400, "The body is not a JSON object.")
    return given


def _named(given: Obj, key: str) -> str:
    if key not in given:
        raise required(key)
    return str(given[key])
