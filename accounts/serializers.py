"""The JSON of accounts and sessions: what is taken, what is given."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from rest_framework import serializers

from accounts.models import Session, User
from accounts.sessions import Pair


class LowerCaseEmailField(serializers.EmailField):
    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data).lower()


class DeviceSerializer(serializers.Serializer[Any]):
    device_name = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="Names the session in the list of devices; X-Client-Name does the same.",
    )


class RegisterSerializer(DeviceSerializer):
    email = LowerCaseEmailField(max_length=254)
    password = serializers.CharField(max_length=1024, trim_whitespace=False, write_only=True)
    name = serializers.CharField(max_length=150, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            validate_password(attrs["password"], User(email=attrs["email"], name=attrs["name"]))
        except ValidationError as weak:
            raise serializers.ValidationError({"password": weak.messages}) from weak
        return attrs


class LoginSerializer(DeviceSerializer):
    email = LowerCaseEmailField(max_length=254)
    password = serializers.CharField(max_length=1024, trim_whitespace=False, write_only=True)


class RefreshSerializer(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=4096)


class LogoutSerializer(serializers.Serializer[Any]):
    all = serializers.BooleanField(default=False, help_text="Sign every device out.")


class UserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "email", "name", "date_joined")
        read_only_fields = ("id", "email", "date_joined")
        extra_kwargs = {"name": {"required": True}}


class PairSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds that the access token is good for.")
    token_type = serializers.CharField(help_text="Bearer.")


class SignedInSerializer(PairSerializer):
    user = UserSerializer()


class SessionSerializer(serializers.ModelSerializer[Session]):
    current = serializers.SerializerMethodField(help_text="Whether this very request came by it.")

    class Meta:
        model = Session
        fields = ("id", "name", "created_at", "last_used_at", "expires_at", "current")

    def get_current(self, session: Session) -> bool:
        current: UUID = self.context["current"]
        return session.pk == current


def pair_body(pair: Pair) -> dict[str, Any]:
    return {**asdict(pair), "token_type": "Bearer"}
