"""Hooks of django-allauth's OpenID provider."""

from collections.abc import Iterable
from typing import Any

from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.idp.oidc.models import Client

from accounts.models import User
from accounts.oidc.editors import GRANTS, SCOPES


class OpenIdAdapter(DefaultOIDCAdapter):  # type: ignore[misc]
    """What editors are told of a user."""

    scope_display = {
        **DefaultOIDCAdapter.scope_display,
        "openid": "Know which user you are",
        "email": "See your email address",
        "profile": "See your name",
        "api": "Use the tokens of your plan, read your account, and manage your subscription",
    }

    def get_claims(
        self, purpose: Any, user: User, client: Client, scopes: Iterable[str], **kwargs: Any
    ) -> dict[str, Any]:
        claims: dict[str, Any] = super().get_claims(purpose, user, client, scopes, **kwargs)
        if "profile" in scopes and user.name:
            claims["name"] = user.name
        return claims

    def populate_server_metadata(self, data: dict[str, Any]) -> None:
        """Tell what the clients of ``accounts.oidc.editors`` can do, and no more."""
        data["scopes_supported"] = list(SCOPES)
        data["response_types_supported"] = ["code"]
        data["grant_types_supported"] = sorted(GRANTS)
