"""The requests of this process that hold a reservation, from it to their settlement.

The registry has one entry for each. While a request is in it, ``tokens.ledger.leases`` extends its
reservation and records its provider, ``tokens.ledger.spool`` keeps its charge on disk, and a worker
that exits waits for it.
"""

from collections.abc import Collection

from tokens.ledger.batching import Item
from tokens.ledger.values import Hold

_requests: dict[int, "RunningRequest"] = {}  # by identity


class RunningRequest:
    """A request with a reservation. Creating it registers it; ``ended`` removes it."""

    def __init__(self, hold: Hold) -> None:
        self.hold = hold
        self._trace: tuple[str, str] | None = None
        self._trace_is_due = False
        _requests[id(self)] = self

    def ended(self) -> None:
        """Remove it: the ledger has its settlement, or has refused it."""
        _requests.pop(id(self), None)

    @property
    def is_settling(self) -> bool:
        """Return whether it has ended, and waits for the ledger."""
        return False

    def settlement_so_far(self) -> Item | None:
        """Return the settlement as it would be made now (``ledger.closing``).

        None means that nothing would be charged yet.
        """
        return None

    def trace(self, *, provider: str, upstream_id: str) -> None:
        """Note the provider that answers, and its id for the request: see ``trace_due``."""
        self._trace = (provider, upstream_id)

    def trace_at_once(self, *, provider: str) -> None:
        """Replace a provider that may be recorded: its attempt failed, so it charges nothing."""
        self._trace, self._trace_is_due = (provider, ""), True

    def trace_due(self) -> tuple[str, str] | None:
        """Return provider and upstream id once, from the second call after ``trace`` on.

        Most requests end before that, so most are never recorded.
        """
        due = self._trace if self._trace_is_due else None
        if due:
            self._trace = None
        self._trace_is_due = self._trace is not None
        return due


def requests() -> Collection[RunningRequest]:
    """Return the requests of this process that are not settled yet."""
    return _requests.values()
