"""A preview of every email, with made-up facts, for staff who change the texts."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.http import require_safe

from accounts.adapters import NamedSite
from accounts.models import User
from core import email
from core.email import Email
from core.links import site_host, site_url
from tokens.models import Balance, Tier
from tokens.runaway import Runaway

_AT = datetime(2026, 12, 31, 9, 30, tzinfo=UTC)
# Of django-allauth: the subject and the text are named otherwise.
_OF_ALLAUTH = (
    "account/email/email_confirmation",
    "account/email/password_reset_key",
    "account/email/password_changed",
    "account/email/password_reset",
    "account/email/password_set",
    "account/email/email_changed",
    "account/email/email_confirm",
    "account/email/email_deleted",
    "account/email/account_already_exists",
    "account/email/unknown_account",
    "mfa/email/totp_activated",
    "mfa/email/totp_deactivated",
    "mfa/email/recovery_codes_generated",
    "mfa/email/webauthn_added",
    "mfa/email/webauthn_removed",
    "socialaccount/email/account_connected",
    "socialaccount/email/account_disconnected",
)


@require_safe
@staff_member_required
def listing(request: HttpRequest) -> HttpResponse:
    """List the emails."""
    facts = {**admin.site.each_context(request), "title": "Email", "mails": _names()}
    return render(request, "adminpanel/mails.html", facts | {"languages": settings.LANGUAGES})


@require_safe
@staff_member_required
def preview(request: HttpRequest, name: str) -> HttpResponse:
    """Show an email as HTML, or as the text that is sent beside it."""
    language = request.GET.get("language", "")
    if name not in _names() or (language and language not in dict(settings.LANGUAGES)):
        raise Http404
    found = _composed(name, language or settings.LANGUAGE_CODE)
    if request.GET.get("format") == "text":
        text = f"{found.subject}\n\n{found.text}"
        return HttpResponse(text, content_type="text/plain; charset=utf-8")
    return HttpResponse(found.html)


def _names() -> dict[str, Callable[[], dict[str, Any]]]:
    """Return every email by its name, with what makes up its facts."""
    billing = (
        "payment_failed",
        "plan_ended",
        "trial_ending",
        "plan_changed",
        "top_up_receipt",
        "automatic_top_up_stopped",
        "automatic_top_up_ceiling",
    )
    accounts = ("new_app", "second_factor_removed", "account_deleted")
    return {
        **dict.fromkeys((name.replace("/", ":") for name in _OF_ALLAUTH), _of_allauth),
        **{f"accounts:mail:{name}": _of_accounts for name in accounts},
        **{f"billing:mail:{name}": _of_billing for name in billing},
        "tokens:balance_low": _of_tokens,
        "tokens:runaway": _of_tokens,
    }


def _composed(name: str, language: str) -> Email:
    template, facts = name.replace(":", "/"), _names()[name]()
    if template not in _OF_ALLAUTH:
        return email.compose(template, facts, language=language)
    with translation.override(language):
        subject = email.written(f"{template}_subject.txt", facts).strip()
        text = email.written(f"{template}_message.txt", facts)
        return Email(subject, text, email.as_html(subject, text))


def _person() -> User:
    return User(email="ada@example.com", name="Ada Lovelace")


def _of_allauth() -> dict[str, Any]:
    link = f"{site_url()}/accounts/…"
    return {
        "user": _person(),
        "current_site": NamedSite(name=settings.SITE_NAME, domain=site_host()),
        "email": "ada@example.com",
        "from_email": "ada@example.com",
        "to_email": "ada@example.org",
        "deleted_email": "ada@example.org",
        "activate_url": link,
        "password_reset_url": link,
        "signup_url": link,
        "provider": "GitHub",
        "timestamp": _AT,
        "ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    }


def _of_accounts() -> dict[str, Any]:
    return {
        "user": _person(),
        "app": "Visual Studio Code",
        "origin": "oauth",
        "at": "31 December 2026, 09:30 UTC",
        "address": "203.0.113.7",
        "link": f"{site_url()}/portal/devices/",
    }


def _of_billing() -> dict[str, Any]:
    moments = dict.fromkeys(("grace_until", "trial_end", "period_end", "expires_at"), _AT)
    return {
        **moments,
        "plan": "Pro",
        "next_plan": "Free",
        "ends": False,
        "pay_at": "https://invoice.stripe.com/i/…",
        "tokens": 5_000_000,
        "amount": "22.00 USD",
        "purchase": "0b7c7a8e",
        "automatic": True,
        "why": "declined",
        "ceiling": "50.00 USD",
        "threshold": 100_000,
    }


def _of_tokens() -> dict[str, Any]:
    tier = Tier(name="pro", title="Pro", monthly_tokens=5_000_000)
    balance = Balance(user=_person(), tier=tier, period_end=_AT)
    found = Runaway(0, _AT, 1_200_000, 40_000)
    return {"balance": balance, "level": 80, "left": 1_000_000, "found": found}
