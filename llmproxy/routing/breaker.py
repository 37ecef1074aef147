"""A circuit breaker: one worker's view of a provider, and whether to send requests to it. Pure.

A closed breaker allows every request. It opens when most of the recent requests failed, and at once
when the provider refuses the operator's account. An open breaker allows no request until its pause
is over. Then it is half-open and allows one: its success closes the breaker, and its failure opens
it for twice as long.

Times are seconds since the epoch, so that the workers can compare them.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

_REMEMBERED = 20
_LONGEST_PAUSE = 300.0
_REFUSED_PAUSE = 60.0
_BUSY_PAUSE = 2.0
# A half-open breaker allows another request if the first has no result after so long.
_TRIAL_SECONDS = 60.0
_MOST_COOLING = 1000


class Fault(StrEnum):
    """The kinds of failure that the breaker distinguishes."""

    BROKEN = "broken"  # no connection, no answer in time, an invalid answer, 5xx
    REFUSED = "refused"  # 401, 402 and the like: the operator's account
    BUSY = "busy"  # 429: this model, for a while
    UNKNOWN_MODEL = "unknown_model"  # 404: not a failure of the provider


class Health(StrEnum):
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True)
class Limits:
    """``failures`` in ``window`` seconds, if half of the requests, open it for ``pause``."""

    failures: int = 5
    window: float = 30.0
    pause: float = 5.0


class SharedState(TypedDict):
    """A breaker's state for the other workers; times are seconds since the epoch."""

    at: float
    until: float
    trips: int


class SharedSight(TypedDict):
    """What a worker last saw of a provider, for the other workers."""

    at: float
    ms: float | None
    error: str
    error_at: float


class Breaker:
    """The breaker of one provider, for use in one event loop."""

    def __init__(self) -> None:
        self.open_until = 0.0
        self.changed_at = 0.0
        self.seen_at = 0.0
        self.latency_ms: float | None = None
        self.last_error = ""
        self.last_error_at = 0.0
        self._trips = 0
        self._trial_at = 0.0
        self._recent: deque[tuple[float, bool]] = deque(maxlen=_REMEMBERED)
        self._cooling: dict[str, float] = {}

    def may_ask(self, model: str, now: float) -> bool:
        """Return whether to send a request for a model. If open, True starts the half-open test."""
        if self._cooling and self._cooling.get(model, 0.0) > now:
            return False
        if not self.open_until:
            return True
        if now < self.open_until or now - self._trial_at < _TRIAL_SECONDS:
            return False
        self._trial_at = now
        return True

    def free_at(self, model: str) -> float:
        """Return when requests are allowed again."""
        return max(self.open_until, self._cooling.get(model, 0.0))

    def succeeded(self, now: float, *, ms: float) -> None:
        """Record an answer, and the time until it began."""
        self._recent.append((now, True))
        self.latency_ms = ms if self.latency_ms is None else self.latency_ms * 0.8 + ms * 0.2
        self.seen_at = now
        if self.open_until:
            self.open_until, self._trips, self.changed_at = 0.0, 0, now
            self._recent.clear()

    def failed(
        self,
        now: float,
        *,
        fault: Fault,
        error: str,
        model: str,
        limits: Limits,
        retry_after: float | None = None,
    ) -> None:
        """Record a failure. ``retry_after`` is the pause in seconds that the provider requests."""
        self.last_error, self.last_error_at, self.seen_at = error, now, now
        if fault is Fault.UNKNOWN_MODEL:
            self.shows_nothing()
        elif fault is Fault.BUSY:
            self._cool(model, now + min(retry_after or _BUSY_PAUSE, _LONGEST_PAUSE))
            self.shows_nothing()
        else:
            self._recent.append((now, False))
            self._open_if_due(now, fault, limits, retry_after or 0.0)

    def shows_nothing(self) -> None:
        """Record an attempt without a result, such as one whose client disconnected."""
        self._trial_at = 0.0

    def health(self, now: float, limits: Limits) -> Health:
        """Return the state for the API and the admin site."""
        if self.open_until:
            return Health.DOWN
        failing = self.last_error_at > now - limits.window
        return Health.DEGRADED if failing else Health.UP

    def _open_if_due(self, now: float, fault: Fault, limits: Limits, at_least: float) -> None:
        if self.open_until > now:
            return  # Sent before it opened.
        recent = [well for at, well in self._recent if at > now - limits.window]
        failures = recent.count(False)
        most_fail = failures >= limits.failures and failures * 2 >= len(recent)
        if not (fault is Fault.REFUSED or self.open_until or most_fail or at_least):
            return
        pause = _REFUSED_PAUSE if fault is Fault.REFUSED else limits.pause
        pause = max(pause * 2 ** min(self._trips, 10), at_least)
        self.open_until = now + min(pause, _LONGEST_PAUSE)
        self._trips += 1
        self._trial_at = 0.0
        self.changed_at = now

    def _cool(self, model: str, until: float) -> None:
        if len(self._cooling) >= _MOST_COOLING:
            self._cooling.clear()
        self._cooling[model] = until

    # The state that workers exchange. The newer one has precedence.

    def state(self) -> SharedState:
        return {"at": self.changed_at, "until": self.open_until, "trips": self._trips}

    def adopt_state(self, shared: SharedState) -> None:
        self.changed_at, self.open_until = shared["at"], shared["until"]
        self._trips = shared["trips"]
        self._trial_at = 0.0
        self._recent.clear()

    def sight(self) -> SharedSight:
        return {
            "at": self.seen_at,
            "ms": self.latency_ms,
            "error": self.last_error,
            "error_at": self.last_error_at,
        }

    def adopt_sight(self, shared: SharedSight) -> None:
        self.seen_at, self.latency_ms = shared["at"], shared["ms"]
        self.last_error, self.last_error_at = shared["error"], shared["error_at"]
