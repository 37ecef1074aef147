"""API keys: listing, creating, changing, rotating and revoking them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.web.pages import visitor
from apikeys import keys
from apikeys.errors import TooManyKeys
from apikeys.models import ApiKey
from billing.api import pages_url
from llmproxy.catalog.snapshot import catalog
from portal import tools
from portal.account.key_form import OVERLAPS, KeyForm, NewKeyForm
from tokens.ledger import open_account
from tokens.tiers import allows

_EXAMPLE = "tgk_…"


@login_required
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """List the keys, with what each has used this month."""
    user = visitor(request)
    usage = keys.usage_this_month(user)
    active = list(keys.active(user))
    ended = user.api_keys.exclude(pk__in=[key.pk for key in active]).order_by("-created_at")
    facts = {
        "keys": [(key, usage.get(str(key.pk))) for key in active],
        "ended": ended[:20],
        "limit": open_account(user.pk).tier.api_keys,
        "tools": _tools(request, _EXAMPLE),
    }
    return render(request, "portal/keys.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Create a key, and show it this once."""
    form = NewKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            key, text = keys.create(user=visitor(request), **form.fields_of_key())
        except TooManyKeys as refused:
            form.add_error(None, refused.message)
        else:
            return _shown_once(request, key, text)
    return render(request, "portal/key_new.html", {"form": form})


@login_required
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Show one key, and change its settings."""
    key = _own(request, key_id)
    form = KeyForm(request.POST or None, initial=KeyForm.of(key))
    if request.method == "POST" and form.is_valid():
        try:
            keys.change(key, **form.fields_of_key())
        except TooManyKeys as refused:
            form.add_error(None, refused.message)
        else:
            messages.success(request, _("The key was changed."))
            return redirect("portal_keys")
    usage = keys.usage_this_month(visitor(request)).get(str(key.pk))
    facts = {"form": form, "key": key, "usage": usage, "overlaps": OVERLAPS}
    return render(request, "portal/key.html", facts)


@require_POST
@login_required
def rotate(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Replace the key's text, and show the new one this once."""
    key = _own(request, key_id)
    given = request.POST.get("overlap", "0")
    seconds = int(given) if given in {str(each) for each, _label in OVERLAPS} else 0
    text = keys.rotate(key, overlap=timedelta(seconds=seconds))
    return _shown_once(request, key, text, rotated=True)


@require_POST
@login_required
def revoke(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Revoke the key at once."""
    key = _own(request, key_id)
    keys.revoke(key)
    messages.success(request, _("The key “%(name)s” was revoked.") % {"name": key.name})
    return redirect("portal_keys")


def _own(request: HttpRequest, key_id: UUID) -> ApiKey:
    """Return a key of the visitor's that was not revoked. Raises ``Http404``."""
    key = visitor(request).api_keys.filter(pk=key_id, revoked_at=None).first()
    if key is None:
        raise Http404
    return key


def _shown_once(
    request: HttpRequest, key: ApiKey, text: str, *, rotated: bool = False
) -> HttpResponse:
    facts = {"key": key, "text": text, "tools": _tools(request, text), "rotated": rotated}
    facts["is_expired"] = key.expires_at is not None and key.expires_at <= timezone.now()
    return render(request, "portal/key_created.html", facts)


def _tools(request: HttpRequest, text: str) -> list[tools.Tool]:
    return tools.settings_for(
        site=pages_url(request),
        key=text,
        model=_model_for(visitor(request)),
        name=settings.SITE_NAME,
    )


def _model_for(user: User) -> str:
    """Return a chat model that the user's plan allows; preferably one for code."""
    patterns = tuple(open_account(user.pk).tier.allowed_models)
    served: list[Any] = [
        model
        for model in catalog.latest().models.values()
        if model.routes and model.kind == "chat" and allows(patterns, model.name)
    ]
    return served[0].name if served else "MODEL"
