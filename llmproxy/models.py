"""The catalog: the models with their weights, and the providers' routes with their prices."""

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Model(models.Model):
    """A model of the catalog, as clients name it."""

    class Kind(models.TextChoices):
        CHAT = "chat"
        EMBEDDING = "embedding"

    name = models.CharField(
        primary_key=True,
        max_length=200,
        help_text="The name in requests, such as openai/gpt-5-mini.",
    )
    title = models.CharField(max_length=200, blank=True, help_text="The name to show.")
    kind = models.CharField(
        max_length=16,
        choices=Kind,
        default=Kind.CHAT,
        help_text="What it produces: text or embeddings.",
    )
    context_length = models.IntegerField(null=True, blank=True, help_text="In tokens.")
    max_output_tokens = models.IntegerField(
        null=True, blank=True, help_text="The most tokens of one answer. Empty: unknown."
    )
    weight_prompt = models.DecimalField(
        max_digits=8, decimal_places=3, default=Decimal(1), help_text="Tokens charged per token."
    )
    weight_completion = models.DecimalField(
        max_digits=8, decimal_places=3, default=Decimal(1), help_text="Tokens charged per token."
    )
    weight_cache_read = models.DecimalField(
        max_digits=8,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="Tokens charged per token read from the cache. Empty: by the ratio of"
        " the provider's prices, else as prompt tokens.",
    )
    weight_cache_write = models.DecimalField(
        max_digits=8,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="Tokens charged per token written to the cache. Empty: by the ratio of"
        " the provider's prices, else as prompt tokens.",
    )
    ratio_cache_read = models.DecimalField(
        max_digits=9,
        decimal_places=6,
        null=True,
        editable=False,
        help_text="The provider's price of a cached token divided by that of a prompt token.",
    )
    ratio_cache_write = models.DecimalField(
        max_digits=9,
        decimal_places=6,
        null=True,
        editable=False,
        help_text="The provider's price of a cache write divided by that of a prompt token.",
    )
    visible = models.BooleanField(
        default=True, help_text="Uncheck to hide the model and refuse requests for it."
    )
    created_at = models.DateTimeField(
        default=timezone.now, help_text="When it was added to the catalog."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="model_weights_not_negative",
                condition=Q(weight_prompt__gte=0) & Q(weight_completion__gte=0),
            ),
            models.CheckConstraint(
                name="model_cache_weights_not_negative",
                condition=Q(weight_cache_read__gte=0) & Q(weight_cache_write__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Route(models.Model):
    """A model at one provider. Routes with a lower priority number are tried first."""

    model = models.ForeignKey(
        Model, on_delete=models.CASCADE, related_name="routes", help_text="The model."
    )
    provider = models.CharField(max_length=64, help_text="The provider, such as openrouter.")
    upstream_name = models.CharField(max_length=200, help_text="The provider's name for it.")
    price_prompt = models.DecimalField(
        max_digits=18, decimal_places=12, null=True, blank=True, help_text="USD per token."
    )
    price_completion = models.DecimalField(
        max_digits=18, decimal_places=12, null=True, blank=True, help_text="USD per token."
    )
    price_cached = models.DecimalField(
        max_digits=18,
        decimal_places=12,
        null=True,
        blank=True,
        help_text="USD per prompt token read from the provider's cache.",
    )
    price_cache_write = models.DecimalField(
        max_digits=18,
        decimal_places=12,
        null=True,
        blank=True,
        help_text="USD per prompt token written to the provider's cache.",
    )
    price_request = models.DecimalField(
        max_digits=18, decimal_places=12, null=True, blank=True, help_text="USD per request."
    )
    capabilities = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        editable=False,
        help_text="Modalities and supported parameters, as the provider lists them.",
    )
    priority = models.IntegerField(
        default=100, help_text="Routes with a lower number are tried first."
    )
    enabled = models.BooleanField(
        default=True, help_text="Uncheck to send no requests on this route."
    )
    listed = models.BooleanField(
        default=True,
        help_text="Whether the provider still lists it. If not, no requests are sent to it.",
    )
    drift = models.DecimalField(
        max_digits=8,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="By how many percent the provider's recent costs exceed those of our prices.",
    )
    synced_at = models.DateTimeField(
        default=timezone.now, help_text="When the provider's list was last read."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(name="route_once_per_provider", fields=["model", "provider"])
        ]

    def __str__(self) -> str:
        return f"{self.model_id} by {self.provider}"


class PriceChange(models.Model):
    """A change of a provider's prices, and its time. It is kept if the route is deleted."""

    model = models.CharField(max_length=200, help_text="The name of the model.")
    provider = models.CharField(max_length=64, help_text="The provider.")
    price_prompt = models.DecimalField(
        max_digits=18, decimal_places=12, null=True, help_text="USD per prompt token."
    )
    price_completion = models.DecimalField(
        max_digits=18, decimal_places=12, null=True, help_text="USD per completion token."
    )
    price_cached = models.DecimalField(
        max_digits=18, decimal_places=12, null=True, help_text="USD per token read from the cache."
    )
    price_cache_write = models.DecimalField(
        max_digits=18, decimal_places=12, null=True, help_text="USD per token written to the cache."
    )
    price_request = models.DecimalField(
        max_digits=18, decimal_places=12, null=True, help_text="USD per request."
    )
    since = models.DateTimeField(default=timezone.now, help_text="From when on.")

    class Meta:
        indexes = [
            models.Index(name="price_change_by_route", fields=["model", "provider", "-since"])
        ]

    def __str__(self) -> str:
        return f"{self.model} by {self.provider} since {self.since:%Y-%m-%d}"


class WeightChange(models.Model):
    """A change of a model's weights, and its time. It is kept if the model is deleted."""

    model = models.CharField(max_length=200, help_text="The name of the model.")
    weight_prompt = models.DecimalField(
        max_digits=8, decimal_places=3, help_text="Tokens charged per prompt token."
    )
    weight_completion = models.DecimalField(
        max_digits=8, decimal_places=3, help_text="Tokens charged per completion token."
    )
    weight_cache_read = models.DecimalField(
        max_digits=8, decimal_places=3, help_text="Tokens charged per token read from the cache."
    )
    weight_cache_write = models.DecimalField(
        max_digits=8, decimal_places=3, help_text="Tokens charged per token written to the cache."
    )
    since = models.DateTimeField(default=timezone.now, help_text="From when on.")

    class Meta:
        indexes = [models.Index(name="weight_change_by_model", fields=["model", "-since"])]

    def __str__(self) -> str:
        return f"{self.model} since {self.since:%Y-%m-%d}"


class Alias(models.Model):
    """Another name for a model. Clients can use it; plans and receipts have the model's name."""

    name = models.CharField(primary_key=True, max_length=200, help_text="The other name.")
    model = models.ForeignKey(
        Model,
        on_delete=models.CASCADE,
        related_name="aliases",
        help_text="The model that it means.",
    )

    class Meta:
        verbose_name_plural = "aliases"

    def __str__(self) -> str:
        return f"{self.name} → {self.model_id}"


class ProviderState(models.Model):
    """Whether staff enabled a provider. A provider without a row is enabled."""

    name = models.CharField(
        primary_key=True, max_length=64, help_text="The provider, such as openrouter."
    )
    enabled = models.BooleanField(default=True, help_text="Uncheck to send no more requests to it.")
    note = models.CharField(max_length=200, blank=True, help_text="Why it was disabled.")

    def __str__(self) -> str:
        return self.name


class ProviderDay(models.Model):
    """How often a provider was observed in which state on a day (UTC): one count a minute."""

    provider = models.CharField(max_length=64, help_text="Its name in the settings.")
    day = models.DateField(help_text="In UTC.")
    up = models.PositiveIntegerField(default=0, help_text="Minutes in which it answered.")
    degraded = models.PositiveIntegerField(default=0, help_text="Minutes with recent failures.")
    down = models.PositiveIntegerField(
        default=0, help_text="Minutes in which no requests were sent to it."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(name="provider_day_unique", fields=["provider", "day"])
        ]

    def __str__(self) -> str:
        return f"{self.provider} on {self.day}"


class Incident(models.Model):
    """What staff tell users about an outage, on the status page."""

    title = models.CharField(max_length=200, help_text="What users notice.")
    text = models.TextField(blank=True, help_text="What happened, and what was done.")
    started_at = models.DateTimeField(default=timezone.now, help_text="In UTC.")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Empty while it lasts.")

    class Meta:
        ordering = ("-started_at",)
        constraints = [
            models.CheckConstraint(
                name="incident_ends_after_start",
                condition=Q(ended_at=None) | Q(ended_at__gte=models.F("started_at")),
            )
        ]

    def __str__(self) -> str:
        return self.title
