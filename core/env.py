"""Reading environment variables, files that they name, and `.env` in development.

``NAME_FILE`` names a file that holds the value of ``NAME``: secrets as Docker, Kubernetes and
systemd hand them over.
"""

import os
import re
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


class _Variables(environ.fileaware_mapping.FileAwareMapping):  # type: ignore[misc]  # untyped
    """The environment, where a variable or its file may be set, but not both."""

    def __getitem__(self, name: str) -> str:
        file = self.env.get(f"{name}_FILE")
        if file and self.env.get(name):
            raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: unset one.")
        try:
            value: str = super().__getitem__(name)
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error}") from error
        return value.rstrip("\r\n") if file else value


class _Env(environ.Env):  # type: ignore[misc]  # untyped
    ENVIRON = _Variables()


env = _Env()
if "CI" not in os.environ:
    env.read_env(str(BASE_DIR / ".env"))  # Real variables win over the file's.


def database(url: str) -> dict[str, Any]:
    """Return Django's settings for a PostgreSQL URL, also one whose host is a socket's folder.

    A password that the URL does not have is ``DATABASE_PASSWORD``.
    """
    settings: dict[str, Any] = env.db_url_config(url)
    options = settings.setdefault("OPTIONS", {})
    settings["HOST"] = options.pop("host", settings["HOST"])
    settings["PASSWORD"] = settings["PASSWORD"] or env.str("DATABASE_PASSWORD", "")
    return {**settings, "ENGINE": "core.postgresql"}


def secret_is_weak(secret: str) -> bool:
    """Tell whether a signing secret is missing, short, or of too few different characters."""
    placeholder = re.match(r"(?i)(django-insecure|change-?me|secret|insecure|missing)", secret)
    return bool(placeholder) or len(secret) < 50 or len(set(secret)) < 10


def social_providers() -> dict[str, dict[str, Any]]:
    """Return django-allauth's settings of the sign-in providers that the operator has set up."""
    apps = {
        "github": _app(env.str("GITHUB_CLIENT_ID", ""), env.str("GITHUB_CLIENT_SECRET", "")),
        "google": _app(env.str("GOOGLE_CLIENT_ID", ""), env.str("GOOGLE_CLIENT_SECRET", "")),
        "openid_connect": _app(env.str("OIDC_CLIENT_ID", ""), env.str("OIDC_CLIENT_SECRET", "")),
    }
    if app := apps["openid_connect"]:
        app |= {
            "provider_id": "oidc",
            "name": env.str("OIDC_NAME", "Single sign-on"),
            "settings": {"server_url": env.str("OIDC_SERVER_URL", "")},
        }
    providers: dict[str, dict[str, Any]] = {
        name: {"APPS": [app] if app else [], "OAUTH_PKCE_ENABLED": True}
        for name, app in apps.items()
    }
    providers["github"]["SCOPE"] = ["read:user", "user:email"]
    providers["google"]["SCOPE"] = ["profile", "email"]
    return providers


_NATIVE = frozenset(("messages", "responses"))


def native_dialects(names: list[str]) -> frozenset[str] | None:
    """Return the dialects that the operator lists for a provider; None if nothing is listed.

    ``none`` is a list of none. Raises ``ImproperlyConfigured`` for any other name.
    """
    if names == ["none"]:
        return frozenset()
    found = frozenset(filter(None, names))
    if unknown := found - _NATIVE:
        listed = ", ".join(sorted(unknown))
        raise ImproperlyConfigured(f"A provider's dialects are messages and responses: {listed}.")
    return found or None


def _app(client_id: str, secret: str) -> dict[str, Any]:
    return {"client_id": client_id, "secret": secret} if client_id else {}
