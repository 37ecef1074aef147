"""deploy/monitoring/dashboards: Grafana dashboards, made from the metrics that the product has.

``python -m devserver.dashboards --write`` writes them; a test compares them. It needs a migrated
database, which ``make run`` leaves behind. There is one for the
service, one for what it depends on, one for money, and one with a panel for every metric.
"""

import json
import os
import re
import sys
from dataclasses import dataclass
from typing import Any

import django
from prometheus_client import REGISTRY
from prometheus_client.core import Metric

from core.env import BASE_DIR

FOLDER = BASE_DIR / "deploy" / "monitoring" / "dashboards"
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 3
# Read from PostgreSQL or Redis: the same on every server.
_ANY = "max"
_BURN = "1 - tokengate:{0}:ratio_rate3d"


@dataclass(frozen=True)
class Panel:
    """One graph: a title, a query, and Grafana's unit. Its legend has the labels of the query."""

    title: str
    query: str
    unit: str = "short"


def _rate(metric: str, *labels: str, where: str = "") -> str:
    by = f" by ({', '.join(labels)})" if labels else ""
    return f"sum{by} (rate({metric}{{{where}}}[$__rate_interval]))".replace("{}", "")


def _quantile(quantile: float, metric: str, *labels: str) -> str:
    buckets = _rate(f"{metric}_bucket", "le", *labels)
    return f"histogram_quantile({quantile}, {buckets})"


_BOARDS: dict[str, tuple[str, tuple[Panel, ...]]] = {
    "service": (
        "Tokengate service",
        (
            Panel("Availability, 3 days", _BURN.format("request_errors"), "percentunit"),
            Panel("Answers not failed, 3 days", _BURN.format("answer_failures"), "percentunit"),
            Panel("Running requests", "sum by (instance) (tokengate_requests_running)"),
            Panel("Requests", _rate("tokengate_request_seconds_count", "status"), "reqps"),
            Panel(
                "Errors by route",
                _rate("tokengate_request_seconds_count", "route", "status", where='status=~"5.."'),
                "reqps",
            ),
            Panel("Errors by code", _rate("tokengate_errors_total", "code"), "reqps"),
            Panel("p99 by route", _quantile(0.99, "tokengate_request_seconds", "route"), "s"),
            Panel(
                "First content, p95",
                _quantile(0.95, "tokengate_upstream_first_byte_seconds", "provider"),
                "s",
            ),
            Panel("Answers, p95", _quantile(0.95, "tokengate_answer_seconds", "provider"), "s"),
            Panel(
                "Attempts",
                _rate("tokengate_upstream_attempts_total", "provider", "outcome"),
                "reqps",
            ),
            Panel("Providers up", "max by (provider) (tokengate_provider_up)"),
            Panel(
                "Breakers that opened",
                "sum by (provider) (increase(tokengate_breaker_opened_total[1h]))",
            ),
            Panel("Refused by limits", _rate("tokengate_limits_hit_total", "limit"), "reqps"),
            Panel("Event loop lag", "max by (instance) (tokengate_event_loop_lag_seconds)", "s"),
            Panel(
                "Streams read after the client left", "sum by (instance) (tokengate_left_streams)"
            ),
        ),
    ),
    "ledger": (
        "Tokengate ledger and operation",
        (
            Panel(
                "Batches, p99", _quantile(0.99, "tokengate_ledger_batch_seconds", "function"), "s"
            ),
            Panel(
                "Callers of a batch, mean",
                f"{_rate('tokengate_ledger_batch_size_sum', 'function')}"
                f" / {_rate('tokengate_ledger_batch_size_count', 'function')}",
            ),
            Panel("Settlement lag", "max by (instance) (tokengate_settlement_lag_seconds)", "s"),
            Panel("Reservations overdue", f"{_ANY}(tokengate_reservations_overdue_seconds)", "s"),
            Panel("Tokens held", f"{_ANY}(tokengate_tokens_held)"),
            Panel("Spool", "sum by (instance) (tokengate_spool_bytes)", "bytes"),
            Panel("Oldest provisional receipt", "max(tokengate_reconciliation_age_seconds)", "s"),
            Panel("Connections of pools", "sum by (state) (tokengate_pool_connections)"),
            Panel("Pool waits", _rate("tokengate_pool_wait_seconds_total", "instance"), "s"),
            Panel(
                "Connections of the database",
                "max by (state) (tokengate_database_connections)",
            ),
            Panel("Replication lag", "max by (standby) (tokengate_replication_lag_seconds)", "s"),
            Panel("Queue age", f"{_ANY}(tokengate_queue_age_seconds)", "s"),
            Panel("Tasks that fail", "max by (task) (increase(tokengate_tasks_total[1h]))"),
            Panel(
                "Since the last success",
                "time() - max by (operation) (tokengate_operation_success_timestamp_seconds)",
                "s",
            ),
            Panel(
                "Certificate expires in",
                "max(tokengate_certificate_expiry_timestamp_seconds) - time()",
                "s",
            ),
        ),
    ),
    "money": (
        "Tokengate money",
        (
            Panel("Cost of an hour", "max(tokengate_cost_usd_last_hour)", "currencyUSD"),
            Panel("Revenue of an hour", "max by (currency) (tokengate_revenue_last_hour)"),
            Panel(
                "Margin of an hour, USD",
                'max(tokengate_revenue_last_hour{currency="usd"})'
                " - max(tokengate_cost_usd_last_hour)",
                "currencyUSD",
            ),
            Panel("Tokens", _rate("tokengate_tokens_total", "provider", "kind")),
            Panel(
                "Cost by provider, a day",
                "sum by (provider) (increase(tokengate_upstream_cost_usd_total[1d]))",
                "currencyUSD",
            ),
            Panel("Settled", _rate("tokengate_requests_settled_total", "status", "source")),
            Panel("Payments, a day", "sum by (outcome) (increase(tokengate_payments_total[1d]))"),
            Panel("Webhook lag, p90", _quantile(0.9, "tokengate_webhook_lag_seconds"), "s"),
            Panel("Webhook failures", _rate("tokengate_webhook_failures_total", "type")),
        ),
    ),
}


def dashboards() -> dict[str, str]:
    """Return the content of each file by its name. Needs a database and Redis."""
    made = {name: _board(name, title, panels) for name, (title, panels) in _BOARDS.items()}
    made["all"] = _board("all", "Tokengate, every metric", [_usual(m) for m in metrics()])
    return {f"{name}.json": json.dumps(board, indent=1) + "\n" for name, board in made.items()}


def metrics() -> list[Metric]:
    """Return every metric of the product, from the registry and from what a scrape reads.

    Raises ``RuntimeError`` if a source cannot be read: its metrics would be missing.
    """
    import config.urls  # noqa: F401 - imports every module that has metrics
    from config.metrics import stored

    read = stored()
    failed = [
        sample.labels["source"]
        for metric in read
        for sample in metric.samples
        if sample.name == "tokengate_scrape_failed" and sample.value
    ]
    if failed:
        raise RuntimeError(f"Cannot be read: {failed}. The database has to be migrated.")
    found = {metric.name: metric for metric in (*REGISTRY.collect(), *read)}
    return [found[name] for name in sorted(found) if name.startswith("tokengate_")]


def _usual(metric: Metric) -> Panel:
    """Return the panel that shows a metric as its kind is usually shown."""
    title = metric.documentation.rstrip(".")
    name = metric.name
    if metric.type == "histogram":
        return Panel(f"{title} (p95)", _quantile(0.95, name), _unit(name))
    if metric.type == "counter":
        return Panel(title, _rate(f"{name}_total"), "ops")
    return Panel(title, f"max({name})", _unit(name))


def _unit(name: str) -> str:
    if "timestamp" in name:
        return "dateTimeAsIso"
    if re.search(r"seconds|_lag$", name):
        return "s"
    return "bytes" if name.endswith("bytes") else "short"


def _board(name: str, title: str, panels: Any) -> dict[str, Any]:
    return {
        "uid": f"tokengate-{name}",
        "title": title,
        "tags": ["tokengate"],
        "timezone": "utc",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "type": "datasource", "query": "prometheus"}],
        },
        "panels": [_panel(number, panel) for number, panel in enumerate(panels)],
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, _COLUMNS)
    place = {"h": _HEIGHT, "w": _WIDTH, "x": column * _WIDTH, "y": row * _HEIGHT}
    by = re.search(r"by \(([^)]*)\)", panel.query)
    labels = [each.strip() for each in by[1].split(",") if each.strip() != "le"] if by else []
    legend = " ".join(f"{{{{{label}}}}}" for label in labels) or panel.title
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": "A", "datasource": _SOURCE, "expr": panel.query, "legendFormat": legend}
        ],
    }


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    for file, content in dashboards().items():
        if "--write" in sys.argv:
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / file).write_text(content)
        else:
            sys.stdout.write(content)
