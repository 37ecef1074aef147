"""Verifying that an email address belongs to the user, with django-allauth's keys.

ACCOUNT_EMAIL_VERIFICATION: `none` sends no message; `optional` sends one and does not require it;
`mandatory` requires a verified address to sign in.
"""

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.signup import send_unknown_account_mail
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import has_verified_email
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts.errors import EmailNotVerified, InvalidKey
from accounts.models import User
from accounts.throttling.attempts import count_message


def is_mandatory() -> bool:
    """Return whether users must verify their address before they can sign in."""
    return _is(app_settings.EmailVerificationMethod.MANDATORY)


def require_verified(user: User) -> None:
    """Raise ``EmailNotVerified`` if verification is mandatory and not done."""
    if is_mandatory() and not has_verified_email(user):
        raise EmailNotVerified


def is_verified(user: User) -> bool:
    """Tell whether the address that the user signs in by is known to be theirs."""
    own = EmailAddress.objects.filter(user_id=user.pk, email=user.email, verified=True)
    return bool(own.exists())


def require_verified_own(user: User) -> None:
    """Raise ``EmailNotVerified`` unless the user's own address is verified, in every mode."""
    if not is_verified(user):
        raise EmailNotVerified


def welcome(request: HttpRequest, user: User) -> None:
    """Ask a new user to verify their address, if verification is enabled."""
    if not _is(app_settings.EmailVerificationMethod.NONE):
        _address_of(user).send_confirmation(request, signup=True)


def tell_taken(email: str) -> None:
    """Tell the owner of an account that someone tried to register with their address."""
    get_adapter().send_account_already_exists_mail(email)


def resend(request: HttpRequest, *, email: str) -> None:
    """Send the key again. Whatever the address is, one message goes to it: nobody else learns more.

    Raises ``RateLimited``.
    """
    count_message(request, email=email)
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None:
        send_unknown_account_mail(request, email)
    elif (address := _address_of(user)).verified:
        tell_taken(email)
    else:
        address.send_confirmation(request)


def verify(request: HttpRequest, *, key: str) -> EmailAddress:
    """Mark the address of this key as verified. Raises ``InvalidKey``, also for a used one.

    The user's row is locked meanwhile: of several requests with one key a single one succeeds.
    """
    found = EmailConfirmationHMAC.from_key(key)
    if found is None:
        raise InvalidKey
    try:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=found.email_address.user_id)
            return _confirmed(request, key)
    except (User.DoesNotExist, IntegrityError) as gone:
        raise InvalidKey from gone


@transaction.atomic
def replace_address(user: User, *, former: str) -> None:
    """Follow a new address that staff has given the user: the former one signs nobody in."""
    addresses = EmailAddress.objects.filter(user=user)
    addresses.filter(email=former).delete()
    addresses.update(primary=False)
    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"primary": True, "verified": False}
    )


def _confirmed(request: HttpRequest, key: str) -> EmailAddress:
    confirmation = EmailConfirmationHMAC.from_key(key)
    address = confirmation and confirmation.confirm(request)
    if not address:
        raise InvalidKey
    return address


def _address_of(user: User) -> EmailAddress:
    """Return the row of the user's address; one that staff has made lacks it until now."""
    address, _ = EmailAddress.objects.get_or_create(
        user=user, email=user.email, defaults={"primary": not _has_primary(user)}
    )
    return address


def _has_primary(user: User) -> bool:
    return bool(EmailAddress.objects.filter(user=user, primary=True).exists())


def _is(method: str) -> bool:
    return bool(method == app_settings.EMAIL_VERIFICATION)
