"""Tiers: the limits and features of plans."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


def any_model() -> list[str]:
    """Allow every model: the default of ``Tier.allowed_models``."""
    return ["*"]


class Tier(models.Model):
    """The entitlement of a plan, which billing assigns and the proxy reads."""

    name = models.SlugField(primary_key=True, help_text="free, pro, enterprise …")
    title = models.CharField(max_length=80, help_text="The name to show.")
    monthly_tokens = models.BigIntegerField(help_text="Allowance of each period, in tokens.")
    requests_per_minute = models.IntegerField(default=60, help_text="0: none.")
    tokens_per_minute = models.BigIntegerField(
        default=100_000,
        help_text="A request counts as its reservation, and later as its charge. 0: none.",
    )
    concurrent_requests = models.IntegerField(default=8, help_text="0: none.")
    max_output_tokens = models.IntegerField(default=8192, help_text="Per request.")
    allowed_models = ArrayField(
        models.CharField(max_length=200),
        default=any_model,
        help_text="Patterns such as openai/* or *:free.",
    )
    api_keys = models.IntegerField(
        "API keys", default=5, help_text="Maximum number of keys of a user."
    )
    features = models.JSONField(
        default=dict, blank=True, help_text="Feature flags that clients may read."
    )
    carries_over = models.BooleanField(
        default=False,
        help_text="Unused allowance is carried into the next period, up to one allowance.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="tier_limits_not_negative",
                condition=Q(monthly_tokens__gte=0)
                & Q(requests_per_minute__gte=0)
                & Q(tokens_per_minute__gte=0)
                & Q(concurrent_requests__gte=0)
                & Q(max_output_tokens__gte=1)
                & Q(api_keys__gte=0),
            )
        ]

    def __str__(self) -> str:
        return self.title
