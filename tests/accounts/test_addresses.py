"""One address makes one account, however it is written."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.addresses import fold
from accounts.models import User
from tests.accounts.signing_in import code, fresh_email, post
from tests.factories import PASSWORD, UserFactory


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("a@\ufb01.com", "a@fi.com"),
        ("a@M\u00dcNCHEN.de", "a@xn--mnchen-3ya.de"),
        ("a@xn--mnchen-3ya.de", "a@xn--mnchen-3ya.de"),
    ],
)
def test_an_address_is_normalised_however_it_is_written(written: str, kept: str) -> None:
    assert fold(written) == kept


@pytest.mark.parametrize("email", ["adm\u0131n@example.com", "u\u017fer@example.com"])
def test_refused_by_every_endpoint(api: APIClient, db: None, email: str) -> None:
    answer = post(api, "auth/register", email=email, password=PASSWORD)
    assert (answer.status_code, code(answer)) == (400, "invalid_request")
    page = Client().post("/accounts/signup/", {"email": email, "password1": PASSWORD})
    assert page.status_code == 200
    assert not User.objects.exists()


def test_the_pages_login_knows_both_ways_too(db: None) -> None:
    UserFactory.create(email=f"{(local := fresh_email().split('@')[0])}@xn--bcher-kva.example")
    body = {"login": f"{local.upper()}@BÜCHER.example", "password": PASSWORD}

    assert Client().post("/accounts/login/", body).status_code == 302


def test_two_ways_to_write_one_domain(api: APIClient, db: None) -> None:
    name = fresh_email().partition("@")[0]
    first = post(api, "auth/register", email=f"{name}@fi.com", password=PASSWORD)
    second = post(api, "auth/register", email=f"{name}@\ufb01.com", password=PASSWORD)
    assert (first.status_code, code(second)) == (201, "email_taken")
    body = {"email": f"{name}@\ufb01.com", "password": PASSWORD}
    assert post(api, "auth/login", **body).status_code == 200
