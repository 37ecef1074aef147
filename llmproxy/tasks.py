"""What Celery does for the proxy."""

from celery import shared_task

from llmproxy.catalog import drift, sync
from llmproxy.settlement import reconciliation


@shared_task
def reconcile() -> int:
    """Ask the providers for their later words; returns how many receipts became final."""
    report = reconciliation.reconcile()
    return report.adjusted + report.concluded


@shared_task
def sync_models() -> dict[str, int]:
    """Follow the providers' lists; returns how many models each has."""
    return sync.sync_models().synced


@shared_task
def check_drift() -> int:
    """Compare our costs with the providers'; returns how many routes are off."""
    return drift.check_drift()
