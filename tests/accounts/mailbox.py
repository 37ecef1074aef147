"""Reading the messages that were sent, as their recipients would."""

import re
from urllib.parse import unquote

from django.core import mail
from django.core.mail import EmailMessage


def messages_to(email: str) -> list[EmailMessage]:
    return [message for message in mail.outbox if message.to == [email]]


def reset_key(email: str) -> str:
    """Return the key of the last message with a link for a new password."""
    return _key(email, r"/accounts/password/reset/key/([^/\s]+)/")


def verification_key(email: str) -> str:
    """Return the key of the last message with a link that verifies an address."""
    return _key(email, r"/accounts/confirm-email/([^/\s]+)/")


def _key(email: str, pattern: str) -> str:
    keys = [m[1] for each in messages_to(email) if (m := re.search(pattern, str(each.body)))]
    return unquote(keys[-1])
