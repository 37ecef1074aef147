"""A second factor can be enrolled only on an address that is known to be the user's own."""

from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client
from pytest_django import Settings

from accounts.errors import EmailNotVerified
from accounts.models import User
from tests.accounts.mailbox import verification_key
from tests.accounts.signing_in import fresh_email, just_signed_in, verify_address
from tests.factories import PASSWORD, UserFactory

Address = Callable[[User], None]
ENROLL = "/accounts/2fa/totp/activate/"


def unverified(user: User) -> None:
    EmailAddress.objects.create(user=user, email=user.email, primary=True)


def no_row(user: User) -> None:
    """As for a user made by `createsuperuser`."""


def another_one_verified(user: User) -> None:
    unverified(user)
    EmailAddress.objects.create(user=user, email=fresh_email(), verified=True)


@pytest.mark.parametrize("address", [unverified, no_row, another_one_verified])
def test_the_page_leads_to_the_verification_first(
    client: Client, user: User, address: Address
) -> None:
    address(user)
    client.force_login(user)
    just_signed_in(client, user)

    for answer in (client.get(ENROLL), client.post(ENROLL, {"code": "123456"})):
        assert answer.headers["Location"] == "/accounts/email/"

    assert "Verify your email address first" in client.get("/accounts/email/").text
    assert "mfa.totp.secret" not in client.session


@pytest.mark.parametrize("address", [unverified, no_row, another_one_verified])
@pytest.mark.parametrize("kind", Authenticator.Type.values)
def test_no_code_path_stores_a_factor(user: User, address: Address, kind: str) -> None:
    address(user)

    with pytest.raises(EmailNotVerified):
        Authenticator.objects.create(user=user, type=kind, data={})

    assert not Authenticator.objects.filter(user=user).exists()


def test_once_verified_a_factor_and_its_recovery_codes_are_stored(user: User) -> None:
    verify_address(user)

    TOTP.activate(user, generate_totp_secret())
    RecoveryCodes.activate(user)

    assert Authenticator.objects.filter(user=user).count() == 2


def test_a_factor_in_use_is_still_updated_after_the_address_changed(user: User) -> None:
    verify_address(user)
    factor = TOTP.activate(user, generate_totp_secret()).instance
    EmailAddress.objects.filter(user=user).update(verified=False)

    factor.record_usage()

    factor.refresh_from_db()
    assert factor.last_used_at


@pytest.mark.django_db
def test_staff_without_an_address_row_verify_it_and_then_enroll(
    client: Client, settings: Settings
) -> None:
    settings.STAFF_MFA_REQUIRED = True
    staff: User = UserFactory.create(email=fresh_email(), is_staff=True, is_superuser=True)
    client.post("/accounts/login/", {"login": staff.email, "password": PASSWORD})
    assert client.get("/admin/").headers["Location"] == ENROLL
    client.get(client.get(ENROLL).headers["Location"])

    client.post("/accounts/email/", {"email": staff.email, "action_send": ""})
    client.post(f"/accounts/confirm-email/{verification_key(staff.email)}/")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})

    assert client.get(ENROLL).status_code == 200
    assert "mfa.totp.secret" in client.session
