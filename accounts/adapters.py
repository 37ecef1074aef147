"""Hooks of django-allauth: the only adapter module of the site."""

from dataclasses import dataclass
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext

from accounts.addresses import fold
from accounts.device_names import device_name
from accounts.flows import factor_secrets, linking, passwords, reauthentication
from accounts.models import User
from accounts.throttling.attempts import count_login, may_be_told
from accounts.web import link_pages
from core.email import as_html
from core.http.client import client_address
from core.links import site_host, site_url

log = structlog.get_logger("tokengate.accounts")


@dataclass(frozen=True)
class NamedSite:
    """The site's name for the library's templates."""

    name: str
    domain: str


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Signing in on the pages."""

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def is_safe_url(self, url: str) -> bool:
        """Return whether `next` is a path of this site."""
        return url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count attempts together with the API's logins."""
        count_login(request, email=credentials.get("email", ""))

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Refuse to verify an address that another account already signs in with."""
        others = User.objects.exclude(pk=email_address.user_id)
        if others.filter(email=email_address.email).exists():
            return False
        return bool(super().confirm_email(request, email_address))

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Require the password or, for users without one, a recent sign-in."""
        request = self.request
        if not request.user.has_usable_password() and not reauthentication.is_fresh(request):
            first = reauthentication.sign_in_again(request, then=reverse("account_home"))
            raise ImmediateHttpResponse(first)
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def set_password(self, user: User, password: str) -> None:
        """Sign out the other sessions; only one of several concurrent requests succeeds."""
        passwords.replace(user, password=password)

    def clean_email(self, email: str) -> str:
        """Normalize addresses on every page."""
        try:
            return fold(email)
        except ValueError as odd:
            raise ValidationError("Enter a valid email address.") from odd

    def send_confirmation_mail(
        self, request: HttpRequest, emailconfirmation: Any, signup: bool
    ) -> None:
        """Send a verification message, rate limited: anyone can register with any address."""
        if may_be_told(request, email=emailconfirmation.email_address.email):
            super().send_confirmation_mail(request, emailconfirmation, signup)

    def send_account_already_exists_mail(self, email: str) -> None:
        """Tell the owner that someone registers with their address, rate limited."""
        if may_be_told(self.request, email=email):
            super().send_account_already_exists_mail(email)

    def render_mail(
        self,
        template_prefix: str,
        email: str | list[str],
        context: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> EmailMultiAlternatives:
        """Write the message in the recipient's language, if it is known, and draw it as HTML."""
        user = context.get("user")
        language = user.language if isinstance(user, User) else ""
        with translation.override(language or translation.get_language()):
            message: EmailMultiAlternatives = super().render_mail(
                template_prefix, email, context, headers
            )
            html = as_html(str(message.subject), str(message.body))
        message.attach_alternative(html, "text/html")
        return message

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a message; log a failure instead of raising: it would show who has an account.

        Whoever waits for a message can ask for it again. Its links lead to the site of the
        settings, whatever Host the request named.
        """
        named = {"current_site": NamedSite(name=settings.SITE_NAME, domain=site_host())}
        try:
            super().send_mail(template_prefix, email, {**self._of_this_site(context), **named})
        except OSError as failed:  # SMTPException is one; its text may name the address
            error = type(failed).__name__
            log.error("mail_failed", template=template_prefix, error=error)  # noqa: TRY400

    def _of_this_site(self, context: dict[str, Any]) -> dict[str, Any]:
        """Replace the URLs that the library built from the Host header."""
        own = self.request.build_absolute_uri("/")
        return {
            key: f"{site_url()}/{value.removeprefix(own)}"
            if isinstance(value, str) and value.startswith(own)
            else value
            for key, value in context.items()
        }

    def add_message(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Drop messages in API requests: they would set a cookie."""
        if not request.path.startswith("/api/"):
            super().add_message(request, *args, **kwargs)


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Sign-in with another site."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Handle a linking that the API has started: it does not sign the user in."""
        if ticket := link_pages.ticket_of(sociallogin):
            raise ImmediateHttpResponse(link_pages.finish(request, ticket, sociallogin))

    def populate_user(
        self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]
    ) -> User:
        """Store the full name: our users have one field for it."""
        claims = {key: value for key, value in data.items() if isinstance(value, str)}
        user: User = super().populate_user(request, sociallogin, claims)
        parts = (claims.get("first_name", ""), claims.get("last_name", ""))
        user.name = (claims.get("name") or " ".join(parts).strip())[:150]
        return user

    def validate_disconnect(self, account: SocialAccount, accounts: Any) -> None:
        """Lock the user, as the API does, so that two pages cannot remove two last ways in."""
        User.objects.select_for_update().get(pk=account.user_id)
        if linking.is_last_way_in(self.request, account):
            raise self.validation_error("no_password")


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors."""

    def encrypt(self, text: str) -> str:
        return factor_secrets.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return factor_secrets.decrypt(encrypted_text)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Name the site as its pages do, where a browser asks for a passkey."""
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return {**entity, "name": settings.SITE_NAME}

    def generate_authenticator_name(self, user: User, type: str) -> str:  # noqa: A002 - theirs
        """Name a new passkey after the browser that makes it."""
        agent = context.request.META.get("HTTP_USER_AGENT", "")
        return device_name(given="", user_agent=agent)[:100] or gettext("Passkey")
