"""The faults that tests set for the next API calls."""

from dataclasses import dataclass

from devserver.stripe.errors import ApiError, invalid
from devserver.stripe.store import Obj

KINDS = ("500", "broken", "429", "timeout", "lost")


@dataclass
class Fault:
    """With ``lost``, the call is executed, but the answer never arrives.

    A ``500`` is returned before execution; ``broken`` after it begins, so it is stored under the
    idempotency key.
    """

    kind: str
    left: int
    method: str | None
    path: str  # its prefix


class FaultBook:
    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def set(self, given: Obj) -> None:
        """Let the next ``times`` calls (1) that fit ``method`` and ``path`` fail by ``kind``."""
        kind = str(given.get("kind", "500"))
        if kind not in KINDS:
            raise invalid(f"kind is one of {', '.join(KINDS)}", param="kind")
        fault = Fault(kind, int(given.get("times", 1)), given.get("method"), given.get("path", "/"))
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def take(self, method: str, path: str) -> str | None:
        """Return the fault for this call, if any."""
        for fault in self._faults:
            if fault.left and fault.method in (None, method) and path.startswith(fault.path):
                fault.left -= 1
                return fault.kind
        return None


def error(kind: str) -> ApiError:
    if kind == "429":
        message = "Request rate limit exceeded. Learn more: https://stripe.com/docs/rate-limits"
        return ApiError(429, message, code="rate_limit")
    message = "An unknown error occurred. Please contact support@stripe.com for more help."
    return ApiError(500, message, kind="api_error")
