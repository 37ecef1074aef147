"""The fake Stripe as a process of its own, for tests.

with StripeProcess() as fake:
    stripe.api_key, stripe.api_base = fake.api_key, fake.base_url
    endpoint = fake.webhook("http://127.0.0.1:8000/api/stripe/webhook/…")
    fake.advance(days=32)
"""

from pathlib import Path
from typing import Any

from tests.fakes.process import FakeProcess

Json = dict[str, Any]


class StripeProcess(FakeProcess):
    """An account that is empty after a restart, unless ``state`` names a file to keep it in."""

    name = "fake Stripe"
    module = "devserver.stripe"
    controls = "_test"
    patience = 120.0
    api_key = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
    publishable_key = "pk_test_4eC39HqLyjWDarjtT1zdp7dc"

    def __init__(self, *, state: Path | None = None, port: int | None = None) -> None:
        super().__init__(options=("--state", str(state)) if state else (), port=port)

    @property
    def base_url(self) -> str:
        """What `stripe.api_base` is set to."""
        return self.root

    # Webhooks.

    def webhook(self, url: str, *, events: tuple[str, ...] = ("*",)) -> Json:
        """Register an endpoint; the answer holds its `secret`."""
        form: Json = {"url": url, "enabled_events[]": list(events)}
        headers = {"Authorization": f"Bearer {self.api_key}"}
        address = f"{self.base_url}/v1/webhook_endpoints"
        response = self._http.post(address, data=form, headers=headers)
        endpoint: Json = response.raise_for_status().json()
        return endpoint

    def deliver(self, mode: str | None = None, **settings: Any) -> None:
        """Deliver `ordered`, `shuffled`, `duplicated`, `delayed` or `held` from now on.

        `retry_seconds` is the first pause before a retry (each next one is twice as long),
        `delay_seconds` that of `delayed`.
        """
        self._tell("POST", "delivery", {"mode": mode, **settings} if mode else settings)

    def deliveries(self, *, state: str | None = None, type: str | None = None) -> list[Json]:  # noqa: A002
        """Return what was sent, oldest first: event, type, state, and each attempt's result."""
        wanted = {key: value for key, value in (("state", state), ("type", type)) if value}
        found: list[Json] = self._tell("GET", "deliveries", wanted)["deliveries"]
        return found

    def release(self, *order: str) -> int:
        """Send what is held: these event ids or types in this order, or all as they came."""
        sent: int = self._tell("POST", "release", {"order": list(order)} if order else {})[
            "released"
        ]
        return sent

    def take(self) -> list[Json]:
        """Return what is held as requests to deliver oneself: `body` and `headers`, signed now."""
        taken: list[Json] = self._tell("POST", "take")["deliveries"]
        return taken

    def settle(self, *, seconds: float = 30.0) -> None:
        """Wait until nothing is on its way; what is held or waits for a retry does not count."""
        if not self._tell("POST", "settle", {"seconds": seconds})["idle"]:
            raise TimeoutError("webhooks are still on their way")

    def resend(self, event: str) -> None:
        self._tell("POST", "resend", {"event": event})

    # Time, and what goes wrong.

    def advance(
        self, *, days: float = 0, hours: float = 0, to: int | None = None, settle: bool = True
    ) -> int:
        """Let time pass; return the new time (Unix seconds).

        With ``settle`` the webhooks of each moment arrive before the next thing falls due.
        """
        given: Json = {"days": days, "hours": hours, "settle": settle}
        if to is not None:
            given["to"] = to
        now: int = self._tell("POST", "advance", given)["now"]
        return now

    def now(self) -> int:
        now: int = self._tell("GET", "now")["now"]
        return now

    def settings(self, **given: Any) -> Json:
        """Set `finalization_seconds`, `retry_days`, `after_retries` (cancel, unpaid, past_due)."""
        settings: Json = self._tell("POST", "settings", given)
        return settings

    def fail(
        self, kind: str = "500", *, times: int = 1, path: str = "/", method: str | None = None
    ) -> None:
        """Let the next calls fail: `500`, `429`, `timeout`, or `lost` (done, but not answered)."""
        given = {"kind": kind, "times": times, "path": path, "method": method}
        self._tell("POST", "fail", given)

    def dispute(self, charge: str, **given: Any) -> Json:
        made: Json = self._tell("POST", "dispute", {"charge": charge, **given})
        return made

    def close_dispute(self, dispute: str, *, status: str) -> Json:
        made: Json = self._tell("POST", "dispute", {"dispute": dispute, "status": status})
        return made

    def authenticate(self, intent: str, *, passes: bool = True) -> Json:
        """Do what the payer does when their bank asks: pass or fail."""
        made: Json = self._tell("POST", "authenticate", {"intent": intent, "passes": passes})
        return made

    def decline(self, payment_method: str, decline_code: str | None = "generic_decline") -> None:
        """Let a saved card decline from now on, or (None) be good again."""
        given = {"payment_method": payment_method, "decline_code": decline_code}
        self._tell("POST", "decline", given)

    def reset(self, *, keep_endpoints: bool = True) -> None:
        """Forget every object, fault and delivery, and be at the real time again."""
        self._tell("POST", "reset", {"keep_endpoints": keep_endpoints})

    def _tell(self, method: str, endpoint: str, given: Json | None = None) -> Any:
        options: Json = {"params": given} if method == "GET" else {"json": given or {}}
        return self._control(method, endpoint, **options)
