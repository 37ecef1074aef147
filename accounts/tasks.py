"""Celery tasks of accounts."""

from celery import shared_task

from accounts import notices, security_log
from accounts.flows import deletion, factor_secrets, redemption
from accounts.sessions import browser_sessions, session_pairs
from accounts.sessions.browser_store import SessionStore


@shared_task
def forget_what_has_expired() -> None:
    """Delete what is good for nothing: sessions, grants of editors, and old security events."""
    redemption.forget_expired()
    session_pairs.forget_expired()
    browser_sessions.forget_expired()
    security_log.forget_old()
    SessionStore.clear_expired()
    deletion.mark_deleted()


@shared_task
def encrypt_second_factors() -> None:
    """Encrypt with the present SECRET_KEY the secrets of second factors that are not."""
    factor_secrets.encrypt_again()


@shared_task(autoretry_for=(OSError,), retry_backoff=5, retry_backoff_max=600, max_retries=8)
def send_notice(user_id: int, kind: str, once: str, facts: dict[str, str]) -> None:
    """Send a security notice; when the mail server is away, try again."""
    notices.send(user_id, kind, once, facts)


@shared_task(autoretry_for=(OSError,), retry_backoff=5, retry_backoff_max=600, max_retries=8)
def say_goodbye(address: str, language: str) -> None:
    """Confirm to somebody that their account was deleted, of which nothing else is left."""
    notices.say_goodbye(address, language)
