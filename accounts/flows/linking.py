"""Linking accounts of other sites (GitHub, Google, any OpenID provider) for sign-in."""

from typing import Any
from uuid import UUID

from allauth.account.utils import has_verified_email
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base import Provider
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from accounts import security_log
from accounts.errors import (
    AccountInUse,
    InvalidProviderToken,
    LastLoginMethod,
    LinkExpired,
    UnknownProvider,
)
from accounts.flows import link_tickets
from accounts.flows.link_tickets import Ticket
from accounts.flows.verification import is_mandatory
from accounts.models import Session, User
from core.errors import NotFound

# What allauth lets through of tokens that are no tokens, or not of the expected kind.
_MALFORMED = (ValidationError, LookupError, TypeError, ValueError, AttributeError)


def linked(user: User) -> QuerySet[SocialAccount]:
    """Return the linked accounts that the user can sign in with, the oldest first."""
    found: QuerySet[SocialAccount] = SocialAccount.objects.filter(user=user)
    return found.order_by("date_joined", "pk")


def provider_of(request: HttpRequest, name: str) -> Provider:
    """Return a configured provider. Raises ``UnknownProvider``."""
    try:
        return get_adapter().get_provider(request, provider=name)
    except SocialApp.DoesNotExist as missing:
        raise UnknownProvider from missing


def start(request: HttpRequest, user: User, *, session_id: UUID, provider: str) -> str:
    """Return the address where a browser, signed in or not, completes the linking. Once."""
    sub_id = provider_of(request, provider).sub_id
    text = link_tickets.issue(Ticket(user.pk, str(session_id), sub_id))
    return request.build_absolute_uri(f"{reverse('account_link')}?{urlencode({'ticket': text})}")


def complete(
    request: HttpRequest, user: User, *, session_id: UUID, provider: str, token: dict[str, str]
) -> SocialAccount:
    """Link the account that the provider's own token speaks of, without any browser.

    Raises ``InvalidProviderToken``, ``AccountInUse`` or ``UnknownProvider``, which is also the
    answer of providers that sign no tokens for this.
    """
    found = provider_of(request, provider)
    if not found.supports_token_authentication:
        raise UnknownProvider("This provider can only be linked in a browser. Do not send a token.")
    try:
        login = found.verify_token(request, {"client_id": found.app.client_id, **token})
    except _MALFORMED as bad:
        raise InvalidProviderToken(param=next(iter(token))) from bad
    return attach(Ticket(user.pk, str(session_id), found.sub_id), login)


def attach(ticket: Ticket, login: SocialLogin) -> SocialAccount:
    """Link what the provider has just vouched for to the ticket's user, and to nobody else.

    Raises ``AccountInUse``, or ``LinkExpired`` when user or session were revoked meanwhile.
    """
    try:
        with transaction.atomic():
            return _attach(_locked(ticket), login.account)
    except IntegrityError as raced:
        raise AccountInUse from raced


def unlink(request: HttpRequest, user: User, *, account_id: int) -> None:
    """Unlink an account. Raises ``NotFound``, or ``LastLoginMethod`` for the last one."""
    with transaction.atomic():
        owner = User.objects.select_for_update().get(pk=user.pk)
        account = linked(owner).filter(pk=account_id).first()
        if account is None:
            raise NotFound
        if is_last_way_in(request, account):
            raise LastLoginMethod
        account.delete()
        security_log.note("account_unlinked", user_id=user.pk, provider=account.provider)


def is_last_way_in(request: HttpRequest, account: SocialAccount) -> bool:
    """Return whether the user could not sign in without it. Call it with their row locked."""
    user: Any = account.user
    if user.has_usable_password() and (not is_mandatory() or has_verified_email(user)):
        return False
    working = {app.provider_id or app.provider for app in get_adapter().list_apps(request)}
    others = linked(user).exclude(pk=account.pk)
    return not others.filter(provider__in=working).exists()


def _locked(ticket: Ticket) -> User:
    user = User.objects.select_for_update().filter(pk=ticket.user_id, is_active=True).first()
    alive = Session.objects.filter(
        pk=ticket.session, user_id=ticket.user_id, revoked_at=None
    ).exists()
    if user is None or not alive:
        raise LinkExpired
    return user


def _attach(user: User, account: SocialAccount) -> SocialAccount:
    known = SocialAccount.objects.filter(provider=account.provider, uid=account.uid).first()
    if known is None:
        account.user = user
        account.save()
        security_log.note("account_linked", user_id=user.pk, provider=account.provider)
        return account
    if known.user_id != user.pk:
        raise AccountInUse
    return known
