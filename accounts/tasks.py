"""What Celery does for accounts."""

from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore

from accounts import redemption, sessions


@shared_task
def forget_what_has_expired() -> None:
    """Delete sessions of devices and browsers, and grants of editors, that are good for nothing."""
    redemption.forget_expired()
    sessions.forget_expired()
    SessionStore.clear_expired()
