"""The demo upstream as a process of its own, for tests.

with UpstreamProcess() as upstream:
    client = OpenAI(base_url=upstream.url, api_key="any")
    upstream.set_fault(model="openai/gpt-5", fault="status", status=503)
    upstream.journal(model="openai/gpt-5")
"""

from typing import Any

from tests.fakes.process import FakeProcess


class UpstreamProcess(FakeProcess):
    """A provider; ``pace`` is how many milliseconds it takes for a token, unless told otherwise."""

    name = "demo upstream"
    module = "devserver.upstream"
    controls = "_control"

    def __init__(self, *, pace: float = 0.0, port: int | None = None) -> None:
        super().__init__(options=("--pace", str(pace)), port=port)

    @property
    def url(self) -> str:
        """The base URL for an OpenAI client."""
        return f"{self.root}/v1"

    def journal(self, **filters: str | int) -> list[dict[str, Any]]:
        """The requests so far; narrowed by model, user, outcome, path, last."""
        requests: list[dict[str, Any]] = self._control("GET", "journal", params=filters)["requests"]
        return requests

    def totals(self) -> dict[str, int]:
        totals: dict[str, int] = self._control("GET", "totals")
        return totals

    def set_fault(self, **fields: Any) -> None:
        """Steer every request of ``model`` (or of all) by a directive's keys, until cleared."""
        self._control("POST", "faults", json=fields)

    def clear(self) -> None:
        """Forget faults and journal."""
        self._control("DELETE", "faults")
        self._control("DELETE", "journal")
