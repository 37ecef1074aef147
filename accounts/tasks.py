"""What Celery does for accounts."""

from celery import shared_task

from accounts import redemption


@shared_task
def forget_expired_grants() -> None:
    """Delete expired tokens of editors, and the marks of codes redeemed long ago."""
    redemption.forget_expired()
