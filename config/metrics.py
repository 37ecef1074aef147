"""`GET /metrics`, for Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/.

Counters of a process (`instruments`, the apps' `metrics`) are shared by all workers of a server in
PROMETHEUS_MULTIPROC_DIR, which gunicorn's configuration sets. Values from PostgreSQL or Redis are
read at each scrape and are the same on every server.
"""

import hmac
import os
from collections.abc import Callable, Iterator

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from config import tasks
from core import instruments, operations
from core.http.client import client_address
from llmproxy.routing import health
from tokens import metrics as tokens
from tokens.analytics import outbox
from tokens.usage import partitions

_OURS = "tokengate_"

Source = Callable[[], Iterator[Metric]]

# A source that cannot be read is named in tokengate_scrape_failed, and does not touch the others.
_SOURCES: dict[str, Source] = {
    "reservations": tokens.stored,
    "reconciliation": tokens.reconciliation,
    "partitions": partitions.stored,
    "analytics": outbox.stored,
    "replication": tokens.replication,
    "spool": tokens.spooled,
    "tasks": tasks.stored,
    "money": tasks.money,
    "providers": health.stored,
    "operations": operations.stored,
}


@require_safe
@never_cache
def scrape(request: HttpRequest) -> HttpResponse:
    """Answer whoever has METRICS_TOKEN. Without one: only this machine, and only with DEBUG."""
    if not _is_allowed(request):
        raise Http404
    instruments.write()
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def _is_allowed(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    return bool(settings.DEBUG) and client_address(request) in ("127.0.0.1", "::1", "0.0.0.0")  # nosec B104  # noqa: S104 - a unix socket's peer


def stored() -> list[Metric]:
    """Return what a scrape reads from outside of this process."""
    return list(_Stored().collect())


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry.register(_OfAllWorkers())
    else:
        registry.register(REGISTRY)
    registry.register(_Stored())
    return registry


class _OfAllWorkers(Collector):
    """What the workers of this server count, and the names of what none of them has counted yet.

    So dashboards and alerts can be checked against a server that has done little.
    """

    def collect(self) -> Iterator[Metric]:
        counted = MultiProcessCollector(None).collect()  # type: ignore[no-untyped-call]
        found = {metric.name: metric for metric in counted}
        for declared in REGISTRY.collect():
            if declared.name.startswith(_OURS) and declared.name not in found:
                empty = Metric(declared.name, declared.documentation, declared.type)
                found[declared.name] = empty
        yield from found.values()


class _Stored(Collector):
    """What is kept outside of any process, and whether it could be read."""

    def collect(self) -> Iterator[Metric]:
        failed = GaugeMetricFamily(
            "tokengate_scrape_failed", "1 where figures could not be read.", labels=["source"]
        )
        for name, source in _SOURCES.items():
            figures = _figures(source)
            yield from figures or ()
            failed.add_metric([name], int(figures is None))
        yield failed


def _figures(source: Source) -> list[Metric] | None:
    try:
        return list(source())
    except Exception:  # noqa: BLE001 - metrics tell of an outage, so they outlive it
        return None
