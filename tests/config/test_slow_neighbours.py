"""A service that does not answer keeps those waiting who need it, and nobody else.

Each web server has fewer connections to PostgreSQL than requests that wait.
"""

import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import Celery, current_app

from accounts.models import User
from accounts.sessions import session_pairs
from core.queue import enqueue
from tests.accounts.signing_in import fresh_email
from tests.silence import SilentServer
from tests.valkey import ValkeyProcess
from tests.waiting import wait_for
from tests.webserver import WebServer

pytestmark = pytest.mark.django_db(transaction=True)

_POOL = 2
_MANY = 3 * _POOL
_STRIPE = {"STRIPE_SECRET_KEY": "sk_test_any", "STRIPE_WEBHOOK_SECRET": "whsec_any"}


class Site:
    """A web server, and one of its users."""

    def __init__(self, server: WebServer, user: User) -> None:
        headers = {"Authorization": f"Bearer {session_pairs.issue(user).access}"}
        self._http = httpx.Client(
            base_url=server.url, headers=headers, timeout=300, trust_env=False
        )
        self._threads = ThreadPoolExecutor(_MANY)

    def post(self, path: str, **options: Any) -> Future[httpx.Response]:
        """Send a request, whose answer is not waited for."""
        return self._threads.submit(self._http.post, f"/api/{path}", **options)

    @property
    def is_well(self) -> bool:
        return self._http.get("/api/tokens/balance").status_code == 200

    def close(self) -> None:
        self._threads.shutdown()
        self._http.close()


@contextmanager
def site(user: User, **env: str) -> Iterator[Site]:
    with WebServer({"DATABASE_POOL_SIZE": str(_POOL), **env}) as server:
        made = Site(server, user)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyProcess]:
    process = ValkeyProcess(tmp_path)
    yield process
    process.close()


@contextmanager
def frozen(valkey: ValkeyProcess) -> Iterator[None]:
    valkey.freeze()
    try:
        yield
    finally:
        valkey.thaw()


def answers(site: Site, asked: list[Future[httpx.Response]]) -> set[int]:
    """Return the statuses of all answers; the site is well until the last one has come."""

    def are_there() -> bool:
        assert site.is_well
        return all(one.done() for one in asked)

    wait_for(are_there)
    return {one.result().status_code for one in asked}


def event(name: str) -> dict[str, Any]:
    """Return a signed event of Stripe's for which a task is queued, and Stripe is not asked."""
    now = int(time.time())
    about = {"id": f"in_{name}", "object": "invoice"}
    body = {"object": "event", "id": f"evt_{name}", "type": "invoice.paid", "created": now}
    text = json.dumps({**body, "data": {"object": about}})
    secret = _STRIPE["STRIPE_WEBHOOK_SECRET"].encode()
    signature = hmac.new(secret, f"{now}.{text}".encode(), hashlib.sha256).hexdigest()
    return {"content": text, "headers": {"Stripe-Signature": f"t={now},v1={signature}"}}


def test_no_connection_is_held_while_stripe_answers(user: User) -> None:
    stripe = SilentServer()
    with site(user, **_STRIPE, STRIPE_API_BASE=f"http://127.0.0.1:{stripe.port}") as ours:
        with stripe:
            asked = [ours.post("subscriptions/portal") for _ in range(_MANY)]
            wait_for(lambda: stripe.waiting == _MANY)

            assert ours.is_well

        assert answers(ours, asked) == {503}


def test_no_connection_is_held_while_mail_is_sent(user: User) -> None:
    mail = SilentServer()
    with site(user, EMAIL_URL=f"smtp://127.0.0.1:{mail.port}") as ours:
        with mail:
            strangers = [{"email": fresh_email()} for _ in range(_MANY)]
            asked = [ours.post("auth/password/reset", json=stranger) for stranger in strangers]
            wait_for(lambda: mail.waiting == _MANY)

            assert ours.is_well

        assert answers(ours, asked) == {202}


def test_webhooks_are_answered_while_the_queue_is_frozen(user: User, valkey: ValkeyProcess) -> None:
    with site(user, **_STRIPE, REDIS_URL=valkey.url) as ours, frozen(valkey):
        asked = [ours.post("stripe/webhook/", **event(str(number))) for number in range(_MANY)]

        assert answers(ours, asked) == {200}


def test_a_queue_that_says_nothing_is_tried_once() -> None:
    """Each try is two seconds in which a request waits."""
    redis = SilentServer()
    ours: Celery = current_app._get_current_object()  # type: ignore[attr-defined]
    silent = Celery(set_as_current=False)
    silent.config_from_object("django.conf:settings", namespace="CELERY")
    silent.conf.update(broker_url=f"redis://127.0.0.1:{redis.port}/0")
    silent.set_current()
    try:
        with redis:
            assert not enqueue("any.task")
            with socket.create_connection(("127.0.0.1", redis.port)):
                wait_for(lambda: redis.waiting >= 2)
                assert redis.waiting == 2  # That one, and the one before.
    finally:
        ours.set_current()


def test_counts_of_wrong_passwords(user: User, valkey: ValkeyProcess) -> None:
    guess = {"current_password": "wrong", "new_password": "any"}
    with site(user, REDIS_URL=valkey.url) as ours, frozen(valkey):
        asked = [ours.post("auth/password/change", json=guess) for _ in range(_MANY)]

        assert answers(ours, asked) == {403}
