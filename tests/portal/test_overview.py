"""The overview: what is left, what was used, and what a newcomer does next."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from apikeys import keys
from portal import drawing
from tests.tokens.spending import spend
from tokens import ledger


def test_a_newcomer_is_told_how_to_start(visitor: Client) -> None:
    text = visitor.get("/portal/").text
    assert "Start in three steps" in text
    assert "No requests yet" in text
    assert "/portal/keys/new/" in text


def test_who_has_a_key_is_not(visitor: Client, user: User) -> None:
    keys.create(user=user, name="laptop")
    assert "Start in three steps" not in visitor.get("/portal/").text


def test_the_balance_is_shown_with_separators(visitor: Client, user: User) -> None:
    spend(user, 1_234)
    text = visitor.get("/portal/").text
    assert "98,766" in text
    assert "of 100,000 tokens available" in text
    assert "1,234" in text


def test_what_is_reserved_is_a_part_of_its_own(visitor: Client, user: User) -> None:
    ledger.reserve(user_id=user.pk, amount=20_000, ttl=60)
    page = visitor.get("/portal/")
    parts = {part.kind: (part.value, part.width) for part in page.context["parts"]}
    assert parts == {"allowance": (80_000, 80.0), "bonus": (0, 0.0), "reserved": (20_000, 20.0)}


def test_a_bonus_says_when_it_expires(visitor: Client, user: User) -> None:
    at = timezone.now() + timedelta(days=9)
    ledger.grant(user_id=user.pk, amount=5_000, source="gift", expires_at=at)
    assert "5,000 bonus tokens expire on" in visitor.get("/portal/").text


def test_nobody_sees_another_users_requests(client: Client, visitor: Client, user: User) -> None:
    other = User.objects.create_user("other@example.com")
    spend(other, 777)
    assert "777" not in visitor.get("/portal/").text


@pytest.mark.parametrize(
    ("values", "whole"), [([("a", 1), ("b", 999_999)], 1_000_000), ([("a", 0)], 0), ([], 0)]
)
def test_the_parts_of_a_bar_stay_within_it(values: list[tuple[str, int]], whole: int) -> None:
    parts = drawing.parts(values, whole=whole)
    assert all(0 <= part.x <= 100 and part.x + part.width <= 100.01 for part in parts)
    assert all(part.width > 0 for part in parts if part.value)


def test_a_small_column_can_be_seen() -> None:
    low, high, none = drawing.columns([("a", 1), ("b", 1_000_000), ("c", 0)])
    assert low.height == 1.0
    assert (high.y, high.height) == (0.0, 100.0)
    assert none.height == 0.0
