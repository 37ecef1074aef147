"""Serializers of the staff API."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import User
from adminpanel.reports import users
from core.moments import DayField

_DEFAULT_DAYS = 30
_MOST_DAYS = 366


_CENT = Decimal("0.01")
_MOST_DECIMALS = 3
_AS_OF = "The figures have all requests that had been recorded then: now, or some minutes ago."


class _MoneyField(serializers.DecimalField):
    """Whole currency units, as a decimal string with the decimals that the currency has.

    Costs of models are fractions of a cent, and nothing is of no currency: both have two decimals.
    """

    def quantize(self, value: Decimal) -> Decimal:
        exponent = value.as_tuple().exponent
        is_of_a_currency = isinstance(exponent, int) and exponent >= -_MOST_DECIMALS
        return value if value and is_of_a_currency else value.quantize(_CENT)


def _money(**kwargs: Any) -> serializers.DecimalField:
    return _MoneyField(max_digits=30, decimal_places=3, **kwargs)


class UserQuerySerializer(serializers.Serializer[Any]):
    search = serializers.CharField(max_length=200, required=False, help_text="In email and name.")
    plan = serializers.SlugField(max_length=50, required=False)
    status = serializers.ChoiceField(choices=sorted(users.STATUSES), required=False)
    ordering = serializers.ChoiceField(
        choices=[sign + name for name in users.ORDERINGS for sign in ("", "-")],
        default="-date_joined",
    )


class UserTokensSerializer(serializers.Serializer[Any]):
    allocated = serializers.IntegerField(default=0)
    used = serializers.IntegerField(default=0)
    bonus = serializers.IntegerField(default=0)
    reserved = serializers.IntegerField(default=0)
    period_end = serializers.DateTimeField(default=None, allow_null=True)


class StaffUserSerializer(serializers.ModelSerializer[User]):
    plan = serializers.CharField()
    status = serializers.SerializerMethodField()
    tokens = serializers.SerializerMethodField()
    available = serializers.IntegerField()
    last_seen = serializers.DateTimeField(allow_null=True)

    class Meta:
        model = User
        fields = (
            "id",
            "email",
            "name",
            "plan",
            "status",
            "is_staff",
            "tokens",
            "available",
            "date_joined",
            "last_seen",
        )

    def get_status(self, user: User) -> str:
        return users.status_of(user)

    @extend_schema_field(UserTokensSerializer)
    def get_tokens(self, user: Any) -> Any:
        opening = {"allocated": user.allocated}
        return UserTokensSerializer(getattr(user, "balance", opening)).data


class PlanChangeSerializer(serializers.Serializer[Any]):
    plan = serializers.SlugField(max_length=50)
    reason = serializers.CharField(max_length=200, help_text="For the audit log.")


class UsageQuerySerializer(serializers.Serializer[Any]):
    """`from` and `to` are days (UTC), both included; without them the last 30 days."""

    group_by = serializers.ChoiceField(
        choices=["day", "model", "provider", "plan"], default=None, allow_null=True
    )

    def get_fields(self) -> dict[str, Any]:
        day = DayField(default=None, allow_null=True)  # `from` is no name in Python
        return {**super().get_fields(), "from": day, "to": DayField(default=None)}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        last = attrs["to"] or timezone.now().date()
        first = attrs["from"] or last - timedelta(days=_DEFAULT_DAYS - 1)
        if not timedelta() <= last - first < timedelta(days=_MOST_DAYS):
            message = f"Choose at most {_MOST_DAYS} days; the first must not be after the last."
            raise serializers.ValidationError({"from": message})
        return {
            "group": attrs["group_by"],
            "since": datetime.combine(first, time(), UTC),
            "until": datetime.combine(last, time(), UTC) + timedelta(days=1),
        }


class LatencySerializer(serializers.Serializer[Any]):
    """Percentiles of answered requests, read from a histogram: within 5 % of the exact ones."""

    p50 = serializers.IntegerField(allow_null=True)
    p95 = serializers.IntegerField(allow_null=True)
    p99 = serializers.IntegerField(allow_null=True)


class StaffUsageSumSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(
        allow_null=True, help_text="The day, model, provider or plan; null: all of it."
    )
    requests = serializers.IntegerField()
    users = serializers.IntegerField(
        allow_null=True, help_text="Who had a request: in all, or on a day; of others null."
    )
    errors = serializers.IntegerField(  # type: ignore[assignment]  # DRF takes it off the class
        help_text="Requests that the providers failed."
    )
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    charged = serializers.IntegerField()
    cost = serializers.DecimalField(max_digits=30, decimal_places=10, help_text="USD.")
    latency_ms = LatencySerializer()


class UsageStatsSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(help_text="Exclusive.")
    as_of = serializers.DateTimeField(help_text=_AS_OF)
    total = StaffUsageSumSerializer()
    rows = StaffUsageSumSerializer(many=True, help_text="Empty without `group_by`.")


class RevenueQuerySerializer(serializers.Serializer[Any]):
    months = serializers.IntegerField(min_value=1, max_value=36, default=12)
    currency = serializers.RegexField(r"^[a-z]{3}$", default="usd", help_text="ISO 4217.")


class PlanRevenueSerializer(serializers.Serializer[Any]):
    plan = serializers.CharField()
    revenue = _money()


class MonthSerializer(serializers.Serializer[Any]):
    month = serializers.CharField(help_text="YYYY-MM, UTC.")
    revenue = _money(help_text="Paid invoices, less refunds.")
    by_plan = PlanRevenueSerializer(many=True)
    new = serializers.IntegerField(help_text="Subscriptions that began.")
    churned = serializers.IntegerField(help_text="Subscriptions that ended.")
    churn_rate = serializers.FloatField(
        allow_null=True, help_text="Of those at the month's start; null where there were none."
    )
    purchases = _money(help_text="Of packs of tokens; part of the revenue.")
    failed_payments = serializers.IntegerField()
    upstream_cost = _money(help_text="USD.")
    margin = _money(help_text="Revenue less upstream cost; of use where the currency is USD.")


class PlanMrrSerializer(serializers.Serializer[Any]):
    plan = serializers.CharField()
    subscribers = serializers.IntegerField()
    mrr = _money()


class RevenueSerializer(serializers.Serializer[Any]):
    currency = serializers.CharField()
    as_of = serializers.DateTimeField(help_text=f"Of the upstream costs. {_AS_OF}")
    mrr = _money(help_text="Monthly price of all active subscriptions, at list prices.")
    plans = PlanMrrSerializer(many=True)
    months = MonthSerializer(many=True)
