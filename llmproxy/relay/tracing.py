"""Traces of requests to models by OpenTelemetry, without content. Off unless an endpoint is set.

The spans of a request are made after it is settled, from times that it noted on its way. So they
cost nothing while it runs, and next to nothing if traces are off. Their names are those of the
semantic conventions for generative AI:
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings

from tokens.ledger import Hold, Receipt

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

_SERVICE = "tokengate"
_OPERATIONS = {"completions": "text_completion", "embeddings": "embeddings"}
_NS_OF_MS = 1_000_000
_PATIENCE_SECONDS = 3.0


class _Traces:
    """The provider of this process; None while traces are off."""

    provider: "TracerProvider | None" = None


traces = _Traces()


@dataclass(frozen=True, slots=True)
class Story:
    """What happened to a request. Times are nanoseconds since the epoch.

    ``tried_at`` has the end of each attempt of the receipt; an answer began then. ``traceparent``
    is the client's header with the span of its own trace, or empty.
    """

    endpoint: str
    request_id: str
    traceparent: str
    times: tuple[int, int, int]
    """When it began, was admitted by the limits, and was reserved by the ledger."""
    tried_at: list[int]
    settling_at: int
    hold: Hold
    receipt: Receipt
    charged: int


def start() -> None:
    """Begin to send traces if OTEL_EXPORTER_OTLP_ENDPOINT is set. A worker does this at its start.

    The exporter and the sampler read their own settings, OTEL_EXPORTER_OTLP_* and OTEL_TRACES_*.
    They are loaded only now, because they take 15 MB.
    """
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT or traces.provider:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({SERVICE_NAME: settings.OTEL_SERVICE_NAME})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    traces.provider = provider


def stop() -> None:
    """Send what waits, for a few seconds at most, and end."""
    provider, traces.provider = traces.provider, None
    if provider:
        sending = threading.Thread(target=provider.shutdown, daemon=True)
        sending.start()
        sending.join(_PATIENCE_SECONDS)


def record(story: Story) -> None:
    """Make the spans of a settled request."""
    if traces.provider is None:
        return
    tracer = traces.provider.get_tracer(_SERVICE)
    began, admitted, reserved = story.times
    ended = time.time_ns()
    root = _root(tracer, story, began)
    _child(tracer, root, "admit", began, admitted)
    _child(tracer, root, "reserve", admitted, reserved, {"tokengate.reserved": story.hold.amount})
    for number, attempt in enumerate(story.receipt.attempts):
        _attempt(tracer, root, story, number, attempt)
    charged = {"tokengate.charged": story.charged}
    _child(tracer, root, "settle", story.settling_at, ended, charged)
    root.end(ended)


def _root(tracer: Any, story: Story, began: int) -> "Span":
    from opentelemetry.trace import SpanKind, Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    receipt = story.receipt
    span: Span = tracer.start_span(
        f"POST {story.endpoint}",
        context=TraceContextTextMapPropagator().extract({"traceparent": story.traceparent}),
        kind=SpanKind.SERVER,
        start_time=began,
        attributes={
            "http.request.method": "POST",
            "http.route": story.endpoint,
            "user.id": str(story.hold.user_id),
            "tokengate.request_id": story.request_id,
            "tokengate.status": str(receipt.status),
            "tokengate.charged": story.charged,
            "tokengate.final": receipt.final,
        },
    )
    if receipt.status == "failed":
        span.set_status(Status(StatusCode.ERROR))
    return span


def _attempt(tracer: Any, root: "Span", story: Story, number: int, attempt: dict[str, Any]) -> None:
    """Make the span of one attempt. That of the answer lasts until the answer has ended."""
    from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

    outcome, ended = attempt["outcome"], story.tried_at[number]
    answers = outcome == "ok"
    operation = _OPERATIONS.get(story.endpoint, "chat")
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": attempt["provider"],
        "gen_ai.request.model": story.receipt.model,
        "gen_ai.request.stream": story.receipt.streamed,
    }
    if attempt["status"]:
        attributes["http.response.status_code"] = attempt["status"]
    if answers:
        attributes |= _answer(story.receipt)
    else:
        attributes["error.type"] = outcome
    span = tracer.start_span(
        f"{operation} {story.receipt.model}",
        context=set_span_in_context(root),
        kind=SpanKind.CLIENT,
        start_time=ended - attempt["ms"] * _NS_OF_MS,
        attributes=attributes,
    )
    if not answers or story.receipt.status == "failed":
        span.set_status(Status(StatusCode.ERROR))
    span.end(story.settling_at if answers else ended)


def _answer(receipt: Receipt) -> dict[str, Any]:
    found: dict[str, Any] = {
        "gen_ai.usage.input_tokens": receipt.prompt_tokens,
        "gen_ai.usage.output_tokens": receipt.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": receipt.cached_tokens,
        "gen_ai.usage.cache_creation.input_tokens": receipt.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": receipt.reasoning_tokens,
    }
    if receipt.upstream_id:
        found["gen_ai.response.id"] = receipt.upstream_id
    if receipt.first_byte_ms is not None:
        found["gen_ai.response.time_to_first_chunk"] = receipt.first_byte_ms / 1000
    return found


def _child(
    tracer: Any,
    root: "Span",
    name: str,
    began: int,
    ended: int,
    attributes: dict[str, Any] | None = None,
) -> None:
    from opentelemetry.trace import set_span_in_context

    context = set_span_in_context(root)
    span = tracer.start_span(name, context=context, start_time=began, attributes=attributes)
    span.end(ended)
