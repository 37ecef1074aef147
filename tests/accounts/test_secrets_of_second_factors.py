"""Secrets of second factors are encrypted in the database, also those of former versions."""

import secrets

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from accounts.flows import factor_secrets
from accounts.models import User
from accounts.tasks import encrypt_second_factors
from core import encryption
from tests.accounts.second_factor import code_of, enrolled, give_code, give_password, log_in
from tests.accounts.signing_in import code as error_code
from tests.accounts.signing_in import verify_address


def stored() -> str:
    return "".join(str(row.data) for row in Authenticator.objects.all())


def in_the_clear(user: User) -> tuple[str, list[str]]:
    """Enroll the user as versions before the encryption did; return secret and recovery codes."""
    secret, seed = generate_totp_secret(), RecoveryCodes.generate_seed()
    verify_address(user)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": secret})
    codes = Authenticator.objects.create(
        user=user,
        type=Authenticator.Type.RECOVERY_CODES,
        data={"seed": seed, "used_mask": 1},
    )
    assert seed in stored()
    assert secret in stored()
    return secret, codes.wrap().get_unused_codes()


def rotate(settings: Settings, *, fallback: bool) -> None:
    former = [settings.SECRET_KEY] if fallback else []
    settings.SECRET_KEY_FALLBACKS = [*former]
    settings.SECRET_KEY = secrets.token_urlsafe(50)


@pytest.mark.django_db
def test_neither_the_secret_of_an_app_nor_recovery_codes_are_stored_in_the_clear() -> None:
    user, secret = enrolled()
    codes = RecoveryCodes.activate(user)

    assert secret not in stored()
    assert factor_secrets.decrypt(codes.instance.data["seed"]) not in stored()
    for code in codes.generate_codes():
        assert code not in stored()
    assert log_in(user, code=code_of(secret)).status_code == 200
    assert log_in(user, code=codes.generate_codes()[0]).status_code == 200


def test_what_a_former_version_stored_signs_in_before_and_after_the_task(user: User) -> None:
    secret, codes = in_the_clear(user)
    assert log_in(user, code=codes[0]).status_code == 200

    encrypt_second_factors()

    assert secret not in stored()
    assert stored().count("fernet:") == 2
    assert log_in(user, code=codes[0]).status_code == 403
    assert log_in(user, code=codes[1]).status_code == 200
    assert log_in(user, code=code_of(secret)).status_code == 200


def test_what_is_encrypted_already_is_left_alone(user: User) -> None:
    verify_address(user)
    TOTP.activate(user, generate_totp_secret())
    before = stored()

    assert factor_secrets.encrypt_again() == 0
    assert stored() == before


def test_the_task_encrypts_with_the_present_secret_key_after_a_rotation(
    user: User, settings: Settings
) -> None:
    secret, codes = in_the_clear(user)
    factor_secrets.encrypt_again()

    rotate(settings, fallback=True)
    assert log_in(user, code=codes[0]).status_code == 200
    assert factor_secrets.encrypt_again() == 2
    assert factor_secrets.encrypt_again() == 0
    settings.SECRET_KEY_FALLBACKS = []

    assert log_in(user, code=codes[1]).status_code == 200
    assert log_in(user, code=code_of(secret)).status_code == 200


def test_a_factor_that_cannot_be_read_lets_nobody_in_and_is_no_crash(
    client: Client, user: User, settings: Settings
) -> None:
    secret, codes = in_the_clear(user)
    factor_secrets.encrypt_again()
    rotate(settings, fallback=False)

    for code in (code_of(secret), codes[0]):
        refused = log_in(user, code=code)
        assert (refused.status_code, error_code(refused)) == (403, "second_factor_required")
    give_password(client, user)
    page = give_code(client, code_of(secret))
    assert "cannot be read" in page.text
    assert factor_secrets.encrypt_again() == 0
    assert Authenticator.objects.filter(user=user).count() == 2


def test_each_purpose_has_a_key_of_its_own() -> None:
    encrypted = encryption.encrypt("x", purpose="one")

    assert encryption.decrypt(encrypted, purpose="one") == "x"
    with pytest.raises(encryption.Unreadable):
        encryption.decrypt(encrypted, purpose="another")


def test_the_task_runs_by_itself() -> None:
    tasks = [entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()]
    assert encrypt_second_factors.name in tasks
