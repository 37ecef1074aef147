"""API keys: a prefix for display and a digest for comparison; the key itself is not stored."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class Scope(models.TextChoices):
    LLM = "llm", "Call language models"
    TOKENS_READ = "tokens:read", "Read balance and usage"
    TOKENS_WRITE = "tokens:write", "Reserve and consume tokens"


def default_scopes() -> list[str]:
    """Give a new key what an editor needs."""
    return [Scope.LLM.value, Scope.TOKENS_READ.value]


class ApiKey(models.Model):
    """A key of a user. A revoked key stays, because usage records refer to it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="api_keys",
        help_text="The owner of the key.",
    )
    name = models.CharField(max_length=100, help_text="The owner's name for the key.")
    prefix = models.CharField(max_length=24, help_text="The beginning of the key, shown in lists.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the key, in hex.")
    scopes = ArrayField(
        models.CharField(max_length=32, choices=Scope),
        default=default_scopes,
        help_text="What the key may do.",
    )
    allowed_ips = ArrayField(
        models.CharField(max_length=43),
        default=list,
        blank=True,
        help_text="Addresses and networks (CIDR) that may use the key; empty: any.",
    )
    requests_per_minute = models.IntegerField(
        null=True, blank=True, help_text="In addition to the plan's limit."
    )
    monthly_token_budget = models.BigIntegerField(
        null=True, blank=True, help_text="Tokens of a calendar month (UTC)."
    )
    session_budget = models.BigIntegerField(
        null=True, blank=True, help_text="Maximum tokens of one session."
    )
    task_budget = models.BigIntegerField(
        null=True, blank=True, help_text="Maximum tokens of one task."
    )
    created_at = models.DateTimeField(default=timezone.now, help_text="When the key was created.")
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="When the key stops being valid. Null: never."
    )
    revoked_at = models.DateTimeField(null=True, blank=True, help_text="When the key was revoked.")
    last_used_at = models.DateTimeField(
        null=True, blank=True, help_text="When the key was last used, to the minute."
    )
    previous_digest = models.CharField(
        max_length=64,
        null=True,
        blank=True,
        unique=True,
        help_text="Digest of the secret before the last rotation.",
    )
    previous_until = models.DateTimeField(
        null=True, blank=True, help_text="How long the previous secret is valid."
    )

    class Meta:
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(
                name="api_key_has_a_scope", condition=models.Q(scopes__len__gte=1)
            ),
            models.CheckConstraint(
                name="api_key_limits_positive",
                condition=models.Q(requests_per_minute__gte=1)
                & models.Q(monthly_token_budget__gte=1),
            ),
            models.CheckConstraint(
                name="api_key_budgets_positive",
                condition=models.Q(session_budget__gte=1) & models.Q(task_budget__gte=1),
            ),
            models.CheckConstraint(
                name="api_key_previous_secret_ends",
                condition=models.Q(previous_digest=None) | models.Q(previous_until__isnull=False),
            ),
        ]
        indexes = [models.Index(name="api_key_by_user", fields=["user", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.prefix}… {self.name}"
