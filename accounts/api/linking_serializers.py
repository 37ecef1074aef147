"""Serializers of linked accounts."""

from typing import Any

from allauth.socialaccount.models import SocialAccount
from rest_framework import serializers

from accounts.api.serializers import PasswordField


class LinkSerializer(serializers.Serializer[Any]):
    provider = serializers.CharField(max_length=200, help_text="github, google or oidc.")
    id_token = serializers.CharField(max_length=16_384, required=False)
    access_token = serializers.CharField(max_length=16_384, required=False)
    password = PasswordField(
        required=False,
        help_text="Needed by a caller who has not signed in within ten minutes.",
    )


class LinkStartedSerializer(serializers.Serializer[Any]):
    authorize_url = serializers.CharField(
        help_text="To be opened in any browser within ten minutes; it works once."
    )
    expires_in = serializers.IntegerField(help_text="Seconds.")


class LinkedAccountSerializer(serializers.ModelSerializer[SocialAccount]):
    name = serializers.SerializerMethodField(help_text="What the provider calls the account.")
    email = serializers.SerializerMethodField()
    connected_at = serializers.DateTimeField(source="date_joined")

    class Meta:
        model = SocialAccount
        fields = ("id", "provider", "uid", "name", "email", "connected_at")

    def get_name(self, account: SocialAccount) -> str:
        claims = _claims(account.extra_data)
        names = ("name", "login", "preferred_username", "email")
        return next((str(claims[each]) for each in names if claims.get(each)), account.uid)

    def get_email(self, account: SocialAccount) -> str | None:
        email = _claims(account.extra_data).get("email")
        return str(email) if email else None


def _claims(extra_data: Any) -> dict[str, Any]:
    """Return what the provider said of the user: OpenID providers say it in two places."""
    data = extra_data if isinstance(extra_data, dict) else {}
    claims = data.get("userinfo") or data.get("id_token") or data
    return claims if isinstance(claims, dict) else {}
