"""From which addresses a key may be used."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from apikeys import keys
from apikeys.models import ApiKey
from tests.developer import MODEL, Make


def call(text: str, address: str) -> Any:
    client = APIClient(REMOTE_ADDR=address)
    return client.get("/api/tokens/balance", headers={"X-API-Key": text})


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        (["192.0.2.0/24"], "192.0.2.7", 200),
        (["192.0.2.0/24"], "198.51.100.7", 403),
        (["198.51.100.7", "2001:db8::/32"], "2001:db8::1", 200),
        (["198.51.100.7"], "2001:db8::1", 403),
        (["198.51.100.7"], "::ffff:198.51.100.7", 200),
        ([], "2001:db8::1", 200),
    ],
)
def test_a_key_is_accepted_from_its_networks_only(
    key: ApiKey, text: str, networks: list[str], address: str, status: int
) -> None:
    keys.change(key, allowed_ips=networks)
    assert call(text, address).status_code == status


def test_whoever_is_elsewhere_is_told_so(key: ApiKey, text: str) -> None:
    keys.change(key, allowed_ips=["192.0.2.1"])
    assert call(text, "192.0.2.2").json()["error"]["code"] == "permission_denied"


def test_networks_are_written_in_one_way(signed_in: APIClient, key: ApiKey) -> None:
    path = f"/api/api-keys/{key.pk}"
    answer = signed_in.patch(path, {"allowed_ips": ["10.1.2.3/8", "10.0.0.0/8"]}, format="json")
    assert answer.json()["allowed_ips"] == ["10.0.0.0/8"]


def test_the_proxy_asks_as_well(developer: Make) -> None:
    ada = developer()
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
    assert ada.http.post("/api/llm/chat/completions", json=body).status_code == 200

    ApiKey.objects.filter(user_id=ada.user_id).update(allowed_ips=["192.0.2.0/24"])
    _, key = keys.create(user=ApiKey.objects.get().user, name="other", allowed_ips=["192.0.2.1"])
    headers = {"Authorization": f"Bearer {key}"}
    refused = ada.http.post("/api/llm/chat/completions", json=body, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_denied")
