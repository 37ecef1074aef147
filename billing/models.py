"""What is sold: plans. What a plan allows stands in its tier (tokens)."""

from django.db import models
from django.db.models import Q

from tokens.models import Tier


class Plan(models.Model):
    tier = models.OneToOneField(
        Tier, on_delete=models.PROTECT, primary_key=True, related_name="plan"
    )
    description = models.CharField(max_length=200, blank=True)
    price_month = models.PositiveIntegerField(default=0, help_text="In the currency's cents.")
    price_year = models.PositiveIntegerField(default=0, help_text="In the currency's cents.")
    currency = models.CharField(max_length=3, default="usd")
    position = models.PositiveSmallIntegerField(default=0, help_text="Order in the price list.")
    public = models.BooleanField(default=True)

    class Meta:
        ordering = ("position",)
        constraints = [
            models.CheckConstraint(
                name="plan_currency_lower_case", condition=Q(currency__regex="^[a-z]{3}$")
            )
        ]

    def __str__(self) -> str:
        return self.tier.title
