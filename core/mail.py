"""Email by SMTP that holds no database connection."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp

from core.database import give_back


class SmtpBackend(smtp.EmailBackend):
    """Django's own, but that a mail server may take its time."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        give_back()
        return super().send_messages(email_messages) or 0
