"""Celery tasks of the proxy."""

from celery import shared_task

from llmproxy.catalog import drift, sync
from llmproxy.routing import history
from llmproxy.settlement import reconciliation


@shared_task
def reconcile() -> int:
    """Reconcile provisional receipts; returns how many became final."""
    report = reconciliation.reconcile()
    return report.adjusted + report.concluded


@shared_task
def sync_models() -> dict[str, int]:
    """Update the catalog from the providers' lists; returns how many models each has."""
    return sync.sync_models().synced


@shared_task
def check_drift() -> int:
    """Compare our costs with the providers'; returns how many routes drift too far."""
    return drift.check_drift()


@shared_task
def observe_providers() -> int:
    """Count the present state of each provider, for the status page."""
    history.forget_old()
    return history.observe()
