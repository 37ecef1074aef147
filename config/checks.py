"""System checks of the production settings.

tokengate.E001  SECRET_KEY is missing, short or a placeholder
tokengate.E002  DEBUG is on while DATABASE_URL is set
tokengate.E003  ALLOWED_HOSTS is empty or allows every host
tokengate.E004  the embedded database or Redis is used without DEBUG
tokengate.E005  a CORS origin is a wildcard
tokengate.E006  IDP_OIDC_PRIVATE_KEY is missing, or is no RSA key
tokengate.E007  the Stripe key, its webhook secret or STRIPE_API_BASE is missing or cannot be right
tokengate.E008  USAGE_RETENTION_DAYS is too short
tokengate.E009  neither PUBLIC_URL nor ALLOWED_HOSTS says where links in email lead
tokengate.E010  DEBUG is on while the site can be reached from elsewhere
tokengate.E011  SITE_LOGO, SITE_ACCENT or SITE_ACCENT_DARK cannot be used
tokengate.E012  CLICKHOUSE_URL is no address of ClickHouse's HTTP interface
tokengate.W001  no LLM provider is configured
tokengate.W002  emails are printed to the console
tokengate.W003  text on SITE_ACCENT is hard to read
"""

import re
import sys
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from core.env import secret_is_weak
from core.links import named_hosts
from core.pages import colors

# core/static/site/site.css: --on-accent, light and dark.
_TEXT_ON = {"SITE_ACCENT": "#ffffff", "SITE_ACCENT_DARK": "#0b1029"}
_READABLE = 4.5  # WCAG AA


@register(Tags.security, deploy=True)
def production_is_safe(**_: Any) -> list[CheckMessage]:
    """Run with `manage.py check --deploy`, and whenever a web worker starts with DEBUG off."""
    found: list[CheckMessage] = []
    if secret_is_weak(settings.SECRET_KEY):
        hint = "Set SECRET_KEY to 50 or more random characters: openssl rand -base64 48"
        found.append(Error("SECRET_KEY is missing or weak.", hint=hint, id="tokengate.E001"))
    if settings.DEBUG and "DATABASE_URL" not in settings.EMBEDDED_SERVERS:
        hint = "Unset DEBUG."
        found.append(Error("DEBUG is on.", hint=hint, id="tokengate.E002"))
    found += _wrong_with_hosts()
    if settings.EMBEDDED_SERVERS and not settings.DEBUG:
        hint = "Set DATABASE_URL and REDIS_URL."
        found.append(Error("An embedded server is in use.", hint=hint, id="tokengate.E004"))
    if "*" in settings.CORS_ALLOWED_ORIGINS:
        hint = "Name the origins in CORS_ALLOWED_ORIGINS."
        found.append(Error("CORS is open to everyone.", hint=hint, id="tokengate.E005"))
    if not _is_rsa_key(settings.IDP_OIDC_PRIVATE_KEY):
        hint = "Set IDP_OIDC_PRIVATE_KEY to a PEM key: openssl genrsa 2048"
        message = "IDP_OIDC_PRIVATE_KEY is missing or no RSA key."
        found.append(Error(message, hint=hint, id="tokengate.E006"))
    days, least = settings.USAGE_RETENTION_DAYS, settings.USAGE_RETENTION_AT_LEAST
    if days and days < least:
        hint = f"Set it to {least} or more, or to 0 to keep all usage."
        found.append(Error("USAGE_RETENTION_DAYS is too short.", hint=hint, id="tokengate.E008"))
    if settings.CLICKHOUSE_URL and not _is_http(settings.CLICKHOUSE_URL):
        hint = (
            "Set it to an address such as https://user:password@clickhouse.example:8443/tokengate"
        )
        found.append(Error("CLICKHOUSE_URL cannot be right.", hint=hint, id="tokengate.E012"))
    hint = "See https://dashboard.stripe.com/apikeys and /webhooks, or sell nothing: unset both."
    found += [Error(wrong, hint=hint, id="tokengate.E007") for wrong in _wrong_with_stripe()]
    return found


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def debug_stays_here(**_: Any) -> list[CheckMessage]:
    """Look, when a web worker starts with DEBUG on, whether only this machine can reach it.

    Its error pages show settings and code, and the secrets of development are known.
    """
    hosts = [settings.HOST, *settings.ALLOWED_HOSTS]
    public = [host for host in hosts if not _is_loopback(host)]
    if not public:
        return []
    hint = "Unset DEBUG; or for development listen on 127.0.0.1 (HOST), and unset ALLOWED_HOSTS."
    message = f"DEBUG is on, and the site may be reached from elsewhere: {', '.join(public)}."
    return [Error(message, hint=hint, id="tokengate.E010")]


def _is_loopback(host: str) -> bool:
    name = host.strip("[]").removeprefix(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return not name  # an empty name is no name: nobody is let in by it


@register(deploy=True)
def something_answers_prompts(**_: Any) -> Sequence[CheckMessage]:
    """Warn if no provider is configured."""
    if settings.UPSTREAMS:
        return []
    hint = "Set OPENROUTER_API_KEY, GLAMA_API_KEY, REQUESTY_API_KEY or UPSTREAM_BASE_URL."
    return [Warning("No LLM provider is configured.", hint=hint, id="tokengate.W001")]


@register(deploy=True)
def messages_reach_users(**_: Any) -> Sequence[CheckMessage]:
    """Warn if email is not sent."""
    if "console" not in settings.EMAIL_BACKEND:
        return []
    hint = "Set EMAIL_URL, such as smtp+tls://user:password@smtp.example.com:587"
    return [Warning("Emails are printed to the console.", hint=hint, id="tokengate.W002")]


@register(Tags.compatibility)
def site_can_be_drawn(**_: Any) -> Iterator[CheckMessage]:
    """Look at the name, logo and colors of the pages."""
    if not settings.SITE_NAME.strip():
        yield Error("SITE_NAME is empty.", hint="Unset it, or name the site.", id="tokengate.E011")
    if settings.SITE_LOGO and not re.fullmatch(r"/[^/].*", settings.SITE_LOGO):
        hint = (
            "Pages load nothing from elsewhere: use a path of this site, such as /static/logo.svg"
        )
        yield Error("SITE_LOGO is no path of this site.", hint=hint, id="tokengate.E011")
    for name in ("SITE_ACCENT", "SITE_ACCENT_DARK"):
        color = getattr(settings, name)
        if color and not colors.is_color(color):
            yield Error(f"{name} is no color.", hint="Write it as #3056d3", id="tokengate.E011")
        elif color and (found := colors.contrast(color, _TEXT_ON[name])) < _READABLE:
            hint = f"Choose a {'darker' if name == 'SITE_ACCENT' else 'lighter'} color."
            message = f"Text on {name} has a contrast of {found:.1f}; 4.5 is needed."
            yield Warning(message, hint=hint, id="tokengate.W003")


def refuse_to_start_unsafely() -> None:
    """End the process with the list of errors, when a setting is unsafe. DEBUG is for loopback."""
    check = debug_stays_here if settings.DEBUG else production_is_safe
    errors = [each for each in check() if each.is_serious()]
    if errors:
        sys.exit("Not starting:\n" + "\n".join(f"  {e}" for e in errors))


def _wrong_with_hosts() -> Iterator[Error]:
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        hint = "Set ALLOWED_HOSTS to the host names of this site."
        yield Error("ALLOWED_HOSTS is open or empty.", hint=hint, id="tokengate.E003")
    elif not settings.PUBLIC_URL and not named_hosts():
        hint = "Set PUBLIC_URL to the address of this site, such as https://api.example.com"
        yield Error("Links in email would not work.", hint=hint, id="tokengate.E009")


def _wrong_with_stripe() -> Iterator[str]:
    key, secret = settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET
    if not key and not secret:
        return
    if not re.fullmatch(r"[sr]k_(live|test)_[A-Za-z0-9]{16,}", key):
        yield "STRIPE_SECRET_KEY is no secret key of Stripe's."
    if not re.fullmatch(r"whsec_[A-Za-z0-9+/=]{24,}", secret):
        yield "STRIPE_WEBHOOK_SECRET is no signing secret of Stripe's: its events would be refused."
    if not settings.STRIPE_API_BASE.startswith("https://"):
        yield "STRIPE_API_BASE is not https."


def _is_rsa_key(pem: str) -> bool:
    """Tell whether this is a private RSA key of 2048 or more bits, in PEM."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048
