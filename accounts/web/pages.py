"""Account pages that django-allauth does not have or does not restrict enough."""

from uuid import UUID

from allauth.account import views
from allauth.mfa.totp.views import activate_totp
from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.errors import EmailTaken, TokenRevoked
from accounts.flows import second_factor, verification
from accounts.flows.reauthentication import is_fresh, sign_in_again
from accounts.flows.redemption import lock_users
from accounts.models import User
from accounts.sessions import session_pairs
from core.errors import InvalidRequest


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
        "linked": SocialAccount.objects.filter(user=user),
        "devices": session_pairs.active(user).count(),
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
    alive = session_pairs.active(visitor(request))
    if request.method == "GET":
        return render(request, "accounts/devices.html", {"devices": alive})
    if request.POST.get("device") == "all":
        session_pairs.revoke_all(visitor(request))
        messages.success(request, _("All devices are signed out."))
    elif chosen := alive.filter(pk=_device(request)).first():
        session_pairs.revoke(chosen.pk)
        messages.success(request, _("Signed out."))
    return redirect(request.path)


def _device(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("device", ""))
    except ValueError as malformed:
        raise InvalidRequest from malformed


@login_required
def enroll_totp(request: HttpRequest) -> HttpResponseBase:
    """Set up an authenticator app; before that, lead to the verification of the address."""
    if verification.is_verified(visitor(request)):
        response: HttpResponseBase = activate_totp(request)
        return response
    messages.info(request, _("Verify your email address first. Then set up the second factor."))
    return redirect("account_email")


def logged_out(request: HttpRequest) -> HttpResponse:
    """Confirm that the browser is signed out."""
    return render(request, "accounts/logged_out.html")
