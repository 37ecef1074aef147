"""The events of a stream, in the shape of one endpoint."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import orjson

from devserver.upstream.breakage import json_text, odd_text
from devserver.upstream.job import Job

DONE = b"data: [DONE]\n\n"

Sent = Callable[[], int]


class Frames(Protocol):
    """``sent`` tells how many tokens have been sent so far."""

    def events(self, job: Job, sent: Sent) -> Iterator[tuple[int, bytes]]:
        """Every event with the tokens it carries: one or none."""

    def nothing(self, job: Job) -> bytes:
        """An event that says nothing, to be broken off in its middle."""

    def error(self, job: Job, error: dict[str, Any]) -> bytes:
        """An error in the middle of a stream."""


class Choices(Protocol):
    """The choices in the chunks of chat completions, or of legacy ones."""

    chunk: str  # the object of a chunk

    def opening(self, index: int) -> dict[str, Any] | None: ...

    def token(self, index: int, token: Any) -> dict[str, Any]: ...

    def closing(self, index: int, finish: str) -> dict[str, Any]: ...


class Chunks:
    """OpenAI's chunks, up to ``[DONE]``."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    def events(self, job: Job, sent: Sent) -> Iterator[tuple[int, bytes]]:
        shape, plan = self._choices, job.plan
        choices = range(plan.choices)
        for index in choices:
            if (choice := shape.opening(index)) is not None:
                yield 0, self._event(job, [choice], sent())
        for token in plan.tokens():
            for index in choices:
                odd = token._replace(text=odd_text(token.text, job))
                yield 1, self._event(job, [shape.token(index, odd)], sent() + 1)
        for index in choices:
            choice = shape.closing(index, plan.finish)
            has_usage = index == plan.choices - 1 and job.has("usage_twice")
            usage = job.usage(sent()) if has_usage else None
            yield 0, self._event(job, [choice], sent(), usage=usage)
        always = job.directive.fault & {"usage_empty_choices", "usage_twice", "usage_zero"}
        if not job.has("no_usage") and (job.include_usage or always):
            yield 0, self._event(job, [], sent(), usage=job.usage(sent()))
        yield 0, DONE

    def _event(
        self,
        job: Job,
        choices: list[dict[str, Any]],
        tokens: int,
        *,
        usage: dict[str, Any] | None = None,
    ) -> bytes:
        body = {**job.identity, "object": self._choices.chunk, "choices": choices}
        if job.has("usage_every"):
            body["usage"] = job.usage(tokens)
        elif usage is not None or job.include_usage:
            body["usage"] = usage
        return b"data: %b\n\n" % json_text(body)

    def nothing(self, job: Job) -> bytes:
        return self._event(job, [], 0)

    def error(self, job: Job, error: dict[str, Any]) -> bytes:
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
        chunk = {**job.identity, "object": self._choices.chunk, "error": error, "choices": [choice]}
        return b"data: %b\n\n" % orjson.dumps(chunk)
