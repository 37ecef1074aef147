"""Serializers of accounts and sessions."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from rest_framework import serializers

from accounts.addresses import fold
from accounts.models import Session, User
from accounts.sessions.session_pairs import Pair


class FoldedEmailField(serializers.EmailField):
    def to_internal_value(self, data: Any) -> str:
        try:
            return fold(super().to_internal_value(data))
        except ValueError:
            self.fail("invalid")


class PasswordField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=1024, trim_whitespace=False, write_only=True, **kwargs)


class DeviceSerializer(serializers.Serializer[Any]):
    device_name = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="Names the session in the list of devices; X-Client-Name does the same.",
    )


class RegisterSerializer(DeviceSerializer):
    email = FoldedEmailField(max_length=254)
    password = PasswordField()
    name = serializers.CharField(max_length=150, required=False, allow_blank=True, default="")


class LoginSerializer(DeviceSerializer):
    email = FoldedEmailField(max_length=254)
    password = PasswordField()
    code = serializers.CharField(
        max_length=20,
        required=False,
        help_text="Of users with a second factor: from the authenticator app, or a recovery code.",
    )


class PasswordChangeSerializer(serializers.Serializer[Any]):
    current_password = PasswordField(
        required=False, help_text="Not needed by a user who has no password yet."
    )
    new_password = PasswordField()


class EmailSerializer(serializers.Serializer[Any]):
    email = FoldedEmailField(max_length=254)


class PasswordResetSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(
        max_length=200, required=False, help_text="As the message says: <uid>-<token>."
    )
    uid = serializers.CharField(max_length=50, required=False)
    token = serializers.CharField(max_length=150, required=False)
    new_password = PasswordField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "key" not in attrs:
            if not {"uid", "token"} <= attrs.keys():
                raise serializers.ValidationError({"key": ["Send key, or uid and token."]})
            attrs["key"] = f"{attrs['uid']}-{attrs['token']}"
        return attrs


class KeySerializer(serializers.Serializer[Any]):
    key = serializers.CharField(max_length=500, help_text="From the message.")


class MessageSentSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField(help_text="The same, whether or not there is such an account.")


class VerifiedSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField()
    verified = serializers.BooleanField()


class DeletionSerializer(serializers.Serializer[Any]):
    password = PasswordField(
        required=False,
        help_text="Without one to give, the caller must have signed in within ten minutes.",
    )


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
        fields = ("id", "name", "origin", "created_at", "last_used_at", "expires_at", "current")

    def get_current(self, session: Session) -> bool:
        current: UUID = self.context["current"]
        return session.pk == current


def pair_body(pair: Pair) -> dict[str, Any]:
    return {**asdict(pair), "token_type": "Bearer"}  # nosec B105  # a scheme's name
