"""Setting a new password with the key of a reset email."""

from django.test import Client
from rest_framework.test import APIClient

from tests.accounts.signing_in import post

NEW = "an entirely different staple"


def by_the_api(key: str) -> None:
    body = {"key": key, "new_password": NEW}
    assert post(APIClient(), "auth/password/reset/confirm", **body).status_code == 204


def by_the_page(key: str) -> None:
    browser = Client()
    form = browser.get(f"/accounts/password/reset/key/{key}/").headers["location"]
    assert browser.post(form, {"password1": NEW, "password2": NEW}).status_code == 302
