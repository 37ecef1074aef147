"""The responses of the tokens API. Serializers validate and format; only the ledger writes."""

import re
from typing import Any

from rest_framework import serializers

from tokens.models import Balance, Reservation, Tier, UsageRecord

# The largest integer that JSON numbers represent exactly in every client.
MOST_TOKENS = 2**53 - 1

_DIGITS = re.compile(r"-?[0-9]{1,20}")


class WholeNumberField(serializers.IntegerField):
    """A count: an integer, or a string of ASCII digits, which forms send.

    ``int`` would also accept 12.0, 1_2 and the digits of other scripts.
    """

    def to_internal_value(self, data: Any) -> int:
        is_text = isinstance(data, str) and _DIGITS.fullmatch(data)
        if type(data) is not int and not is_text:
            self.fail("invalid")
        return super().to_internal_value(data)


class BalanceSerializer(serializers.ModelSerializer[Balance]):
    """`available = allocated + bonus - used - reserved`, never below zero. In LLM tokens."""

    available = serializers.IntegerField(min_value=0, read_only=True)
    plan = serializers.CharField(source="tier_id", read_only=True)

    class Meta:
        model = Balance
        fields = (
            "allocated",
            "used",
            "reserved",
            "bonus",
            "available",
            "period_start",
            "period_end",
            "plan",
        )
        read_only_fields = fields


class ReserveSerializer(serializers.Serializer[Any]):
    amount = WholeNumberField(min_value=1, max_value=MOST_TOKENS)
    ttl = WholeNumberField(
        min_value=1,
        max_value=3600,
        default=300,
        help_text="Seconds until the reservation expires, unless it is consumed.",
    )


class HeldSerializer(serializers.ModelSerializer[Reservation]):
    class Meta:
        model = Reservation
        fields = ("id", "amount", "expires_at")
        read_only_fields = fields


class LimitsSerializer(serializers.ModelSerializer[Tier]):
    class Meta:
        model = Tier
        fields = (
            "requests_per_minute",
            "tokens_per_minute",
            "concurrent_requests",
            "max_output_tokens",
            "allowed_models",
            "api_keys",
        )
        read_only_fields = fields


class WindowSerializer(serializers.Serializer[Any]):
    """The remaining limits of a minute. `resets_at`: when all of it is available again."""

    limit = serializers.IntegerField()
    remaining = serializers.IntegerField()
    resets_at = serializers.DateTimeField()


class SlotsSerializer(serializers.Serializer[Any]):
    limit = serializers.IntegerField()
    remaining = serializers.IntegerField()


class LimitsNowSerializer(serializers.Serializer[Any]):
    """The limits of plan and key, and what remains of them now. Reading them is not counted."""

    plan = serializers.CharField()
    requests_per_minute = WindowSerializer()
    tokens_per_minute = WindowSerializer()
    concurrent_requests = SlotsSerializer()
    key_requests_per_minute = WindowSerializer(
        allow_null=True, help_text="Null for a session, and for a key without its own limit."
    )
    max_output_tokens = serializers.IntegerField()
    allowed_models = serializers.ListField(child=serializers.CharField())


class TierSerializer(serializers.ModelSerializer[Tier]):
    class Meta:
        model = Tier
        fields = ("name", "title", "monthly_tokens")
        read_only_fields = fields


class CallerSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    email = serializers.EmailField()
    name = serializers.CharField()
    date_joined = serializers.DateTimeField()


class MeSerializer(serializers.Serializer[Any]):
    """Everything that an editor shows, in one response."""

    user = CallerSerializer()
    plan = TierSerializer()
    balance = BalanceSerializer()
    limits = LimitsSerializer()


class AttemptSerializer(serializers.Serializer[Any]):
    provider = serializers.CharField()
    outcome = serializers.CharField()
    status = serializers.IntegerField(allow_null=True)
    ms = serializers.IntegerField()


class UsageRecordSerializer(serializers.ModelSerializer[UsageRecord]):
    """One request. If `final` is false, the provider may still report the final usage."""

    settlement = serializers.SerializerMethodField()
    streamed = serializers.BooleanField(read_only=True)

    class Meta:
        model = UsageRecord
        fields: tuple[str, ...] = (
            "id",
            "request_id",
            "api_key",
            "endpoint",
            "streamed",
            "model",
            "provider",
            "status",
            "source",
            "settlement",
            "prompt_tokens",
            "completion_tokens",
            "cached_tokens",
            "reasoning_tokens",
            "charged",
            "duration_ms",
            "created_at",
            "cache_write_tokens",
            "surplus_tokens",
            "session",
            "task",
        )
        read_only_fields = fields

    def get_settlement(self, record: UsageRecord) -> str:
        return "final" if record.final else "provisional"


class KindSerializer(serializers.Serializer[Any]):
    tokens = serializers.IntegerField()
    weight = serializers.DecimalField(
        max_digits=8, decimal_places=3, allow_null=True, help_text="Null: not recorded."
    )


class KindsSerializer(serializers.Serializer[Any]):
    """A receipt's tokens; each is of one kind. `charged` is their weighted sum, rounded up.

    `completion` includes reasoning; `surplus` is what a reported total has above its parts.
    """

    prompt = KindSerializer()
    cache_read = KindSerializer()
    cache_write = KindSerializer()
    completion = KindSerializer()
    surplus = KindSerializer()


class ReceiptSerializer(UsageRecordSerializer):
    """One request in full; prices and costs in USD, as decimal strings."""

    attempts = AttemptSerializer(many=True, read_only=True)
    kinds = KindsSerializer(read_only=True)

    class Meta(UsageRecordSerializer.Meta):
        fields: tuple[str, ...] = (
            *UsageRecordSerializer.Meta.fields,
            "price_prompt",
            "price_completion",
            "price_cached",
            "price_cache_write",
            "price_request",
            "weight_prompt",
            "weight_completion",
            "weight_cache_read",
            "weight_cache_write",
            "kinds",
            "cost",
            "upstream_cost",
            "upstream_id",
            "attempts",
            "available_before",
            "available_after",
            "first_byte_ms",
        )
        read_only_fields = fields


class UsagePageSerializer(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = UsageRecordSerializer(many=True)


class UsageSumSerializer(serializers.Serializer[Any]):
    """The usage of a day, a model, a provider or a key; cost in USD, null if it is unknown."""

    group = serializers.CharField(allow_null=True, help_text="Null: by a session, without a key.")
    requests = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField()
    reasoning_tokens = serializers.IntegerField()
    charged = serializers.IntegerField()
    cost = serializers.DecimalField(max_digits=30, decimal_places=10, allow_null=True)
    cache_write_tokens = serializers.IntegerField()


class UsageSumsSerializer(serializers.Serializer[Any]):
    results = UsageSumSerializer(many=True)
