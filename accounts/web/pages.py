"""Account pages that django-allauth does not have or does not restrict enough."""

from collections.abc import Callable
from uuid import UUID

from allauth.account import views
from allauth.mfa.totp.views import activate_totp
from allauth.mfa.webauthn.views import add_webauthn
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import security_log
from accounts.errors import EmailTaken, TokenRevoked
from accounts.flows import second_factor, verification
from accounts.flows.reauthentication import is_fresh, sign_in_again
from accounts.flows.redemption import lock_users
from accounts.models import Session, User
from accounts.sessions import browser_sessions, session_pairs
from accounts.web import security_events
from core.errors import InvalidRequest

_EVENTS = 50


def visitor(request: HttpRequest) -> User:
    """Return the user of a page that is closed to strangers."""
    assert isinstance(request.user, User)
    return request.user


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Show the ways to sign in, and where to change each."""
    user = visitor(request)
    facts = {
        "verified": verification.is_verified(user),
        "factor": second_factor.is_set_up(user),
        "passkeys": second_factor.passkeys(user).count(),
        "linked": SocialAccount.objects.filter(user=user),
        "devices": session_pairs.active(user).count(),
        "events": [security_events.shown(event) for event in user.security_events.all()[:5]],
    }
    return render(request, "accounts/home.html", facts)


@login_required
def addresses(request: HttpRequest) -> HttpResponseBase:
    """Do as allauth does, but with the user's row locked, and never with another's address."""
    try:
        with transaction.atomic():
            if not lock_users(pk=visitor(request).pk, epoch=visitor(request).epoch).first():
                raise TokenRevoked  # signed out by another request meanwhile
            response: HttpResponseBase = views.email(request)
            return response
    except IntegrityError as taken:
        raise EmailTaken from taken


@login_required
def set_password(request: HttpRequest) -> HttpResponseBase:
    """Set a first password, soon after signing in."""
    if visitor(request).has_usable_password() or is_fresh(request):
        response: HttpResponseBase = views.password_set(request)
        return response
    return sign_in_again(request, then=request.path)


@login_required
@require_http_methods(["GET", "POST"])
def devices(request: HttpRequest) -> HttpResponse:
    """List what is signed in to the account, and sign one of it out, or all."""
    user = visitor(request)
    alive, own = session_pairs.active(user), browser_sessions.current(request)
    if request.method == "GET":
        browsers = browser_sessions.active(user)
        facts = {"devices": alive, "browsers": browsers, "own": own}
        return render(request, "accounts/devices.html", facts)
    if request.POST.get("device") == "all":
        _sign_out_all(user)
        messages.success(request, _("All devices are signed out."))
    elif request.POST.get("browser") == "others":
        browser_sessions.revoke_others(user, except_=own)
        security_log.note("browsers_signed_out", user_id=user.pk, request=request)
        messages.success(request, _("All other browsers are signed out."))
    elif "browser" in request.POST:
        if browser_sessions.revoke(user, _id_of(request, "browser")):
            messages.success(request, _("Signed out."))
    elif chosen := alive.filter(pk=_id_of(request, "device")).first():
        _sign_out(chosen)
        messages.success(request, _("Signed out."))
    return redirect(request.path)


@transaction.atomic
def _sign_out(device: Session) -> None:
    session_pairs.revoke(device.pk)
    security_log.note("device_signed_out", user_id=device.user_id, detail=str(device))


@transaction.atomic
def _sign_out_all(user: User) -> None:
    session_pairs.revoke_all(user)
    security_log.note("devices_signed_out", user_id=user.pk)


def _id_of(request: HttpRequest, name: str) -> UUID:
    try:
        return UUID(request.POST.get(name, ""))
    except ValueError as malformed:
        raise InvalidRequest from malformed


@login_required
@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """List what happened to the account's sign-in, the newest first."""
    found = visitor(request).security_events.all()
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    shown = list(found.order_by("-pk")[: _EVENTS + 1])
    facts = {
        "events": [security_events.shown(event) for event in shown[:_EVENTS]],
        "older": shown[_EVENTS - 1].pk if len(shown) > _EVENTS else None,
        "days": settings.SECURITY_EVENT_DAYS,
    }
    return render(request, "accounts/events.html", facts)


@login_required
def enroll_totp(request: HttpRequest) -> HttpResponseBase:
    """Set up an authenticator app; before that, lead to the verification of the address."""
    first = _("Verify your email address first. Then set up the second factor.")
    return _enroll(request, activate_totp, first)


@login_required
def enroll_passkey(request: HttpRequest) -> HttpResponseBase:
    """Add a passkey; before that, lead to the verification of the address."""
    return _enroll(request, add_webauthn, _("Verify your email address first. Then add a passkey."))


def _enroll(
    request: HttpRequest, enroll: Callable[[HttpRequest], HttpResponseBase], first: str
) -> HttpResponseBase:
    """Show a page that adds a factor, or say what comes ``first``."""
    if verification.is_verified(visitor(request)):
        response: HttpResponseBase = enroll(request)
        return response
    messages.info(request, first)
    return redirect("account_email")


def logged_out(request: HttpRequest) -> HttpResponse:
    """Confirm that the browser is signed out."""
    return render(request, "accounts/logged_out.html")
