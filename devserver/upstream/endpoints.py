"""From a request's body to the job that answers it: one function for each kind of generation."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from devserver.upstream import directives, generation, native_requests, prompts, validation
from devserver.upstream.directives import Directive
from devserver.upstream.errors import ApiError
from devserver.upstream.faultbook import FaultBook
from devserver.upstream.frames import Chunks, Frames
from devserver.upstream.generation import Plan
from devserver.upstream.job import Job
from devserver.upstream.journal import Record
from devserver.upstream.messages import MESSAGES
from devserver.upstream.models import Model
from devserver.upstream.responses import RESPONSES
from devserver.upstream.shapes import CHAT, TEXT, Embeddings, Shape

_DIMENSIONS = 1536


@dataclass(frozen=True)
class Endpoint:
    """``frames`` is None where streaming is not offered; ``shape`` makes the JSON answer's."""

    path: str
    validate: Callable[[dict[str, Any]], Model]
    texts: Callable[[dict[str, Any]], Iterable[str]]
    plan: Callable[[dict[str, Any], Model, Directive], Plan]
    shape: Callable[[dict[str, Any]], Shape]
    frames: Frames | None
    as_chat: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def job(self, body: dict[str, Any], *, record: Record, faults: FaultBook, pace: float) -> Job:
        """What to answer; raises ApiError where OpenAI would refuse."""
        if self.as_chat is not None:
            body = self.as_chat(body)
        model = self.validate(body)
        fields = directives.read(self.texts(body))
        directive = faults.directive(model=model.id, fields=fields)
        plan = self.plan(body, model, directive)
        _fits_context(plan, directive)
        shape = self.shape(body)
        record.id = shape.prefix + record.serial
        record.faults = tuple(sorted(directive.fault))
        record.later = directive.later
        return Job(
            plan=plan,
            shape=shape,
            streams=self.frames is not None and bool(body.get("stream")),
            directive=directive,
            record=record,
            identity={"id": record.id, "created": int(time.time()), "model": model.id},
            include_usage=_includes_usage(body),
            pace=pace if directive.d is None else directive.d / 1000,
        )


def _includes_usage(body: dict[str, Any]) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))


def _fits_context(plan: Plan, directive: Directive) -> None:
    longest = plan.model.context_length
    if directive.prompt is None and plan.prompt_tokens > longest:
        message = (
            f"This model's maximum context length is {longest} tokens."
            f" However, your messages resulted in {plan.prompt_tokens} tokens."
        )
        raise ApiError(400, message, param="messages", code="context_length_exceeded")


def _inputs(body: dict[str, Any], key: str) -> list[str]:
    return [text for text in prompts.split_inputs(body[key]) if isinstance(text, str)]


def _embeddings(body: dict[str, Any]) -> Embeddings:
    return Embeddings(
        prompts.split_inputs(body["input"]),
        dimensions=body.get("dimensions") or _DIMENSIONS,
        encoding=body.get("encoding_format") or "float",
    )


class _NativeShape(Shape, Frames, Protocol):
    """The shape of a whole answer, and of its stream."""


def _native(
    path: str, shape: _NativeShape, as_chat: Callable[[dict[str, Any]], dict[str, Any]]
) -> Endpoint:
    return Endpoint(
        path=path,
        validate=validation.chat,
        texts=lambda body: prompts.chat_texts(body["messages"]),
        plan=generation.plan_chat,
        shape=lambda _: shape,
        frames=shape,
        as_chat=as_chat,
    )


ENDPOINTS = {
    endpoint.path: endpoint
    for endpoint in (
        Endpoint(
            path="/chat/completions",
            validate=validation.chat,
            texts=lambda body: prompts.chat_texts(body["messages"]),
            plan=generation.plan_chat,
            shape=lambda _: CHAT,
            frames=Chunks(CHAT),
        ),
        Endpoint(
            path="/completions",
            validate=validation.completion,
            texts=lambda body: _inputs(body, "prompt"),
            plan=generation.plan_completion,
            shape=lambda _: TEXT,
            frames=Chunks(TEXT),
        ),
        _native("/messages", MESSAGES, native_requests.of_messages),
        _native("/responses", RESPONSES, native_requests.of_responses),
        Endpoint(
            path="/embeddings",
            validate=validation.embedding,
            texts=lambda body: _inputs(body, "input"),
            plan=generation.plan_embedding,
            shape=_embeddings,
            frames=None,
        ),
    )
}
