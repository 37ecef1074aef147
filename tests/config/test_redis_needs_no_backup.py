"""What Redis (Valkey) has can be lost at any moment: money, keys and sessions stay as they were."""

import itertools
from collections.abc import Iterator

import pytest

from accounts.models import User
from accounts.sessions import session_pairs
from apikeys import keys
from apikeys.models import ApiKey
from tests.accounts.signing_in import code, profile
from tests.developer import Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.streams import CHAT, body, nothing_is_held
from tests.valkey import ValkeyProcess
from tests.waiting import wait_for
from tests.webserver import WebServer, demo_server
from tokens import ledger
from tokens.ledger.verify import verify
from tokens.models import Reservation


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyProcess]:
    process = ValkeyProcess(tmp_path_factory.mktemp("valkey"))
    yield process
    process.close()


@pytest.fixture
def server(
    upstream: UpstreamProcess, valkey: ValkeyProcess, transactional_db: None
) -> Iterator[WebServer]:
    with demo_server(upstream, REDIS_URL=valkey.url) as server:
        yield server


def test_a_running_stream_is_charged_exactly(
    developer: Make, server: WebServer, valkey: ValkeyProcess
) -> None:
    dev = developer(server=server)
    dev.chat("[[n=30,d=0]]").raise_for_status()
    with dev.http.stream("POST", CHAT, json=body("[[n=60,d=30]]")) as answer:
        lines = answer.iter_lines()
        for _ in itertools.islice(lines, 10):
            pass
        assert Reservation.objects.filter(state="held").count() == 1
        assert valkey.client.dbsize()
        valkey.client.flushall()
        for _ in lines:
            pass
    wait_for(nothing_is_held)

    assert [receipt.completion_tokens for receipt in dev.receipts] == [30, 60]
    assert all(receipt.final for receipt in dev.receipts)
    assert dev.balance.used == sum(receipt.charged for receipt in dev.receipts)
    assert verify() == []
    assert dev.chat("[[n=5,d=0]]").status_code == 200


def test_what_a_client_reserved_is_still_reserved(
    developer: Make, server: WebServer, valkey: ValkeyProcess
) -> None:
    dev = developer(1000, server=server)
    hold = ledger.reserve(user_id=dev.user_id, amount=300, ttl=600)

    valkey.client.flushall()

    assert dev.balance.reserved == 300
    assert Reservation.objects.get(pk=hold.id).state == "held"
    assert verify() == []


def test_revoked_keys_and_sessions_stay_revoked(
    developer: Make, server: WebServer, valkey: ValkeyProcess
) -> None:
    dev = developer(server=server)
    user = User.objects.get(pk=dev.user_id)
    pair = session_pairs.issue(user)
    session_pairs.revoke(session_pairs.verify(pair.access).session_id)
    keys.revoke(ApiKey.objects.get(user=user))
    wait_for(lambda: dev.chat("hello").status_code == 401)

    valkey.client.flushall()

    assert dev.chat("hello").status_code == 401
    assert code(profile(pair.access)) == "token_revoked"


def test_the_site_is_ready_again_by_itself(
    server: WebServer, valkey: ValkeyProcess, developer: Make
) -> None:
    dev = developer(server=server)
    valkey.kill()
    assert dev.chat("[[n=5,d=0]]").status_code == 200
    valkey.start()

    def redis_is_ok() -> bool:
        return bool(dev.http.get("/api/health/ready").json()["checks"]["redis"] == "ok")

    wait_for(redis_is_ok)
    assert dev.chat("[[n=5,d=0]]").status_code == 200
    assert verify() == []
