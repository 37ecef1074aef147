"""Recording the result of regular work, such as backups, so that monitoring can alert on it.

Each kind of work has one row, which the last run replaces. ``config.metrics`` shows the rows to
Prometheus.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import DateTimeField, F, Value
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from core.database import at_most
from core.models import Operation

_DETAIL = Operation._meta.get_field("detail").max_length  # noqa: SLF001 - public in Django


@dataclass
class Outcome:
    """What a run reports: a sentence, and figures by name (seconds since the epoch for times)."""

    detail: str = ""
    facts: dict[str, float] = field(default_factory=dict)


def record(
    name: str,
    *,
    succeeded: bool,
    seconds: float = 0.0,
    detail: str = "",
    facts: dict[str, float] | None = None,
    at: datetime | None = None,
) -> None:
    """Record how a run ended. A run that failed keeps the time of the last one that succeeded."""
    ended_at = at or timezone.now()
    values: dict[str, Any] = {
        "succeeded": succeeded,
        "ended_at": ended_at,
        "seconds": seconds,
        "detail": detail[:_DETAIL],
        "facts": facts or {},
    }
    kept = Value(ended_at, DateTimeField()) if succeeded else F("succeeded_at")
    if not Operation.objects.filter(pk=name).update(**values, succeeded_at=kept):
        first = ended_at if succeeded else None
        Operation.objects.update_or_create(name=name, defaults={**values, "succeeded_at": first})


@contextmanager
def recorded(name: str) -> Iterator[Outcome]:
    """Record how the block ends, and how long it took. Its exception is recorded, and raised."""
    outcome, began = Outcome(), time.monotonic()
    try:
        yield outcome
    except BaseException as error:
        seconds = time.monotonic() - began
        detail = str(error) or type(error).__name__
        record(name, succeeded=False, seconds=seconds, detail=detail, facts=outcome.facts)
        raise
    seconds = time.monotonic() - began
    record(name, succeeded=True, seconds=seconds, detail=outcome.detail, facts=outcome.facts)


def stored() -> Iterator[Metric]:
    """Collects the last result of each operation for Prometheus."""
    with at_most(seconds=2):
        rows = list(Operation.objects.order_by("name"))
    succeeded = _gauge("operation_succeeded", "1 if the last run of the operation succeeded.")
    success = _gauge("operation_success_timestamp_seconds", "When it last succeeded.")
    seconds = _gauge("operation_seconds", "How long its last run took.")
    certificate = GaugeMetricFamily(
        "tokengate_certificate_expiry_timestamp_seconds",
        "When the certificate that the probe saw expires.",
    )
    for row in rows:
        succeeded.add_metric([row.name], int(row.succeeded))
        success.add_metric([row.name], row.succeeded_at.timestamp() if row.succeeded_at else 0)
        seconds.add_metric([row.name], row.seconds)
        if "certificate_expires_at" in row.facts:
            certificate.add_metric([], row.facts["certificate_expires_at"])
    yield from (succeeded, success, seconds, certificate)


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tokengate_{name}", text, labels=["operation"])
