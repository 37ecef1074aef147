"""What Celery does for the proxy."""

from celery import shared_task

from llmproxy import reconciliation


@shared_task
def reconcile() -> int:
    """Ask the providers for their later words; returns how many receipts became final."""
    report = reconciliation.reconcile()
    return report.adjusted + report.concluded
