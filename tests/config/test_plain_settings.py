"""Plain settings are Django's, also while a test overrides one, before and after all are read."""

from collections.abc import Iterator

import pytest
from django.conf import settings as settings_of_django
from django.test import override_settings

from core import plain_settings
from core.plain_settings import settings


@pytest.fixture(params=["one by one", "all at once"], autouse=True)
def _read(request: pytest.FixtureRequest) -> Iterator[None]:
    before = type(settings)
    if request.param == "all at once":
        plain_settings.read_all()
    yield
    settings.__class__ = before


def test_they_are_djangos() -> None:
    assert settings.ALLOWED_HOSTS == settings_of_django.ALLOWED_HOSTS
    assert settings.RESERVATION_TTL == settings_of_django.RESERVATION_TTL


def test_one_that_is_overridden_is_so_for_as_long() -> None:
    before = settings.RESERVATION_TTL

    with override_settings(RESERVATION_TTL=before + 1):
        meanwhile = settings.RESERVATION_TTL

    assert (meanwhile, settings.RESERVATION_TTL) == (before + 1, before)


def test_one_that_django_has_not_is_none_of_them() -> None:
    with override_settings(OF_A_TEST=1):
        assert settings.OF_A_TEST == 1  # type: ignore[misc]
    with pytest.raises(AttributeError):
        _ = settings.OF_A_TEST  # type: ignore[misc]


def test_when_all_are_read_a_look_at_one_is_no_call() -> None:
    plain_settings.read_all()

    assert vars(settings)["MAX_BODY_BYTES"] == settings_of_django.MAX_BODY_BYTES
    assert not hasattr(type(settings), "__getattr__")
