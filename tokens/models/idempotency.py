"""Stored responses for repeated requests."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class IdempotentAnswer(models.Model):
    """The response to a request with an `Idempotency-Key`, for its repetitions."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="idempotent_answers",
        help_text="The caller.",
    )
    key = models.CharField(max_length=255, help_text="The Idempotency-Key that the client sent.")
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status = models.SmallIntegerField(default=0, help_text="The HTTP status of the response.")
    body = models.JSONField(null=True, help_text="The body of the response, encrypted.")
    created_at = models.DateTimeField(
        default=timezone.now, db_index=True, help_text="When the request arrived."
    )

    class Meta:
        constraints = [models.UniqueConstraint(name="idempotency_key_once", fields=["user", "key"])]

    def __str__(self) -> str:
        return self.key
