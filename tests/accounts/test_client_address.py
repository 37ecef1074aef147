import pytest
from django.test import RequestFactory
from pytest_django import Settings

from core.http.client import client_address


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("192.0.2.1", "", False, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", False, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", True, "203.0.113.9"),
        ("192.0.2.1", "198.51.100.7, 203.0.113.9", True, "203.0.113.9"),
        ("192.0.2.1", "203.0.113.9, unknown", True, "192.0.2.1"),
        ("192.0.2.1", "", True, "192.0.2.1"),
        ("::ffff:192.0.2.1", "", False, "192.0.2.1"),
        ("2001:db8::7", "", False, "2001:db8::7"),
        ("", "", False, "0.0.0.0"),
    ],
)
def test_the_forwarded_address_counts_only_behind_a_trusted_proxy(
    settings: Settings, peer: str, forwarded: str, trusted: bool, expected: str
) -> None:
    settings.TRUSTED_PROXY = trusted
    request = RequestFactory(REMOTE_ADDR=peer).get("/", headers={"X-Forwarded-For": forwarded})
    assert client_address(request) == expected
