"""An address that another account signs in by is not to be had."""

import time

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from tests.accounts.signing_in import code, fresh_email, log_in, post
from tests.factories import PASSWORD, UserFactory

PAGE = "/accounts/email/"


@pytest.fixture
def claimer(user: User, client: Client) -> User:
    """Somebody whose browser has just asked them for their password."""
    client.force_login(user)
    session = client.session
    record = {"method": "password", "at": time.time(), "reauthenticated": True}
    session["account_authentication_methods"] = [record]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return user


def test_to_add(claimer: User, client: Client) -> None:
    other = UserFactory.create(email=fresh_email())
    page = client.post(PAGE, {"action_add": "", "email": other.email.upper()})
    assert "An account with this email already exists." in page.content.decode()
    assert not EmailAddress.objects.filter(email=other.email).exists()
    free = fresh_email()
    client.post(PAGE, {"action_add": "", "email": free})
    assert EmailAddress.objects.filter(user=claimer, email=free).exists()


def test_to_verify_or_to_make_primary_what_was_added_before(claimer: User, client: Client) -> None:
    claim = EmailAddress.objects.create(user=claimer, email=fresh_email())
    owner = UserFactory.create(email=claim.email)

    verified = post(APIClient(), "auth/verify-email", key=EmailConfirmationHMAC(claim).key)
    primary = client.post(PAGE, {"action_primary": "", "email": claim.email})

    assert code(verified) == "invalid_key"
    assert primary.status_code == 409
    assert log_in(APIClient(), owner, PASSWORD).status_code == 200
