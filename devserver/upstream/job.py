"""One generation that is being delivered."""

from dataclasses import dataclass
from typing import Any

from devserver.upstream.directives import Directive
from devserver.upstream.generation import Plan
from devserver.upstream.journal import Record
from devserver.upstream.shapes import Shape
from devserver.upstream.usage import emptied


@dataclass(slots=True)
class Job:
    """``streams`` tells whether a stream is wanted, instead of one JSON answer."""

    plan: Plan
    shape: Shape
    streams: bool
    directive: Directive
    record: Record
    identity: dict[str, Any]
    include_usage: bool
    pace: float  # seconds between tokens

    @property
    def first(self) -> float:
        """Seconds before the first byte."""
        return self.directive.first / 1000

    def has(self, fault: str) -> bool:
        return fault in self.directive.fault

    def headers(self) -> dict[str, str]:
        """The ids that OpenAI, OpenRouter and Glama put beside an answer."""
        ident = self.record.request_id
        return {
            "x-request-id": ident,
            "x-completion-request-id": ident,
            "x-generation-id": self.record.id,
            "openai-version": "2020-10-01",
        }

    def usage(self, completion_tokens: int) -> dict[str, Any]:
        """The usage to tell, remembered as told."""
        usage = self.shape.usage(self.plan, completion_tokens)
        if self.has("usage_zero"):
            usage = emptied(usage)
        self.record.reported = usage
        return usage
