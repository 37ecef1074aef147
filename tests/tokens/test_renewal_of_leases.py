"""Pushing out the deadlines of running requests waits for nobody."""

from datetime import datetime
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from tests.tokens.accounts import account
from tests.webserver import database_url
from tokens import ledger
from tokens.models import Reservation

pytestmark = pytest.mark.django_db(transaction=True)

_LOCK = "SELECT 1 FROM tokens_reservation WHERE id = %s FOR UPDATE"


def test_a_hold_that_is_being_closed_is_skipped_and_the_others_are_renewed() -> None:
    """Its closer has locked the balance first: to wait for it could close a circle of locks."""
    user = account(100)
    closing, other = (ledger.reserve(user_id=user.pk, amount=10, ttl=60).id for _ in range(2))
    before = dict(Reservation.objects.values_list("pk", "expires_at"))
    name = connection.settings_dict["NAME"]
    with psycopg.connect(database_url(name)) as closer, connection.cursor() as cursor:
        closer.execute(_LOCK, [closing])
        cursor.execute("SET lock_timeout = '2s'")
        ledger.renew(reservation_ids=[closing, other], ttl=3600)
        cursor.execute("RESET lock_timeout")

    after = dict(Reservation.objects.values_list("pk", "expires_at"))
    assert after[closing] == before[closing]
    assert after[other] > before[other]


def test_tracing_who_answers_skips_it_as_well() -> None:
    user = account(100)
    closing, other = (ledger.reserve(user_id=user.pk, amount=10, ttl=60).id for _ in range(2))
    name = connection.settings_dict["NAME"]
    with psycopg.connect(database_url(name)) as closer, connection.cursor() as cursor:
        closer.execute(_LOCK, [closing])
        cursor.execute("SET lock_timeout = '2s'")
        ledger.trace(answering={closing: ("a", "1"), other: ("b", "2")})
        cursor.execute("RESET lock_timeout")

    traced = dict(Reservation.objects.values_list("pk", "provider"))
    assert traced == {closing: "", other: "b"}


def seen() -> dict[UUID, tuple[datetime, str]]:
    """Return the deadline of each hold, and who answers it."""
    return {hold.pk: (hold.expires_at, hold.provider) for hold in Reservation.objects.all()}


def test_only_holds_that_are_named_and_not_closed_are_renewed_and_traced() -> None:
    user = account(100)
    named, closed, other = (ledger.reserve(user_id=user.pk, amount=10, ttl=60) for _ in range(3))
    ledger.release(hold=closed)
    before = seen()

    ledger.renew(reservation_ids=[named.id, closed.id], ttl=3600)
    ledger.trace(answering={named.id: ("a", "1"), closed.id: ("b", "2")})

    after = seen()
    assert after[named.id][0] > before[named.id][0]
    assert after[named.id][1] == "a"
    assert {id_: after[id_] for id_ in (closed.id, other.id)} == {
        id_: before[id_] for id_ in (closed.id, other.id)
    }
