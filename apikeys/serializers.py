"""Serializers of API keys."""

from datetime import datetime
from ipaddress import ip_network
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apikeys.models import ApiKey, Scope, default_scopes
from tokens.usage.queries import Sums


class KeyUsageSerializer(serializers.Serializer[Any]):
    """What a key has used in this calendar month (UTC)."""

    requests = serializers.IntegerField()
    tokens = serializers.IntegerField(source="charged")


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """A key as lists show it: recognizable, but not usable."""

    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices),
        allow_empty=False,
        max_length=len(Scope),
        default=default_scopes,
    )

    allowed_ips = serializers.ListField(
        child=serializers.CharField(max_length=43),
        max_length=50,
        default=list,
        help_text="Addresses and networks (CIDR) that may use the key; none: any.",
    )
    requests_per_minute = serializers.IntegerField(
        min_value=1, max_value=1_000_000, allow_null=True, default=None
    )
    monthly_token_budget = serializers.IntegerField(
        min_value=1,
        max_value=2**53,
        allow_null=True,
        default=None,
        help_text="Tokens of a calendar month (UTC).",
    )

    session_budget = serializers.IntegerField(
        min_value=1,
        max_value=2**53,
        allow_null=True,
        default=None,
        help_text="Maximum tokens of one session.",
    )
    task_budget = serializers.IntegerField(
        min_value=1,
        max_value=2**53,
        allow_null=True,
        default=None,
        help_text="Maximum tokens of one task.",
    )

    usage = serializers.SerializerMethodField()

    class Meta:
        model = ApiKey
        fields = (
            "id",
            "name",
            "prefix",
            "scopes",
            "allowed_ips",
            "requests_per_minute",
            "monthly_token_budget",
            "session_budget",
            "task_budget",
            "created_at",
            "expires_at",
            "last_used_at",
            "usage",
        )
        read_only_fields = ("id", "prefix", "created_at", "last_used_at")
        extra_kwargs = {"expires_at": {"default": None}}

    @extend_schema_field(KeyUsageSerializer)
    def get_usage(self, key: ApiKey) -> Any:
        """Look the key up in the context's `usage`; one that was just made has used nothing."""
        used = self.context.get("usage", {}).get(str(key.pk), Sums(group=str(key.pk)))
        return KeyUsageSerializer(used).data

    def validate_allowed_ips(self, networks: list[str]) -> list[str]:
        try:
            return sorted({str(ip_network(each, strict=False)) for each in networks})
        except ValueError as unreadable:
            raise serializers.ValidationError(f"{unreadable}.") from unreadable

    def validate_scopes(self, scopes: list[str]) -> list[str]:
        return sorted(set(scopes))

    def validate_expires_at(self, expires_at: datetime | None) -> datetime | None:
        if expires_at and expires_at <= timezone.now():
            raise serializers.ValidationError("This is in the past.")
        return expires_at


class RotationSerializer(serializers.Serializer[Any]):
    overlap_seconds = serializers.IntegerField(
        min_value=0,
        max_value=7 * 86_400,
        default=0,
        help_text="For so long the old key is good beside the new one.",
    )


class NewApiKeySerializer(ApiKeySerializer):
    """A key as it is shown once."""

    key = serializers.CharField(read_only=True, help_text="Shown this once.")

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "key")  # type: ignore[assignment]
