"""Serializers of the billing API."""

from typing import Any

from rest_framework import serializers

from billing.models import Interval, Invoice, Plan

INTERVALS = Interval.choices
STATUSES = [
    "none", "incomplete", "trialing", "active", "past_due", "unpaid", "paused", "canceled",
    "incomplete_expired", "checkout",
]  # fmt: skip


class DifferenceSerializer(serializers.Serializer[Any]):
    """What a plan has more than the one it is compared with; negative where it has less."""

    price = serializers.IntegerField(help_text="Cents.")
    monthly_tokens = serializers.IntegerField()
    requests_per_minute = serializers.IntegerField()
    tokens_per_minute = serializers.IntegerField()
    concurrent_requests = serializers.IntegerField()
    max_output_tokens = serializers.IntegerField()
    api_keys = serializers.IntegerField()


class ChangeSerializer(serializers.Serializer[Any]):
    """What changing to a plan means for the caller."""

    kind = serializers.ChoiceField(choices=["none", "upgrade", "downgrade"])
    takes_effect = serializers.ChoiceField(choices=["now", "period_end"], allow_null=True)
    due_now = serializers.IntegerField(help_text="Cents, before discounts and taxes.")


class ComparisonSerializer(serializers.Serializer[Any]):
    """The plan beside another one: ``base``."""

    base = serializers.CharField()
    interval = serializers.ChoiceField(choices=INTERVALS)
    difference = DifferenceSerializer()
    change = ChangeSerializer(allow_null=True, help_text="Null unless the caller is signed in.")


class PlanSerializer(serializers.ModelSerializer[Plan]):
    """A plan; prices in the currency's cents."""

    name = serializers.CharField(source="tier_id")
    title = serializers.CharField(source="tier.title")
    monthly_tokens = serializers.IntegerField(source="tier.monthly_tokens")
    requests_per_minute = serializers.IntegerField(source="tier.requests_per_minute")
    tokens_per_minute = serializers.IntegerField(source="tier.tokens_per_minute")
    concurrent_requests = serializers.IntegerField(source="tier.concurrent_requests")
    max_output_tokens = serializers.IntegerField(source="tier.max_output_tokens")
    allowed_models = serializers.ListField(
        source="tier.allowed_models", child=serializers.CharField()
    )
    api_keys = serializers.IntegerField(source="tier.api_keys")
    features = serializers.DictField(source="tier.features")
    comparison = ComparisonSerializer(required=False, allow_null=True)

    class Meta:
        model = Plan
        fields = (
            "name",
            "title",
            "description",
            "price_month",
            "price_year",
            "currency",
            "trial_days",
            "monthly_tokens",
            "requests_per_minute",
            "tokens_per_minute",
            "concurrent_requests",
            "max_output_tokens",
            "allowed_models",
            "api_keys",
            "features",
            "comparison",
        )


class PlansSerializer(serializers.Serializer[Any]):
    plans = PlanSerializer(many=True)


class CompareSerializer(serializers.Serializer[Any]):
    compare = serializers.CharField(
        required=False, max_length=50, help_text="Compare with this plan, not with the caller's."
    )
    interval = serializers.ChoiceField(choices=INTERVALS, required=False)


class SubscribeSerializer(serializers.Serializer[Any]):
    plan = serializers.CharField(max_length=50)
    interval = serializers.ChoiceField(choices=INTERVALS, default=Interval.MONTH)
    payment_method = serializers.RegexField(
        r"^pm_\w+$",
        required=False,
        allow_null=True,
        max_length=100,
        help_text="A payment method of Stripe.js; without one the answer is a Checkout URL.",
    )
    promotion_code = serializers.CharField(required=False, allow_null=True, max_length=100)


class ChangePlanSerializer(serializers.Serializer[Any]):
    plan = serializers.CharField(max_length=50)
    interval = serializers.ChoiceField(
        choices=INTERVALS, required=False, help_text="As it is now, unless given."
    )


class CancelSerializer(serializers.Serializer[Any]):
    now = serializers.BooleanField(default=False, help_text="At once, not at the period's end.")


class PendingChangeSerializer(serializers.Serializer[Any]):
    plan = serializers.CharField(help_text="`free` when the subscription ends.")
    interval = serializers.ChoiceField(choices=INTERVALS, allow_null=True)
    at = serializers.DateTimeField()


class SubscriptionSerializer(serializers.Serializer[Any]):
    plan = serializers.CharField(help_text="The plan that the caller is on.")
    title = serializers.CharField()
    interval = serializers.ChoiceField(choices=INTERVALS, allow_null=True)
    status = serializers.ChoiceField(choices=STATUSES, help_text="`none`: nothing is paid for.")
    current_period_start = serializers.DateTimeField(help_text="Of the tokens, where none is paid.")
    current_period_end = serializers.DateTimeField()
    cancel_at_period_end = serializers.BooleanField()
    pending_change = PendingChangeSerializer(allow_null=True)
    trial_end = serializers.DateTimeField(allow_null=True)
    grace_until = serializers.DateTimeField(
        allow_null=True, help_text="A payment has failed: until then the plan is kept."
    )


class OutcomeSerializer(SubscriptionSerializer):
    checkout_url = serializers.CharField(
        allow_null=True, help_text="Where the payer goes to pay; the subscription begins there."
    )
    client_secret = serializers.CharField(
        allow_null=True, help_text="The bank wants the payer to confirm: pass this to Stripe.js."
    )


class PortalSerializer(serializers.Serializer[Any]):
    url = serializers.CharField(help_text="Good for some minutes.")


class InvoiceSerializer(serializers.ModelSerializer[Invoice]):
    """An invoice; amounts in the currency's cents."""

    class Meta:
        model = Invoice
        fields = (
            "id",
            "number",
            "plan",
            "status",
            "currency",
            "total",
            "paid",
            "refunded",
            "hosted_url",
            "pdf_url",
            "period_start",
            "period_end",
            "tokens",
            "created_at",
        )
        read_only_fields = fields


class PeriodUsageSerializer(serializers.Serializer[Any]):
    """The running period against its allowance, in tokens."""

    plan = serializers.CharField()
    period_start = serializers.DateTimeField()
    period_end = serializers.DateTimeField()
    allowance = serializers.IntegerField()
    used = serializers.IntegerField(help_text="Of the allowance.")
    bonus = serializers.IntegerField(help_text="What is left of bonus tokens.")
    available = serializers.IntegerField()
    used_percent = serializers.FloatField(allow_null=True, help_text="Null without an allowance.")
    projected_used = serializers.IntegerField(help_text="At the period's end, if it goes on so.")
    runs_out_at = serializers.DateTimeField(
        allow_null=True, help_text="When nothing is left, if that is before the period's end."
    )
