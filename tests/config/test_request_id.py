"""Every response carries a request id: the caller's own, when it is a sane one."""

import pytest
from django.test import Client

from tests.developer import Make


@pytest.mark.parametrize("path", ["/api/health", "/api/nothing", "/admin/login/"])
@pytest.mark.django_db
def test_a_response_carries_the_callers_request_id_or_a_new_one(client: Client, path: str) -> None:
    first, second = (client.get(path)["X-Request-ID"] for _ in range(2))

    assert first < second  # in the order of time, as the receipts' index wants them
    assert client.get(path, headers={"X-Request-ID": "my-id:7"})["X-Request-ID"] == "my-id:7"


@pytest.mark.parametrize("given", ["", "has space", "x" * 129, "a\r\nSet-Cookie: b", "é", "<b>"])
def test_what_is_not_sane_is_replaced(client: Client, given: str) -> None:
    answer = client.get("/api/health", headers={"X-Request-ID": given})

    assert answer["X-Request-ID"] != given
    assert len(answer["X-Request-ID"]) == 32


def test_the_proxy_too(developer: Make) -> None:
    dev = developer()

    answer = dev.http.get("/api/llm/models", headers={"X-Request-ID": "editor-1"})

    assert answer.headers["X-Request-ID"] == "editor-1"
