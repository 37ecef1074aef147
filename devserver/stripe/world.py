"""One Stripe account: objects, clock, events, and test settings."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from stripe._api_version import _ApiVersion

from devserver.stripe import rendering
from devserver.stripe.clock import DAY, HOUR, Clock
from devserver.stripe.store import Obj, Store, scramble

ACCOUNT_ID = "acct_1TokengateTest01"


@dataclass
class Settings:
    """The settings of the account, which Stripe has in its dashboard."""

    finalization_seconds: int = HOUR
    retry_days: list[int] = field(default_factory=lambda: [3, 5, 7])
    after_retries: str = "cancel"  # or "unpaid", "past_due"


class World:
    """The state that the endpoints share."""

    def __init__(self, *, base_url: str = "", country: str = "US") -> None:
        self.base_url = base_url
        self.country = country
        self.api_version = _ApiVersion.CURRENT
        self.store = Store()
        self.clock = Clock()
        self.settings = Settings()
        self.request: Obj = {"id": None, "idempotency_key": None}
        self.on_event: Callable[[Obj], None] = lambda event: None

    def now(self) -> int:
        return self.clock.now()

    def new(self, kind: str, prefix: str, **fields: Any) -> Obj:
        """Create an object in test mode. ``fields`` precede the common fields."""
        ident = fields.pop("id", None) or self.store.new_id(prefix)
        common = {"id": ident, "object": kind, "created": self.now(), "livemode": False}
        return self.store.add({**common, **fields})

    def secret_of(self, ident: str) -> str:
        return f"{ident}_secret_{scramble(ident, length=25)}"

    def show(self, obj: Obj, expand: list[str] | None = None) -> Obj:
        return rendering.show(self.store, obj, expand or [])

    def emit(self, kind: str, obj: Obj, *, previous: Obj | None = None) -> Obj:
        """Record an event about ``obj`` in its current state, and send it to the endpoints."""
        data: Obj = {"object": self.show(obj)}
        if previous is not None:
            data["previous_attributes"] = previous
        request = dict(self.request)
        event = self.new(
            "event",
            "evt",
            api_version=self.api_version,
            data=data,
            pending_webhooks=0,
            request=request,
            type=kind,
        )
        self.on_event(event)
        self.store.changed = True
        return event

    @contextmanager
    def changing(self, obj: Obj, *events: str) -> Iterator[Obj]:
        """Emit ``events`` with the block's changes of ``obj``, if there are any."""
        before = self.show(obj)
        yield obj
        self.store.changed = True
        previous = rendering.difference(before, self.show(obj))
        for kind in events if previous else ():
            self.emit(kind, obj, previous=previous)

    def in_days(self, days: float) -> int:
        return self.now() + int(days * DAY)
