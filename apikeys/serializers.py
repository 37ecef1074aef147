"""The JSON of API keys."""

from datetime import datetime

from django.utils import timezone
from rest_framework import serializers

from apikeys.models import ApiKey, Scope, default_scopes


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """A key as lists show it: recognisable, but useless."""

    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices),
        allow_empty=False,
        max_length=len(Scope),
        default=default_scopes,
    )

    class Meta:
        model = ApiKey
        fields = ("id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at")
        read_only_fields = ("id", "prefix", "created_at", "last_used_at")
        extra_kwargs = {"expires_at": {"default": None}}

    def validate_scopes(self, scopes: list[str]) -> list[str]:
        return sorted(set(scopes))

    def validate_expires_at(self, expires_at: datetime | None) -> datetime | None:
        if expires_at and expires_at <= timezone.now():
            raise serializers.ValidationError("This is in the past.")
        return expires_at


class NewApiKeySerializer(ApiKeySerializer):
    """A key as it is shown once."""

    key = serializers.CharField(read_only=True, help_text="Shown this once.")

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "key")  # type: ignore[assignment]
