"""The catalog: which models there are, at what weight, and who serves them at what price."""

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Model(models.Model):
    class Kind(models.TextChoices):
        CHAT = "chat"
        EMBEDDING = "embedding"

    name = models.CharField(
        primary_key=True, max_length=200, help_text="What clients ask for: openai/gpt-5-mini."
    )
    title = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.CHAT)
    context_length = models.IntegerField(null=True, blank=True, help_text="In tokens.")
    max_output_tokens = models.IntegerField(null=True, blank=True)
    weight_prompt = models.DecimalField(
        max_digits=8, decimal_places=3, default=Decimal(1), help_text="Tokens charged for each."
    )
    weight_completion = models.DecimalField(
        max_digits=8, decimal_places=3, default=Decimal(1), help_text="Tokens charged for each."
    )
    visible = models.BooleanField(default=True, help_text="Uncheck to withdraw it.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="model_weights_not_negative",
                condition=Q(weight_prompt__gte=0) & Q(weight_completion__gte=0),
            )
        ]

    def __str__(self) -> str:
        return self.name


class Route(models.Model):
    """One provider's way to serve a model. Lower priority is asked first."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="routes")
    provider = models.CharField(max_length=64)
    upstream_name = models.CharField(max_length=200, help_text="The provider's name for it.")
    price_prompt = models.DecimalField(
        max_digits=18, decimal_places=12, null=True, blank=True, help_text="USD per token."
    )
    price_completion = models.DecimalField(
        max_digits=18, decimal_places=12, null=True, blank=True, help_text="USD per token."
    )
    priority = models.IntegerField(default=100)
    enabled = models.BooleanField(default=True)
    synced_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="route_once_per_provider", fields=["model", "provider"])
        ]

    def __str__(self) -> str:
        return f"{self.model_id} by {self.provider}"
