"""A subscription that begins late in a month has periods of 28 to 31 days, one allowance each."""

from datetime import UTC, datetime, timedelta

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from billing import tasks
from billing.models import Subscription
from tests.billing.shop import PRO, Shop, current, subscribe
from tests.tokens.clock import set_clock
from tests.tokens.spending import spend
from tokens.ledger import allowances, open_account
from tokens.models import Balance, Entry

LATE = ("01-30", "01-31", "02-28", "03-31", "08-31", "12-31")
HOUR = timedelta(hours=1)


def at(shop: Shop) -> datetime:
    return datetime.fromtimestamp(shop.fake.now(), UTC)


def go_to(shop: Shop, moment: datetime) -> None:
    """Let it be that moment, for Stripe and for the ledger, and the site hear of all until then."""
    shop.fake.advance(to=int(moment.timestamp()), settle=False)
    set_clock(at(shop))
    shop.deliver()
    tasks.mend()


def next_time(shop: Shop, day: str) -> datetime:
    now = at(shop)
    year = now.year + (f"{now:%m-%d}" >= day)
    return datetime.fromisoformat(f"{year}-{day}T10:00:00+00:00")


def paid_until(user: User) -> datetime:
    end = Subscription.objects.get(user=user).period_end
    assert end
    return end


def month_end(user: User) -> datetime:
    end = open_account(user.pk).period_end
    assert end
    return end


def given(user: User) -> int:
    """Return how many allowances of the plan they were given."""
    return Entry.objects.filter(user=user, kind="allowance", amount=PRO).count()


@pytest.mark.parametrize("day", LATE)
def test_each_paid_month_gives_one_allowance(
    user: User, shop: Shop, caller: APIClient, day: str
) -> None:
    go_to(shop, next_time(shop, day))
    subscribe(caller)
    shop.deliver()
    for paid in range(1, 5):
        end = paid_until(user)
        balance = open_account(user.pk)
        assert (balance.available, balance.period_end) == (PRO, end)
        spend(user, 1_000)
        go_to(shop, end - HOUR)
        assert open_account(user.pk).available == PRO - 1_000
        assert given(user) == paid
        go_to(shop, end + 2 * HOUR)


@pytest.mark.parametrize("day", LATE)
def test_nothing_is_given_for_a_month_that_is_not_paid(
    user: User, shop: Shop, caller: APIClient, day: str
) -> None:
    go_to(shop, next_time(shop, day))
    subscribe(caller)
    shop.deliver()
    go_to(shop, paid_until(user) + 2 * HOUR)
    spend(user, 1_000)
    shop.fake.decline(shop.card_of(user.billing_customer.stripe_id))
    go_to(shop, paid_until(user) + 2 * HOUR)
    assert current(caller)["status"] == "past_due"
    assert open_account(user.pk).available == PRO - 1_000


@pytest.mark.parametrize("day", ["01-31", "02-28"])
def test_a_paid_year_gives_twelve_allowances(
    user: User, shop: Shop, caller: APIClient, day: str
) -> None:
    go_to(shop, next_time(shop, day))
    subscribe(caller, interval="year")
    shop.deliver()
    end = paid_until(user)
    while month_end(user) < end:
        go_to(shop, month_end(user) + HOUR)
    go_to(shop, end - HOUR)
    assert given(user) == 12
    go_to(shop, end + 2 * HOUR)
    assert given(user) == 13


def test_a_year_that_ends_a_day_late_gives_no_allowance_for_that_day(
    user: User, shop: Shop, caller: APIClient
) -> None:
    """As from 28 February 2031 to 29 February 2032."""
    subscribe(caller, interval="year")
    shop.deliver()
    end = paid_until(user)
    Balance.objects.filter(user=user).update(
        period_end=end - timedelta(days=1), renews_by=allowances.SCHEDULE
    )
    set_clock(end - 2 * timedelta(days=1))
    tasks.mend()
    set_clock(end - HOUR)
    assert month_end(user) == end - timedelta(days=1)
    assert given(user) == 1


def test_a_whole_month_that_is_left_of_a_year_is_given(
    user: User, shop: Shop, caller: APIClient
) -> None:
    subscribe(caller, interval="year")
    shop.deliver()
    Balance.objects.filter(user=user).update(period_end=paid_until(user) - timedelta(days=28))
    tasks.mend()
    assert Balance.objects.get(user=user).renews_by == allowances.SCHEDULE
