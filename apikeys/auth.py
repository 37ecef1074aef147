"""Authentication with API keys, and their scopes."""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.errors import AppNotAllowed
from accounts.models import User
from accounts.sessions.origins import require_right
from accounts.sessions.session_pairs import Caller, bearer
from apikeys.errors import AddressNotAllowed, InvalidApiKey, KeyScope, UnknownKeyFormat
from apikeys.models import ApiKey
from apikeys.secrets import PREFIX, digest, is_well_formed
from core.errors import NotAuthenticated
from core.http.client import client_address

if TYPE_CHECKING:  # at run time they would come back here, by way of DRF's settings
    from drf_spectacular.openapi import AutoSchema
    from rest_framework.views import APIView

__all__ = [
    "PREFIX",
    "ApiKeyAuthentication",
    "SessionOrScopedKey",
    "credential",
    "good_until",
    "required_scope",
    "verify",
]

TOUCH_EVERY = timedelta(minutes=1)
# Where clients put keys: ours and Anthropic's, Azure's, Google's.
KEY_HEADERS = ("X-API-Key", "api-key", "x-goog-api-key")
# Ours, and other vendors' as their users paste them: none is a session's token.
_KEYS_OF_ANYBODY = (PREFIX, "sk-", "sk_")


def credential(headers: Mapping[str, str]) -> str | None:
    """Return the text that looks like an API key, or None.

    The headers in ``KEY_HEADERS`` win over `Authorization: Bearer tgk_…`.
    """
    for name in KEY_HEADERS:
        if key := headers.get(name, "").strip():
            return key
    token = bearer(headers.get("Authorization", "").encode("latin-1", "replace"))
    return token if token and token.startswith(_KEYS_OF_ANYBODY) else None


def verify(text: str) -> ApiKey:
    """Return the key's row with its user. The authentication class checks the IP address.

    Raises ``InvalidApiKey``. One query, none for a text that can be no key, and one UPDATE a
    minute.
    """
    if not is_well_formed(text):
        raise InvalidApiKey if text.startswith(PREFIX) else UnknownKeyFormat
    key = _found(digest(text))
    _require_active(key)
    _touch(key)
    return key


def good_until(key: ApiKey, text: str) -> datetime | None:
    """Return when this text of the key ends by itself, if ever: it expires, or was rotated away."""
    rotated_away = key.previous_until if digest(text) == key.previous_digest else None
    return min((end for end in (key.expires_at, rotated_away) if end), default=None)


def require_allowed_address(allowed: Sequence[str], address: str) -> None:
    """Raise ``AddressNotAllowed`` unless a network holds the address, or there are none."""
    if allowed and not any(ip_address(address) in ip_network(network) for network in allowed):
        raise AddressNotAllowed


def required_scope(view: Any, method: str) -> str | None:
    """Return the scope that a key needs for this view, or None where no key will do.

    A view says `key_scope = "llm"`, or `key_scopes = {"GET": …, "POST": …}`.
    """
    by_method: Mapping[str, str] = getattr(view, "key_scopes", {})
    scope = by_method.get("GET" if method == "HEAD" else method)
    return scope or getattr(view, "key_scope", None)


def _found(wanted: str) -> ApiKey:
    """Return the key with this digest, or with this one before its last rotation."""
    now = timezone.now()
    either = Q(digest=wanted) | Q(previous_digest=wanted, previous_until__gt=now)
    key = ApiKey.objects.select_related("user").filter(either).first()
    if key is None or not any(
        hmac.compare_digest(stored, wanted) for stored in (key.digest, key.previous_digest or "")
    ):
        raise InvalidApiKey
    return key


def _require_active(key: ApiKey) -> None:
    if key.revoked_at or not key.user.is_active:
        raise InvalidApiKey("This API key has been revoked.")
    if key.expires_at and key.expires_at <= timezone.now():
        raise InvalidApiKey("This API key has expired.")


def _touch(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at <= now - TOUCH_EVERY:
        stale = ApiKey.objects.filter(pk=key.pk, last_used_at=key.last_used_at)
        stale.update(last_used_at=now)


class ApiKeyAuthentication(BaseAuthentication):
    """DRF authentication: sets `request.user`, and `request.auth` to the ``ApiKey``."""

    errors = (InvalidApiKey, AddressNotAllowed)

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        text = credential(request.headers)
        if text is None:
            return None
        inner = request._request  # noqa: SLF001 - DRF offers no public way to it
        key = verify(text)
        require_allowed_address(key.allowed_ips, client_address(inner))
        inner.caller_id = key.user_id  # type: ignore[attr-defined]  # for the access log
        return key.user, key


class SessionOrScopedKey(BasePermission):
    """The default of every view: a key may do what its scopes and the view say, a session all.

    So a view that names no scope is closed to keys: none can manage keys or the account. Sessions
    of editors and devices may read, and do what the view opens to them
    (``accounts.sessions.origins``).
    """

    errors = (KeyScope, AppNotAllowed)

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not request.user.is_authenticated:
            raise NotAuthenticated
        if isinstance(request.auth, ApiKey):
            scope = required_scope(view, request.method or "")
            if scope not in request.auth.scopes:
                raise KeyScope(required=scope)
        if isinstance(request.auth, Caller):
            require_right(request.auth.origin, view, request.method or "")
        return True


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apikeys.auth.ApiKeyAuthentication"
    name = "apiKeyAuth"

    def get_security_requirement(self, auto_schema: "AutoSchema") -> Any:
        """Name the scheme only where a key can get in."""
        scope = required_scope(auto_schema.view, auto_schema.method)
        return {self.name: []} if scope else None

    def get_security_definition(self, auto_schema: "AutoSchema") -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "An API key; `Authorization: Bearer` takes it as well.",
        }
