"""A smaller plan that is to come outlives an upgrade that comes to nothing, however it does."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import stripe
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from billing.errors import SubscriptionBusy
from billing.models import Invoice, ScheduledChange, Subscription
from billing.stripe import gateway, readings
from billing.subscriptions import scheduled_changes
from billing.tasks import mend
from tests.billing.commands import run
from tests.billing.shop import Shop, change, current, post, subscribe


class Killed(BaseException):
    """What is left of a process after SIGKILL: nothing below it handles this."""


@contextmanager
def killed_before(path: str) -> Iterator[None]:
    """End the process that is about to ask Stripe for this."""
    real = stripe.RequestsClient.request

    def request(self: Any, method: str, url: str, *rest: Any, **more: Any) -> Any:
        if method == "post" and path in url:
            raise Killed
        return real(self, method, url, *rest, **more)

    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        patch.setattr(stripe.RequestsClient, "request", request)
        yield
        pytest.fail(f"Nobody asked for {path}.")


@pytest.fixture(autouse=True)
def _going_down(caller: APIClient, shop: Shop) -> None:
    """Pro by the year, and by the month from the next year on."""
    subscribe(caller, interval="year")
    assert change(caller, "pro", interval="month").json()["pending_change"]["interval"] == "month"
    shop.deliver()


def minutes_pass() -> None:
    ScheduledChange.objects.update(leased_until=timezone.now())


def scheduled_at_stripe(user: User) -> bool:
    found = gateway.subscription(str(Subscription.objects.get(user=user).stripe_id))
    return found["schedule"] is not None and len(found["schedule"]["phases"]) == 2


def ask_for_confirmation(user: User) -> str:
    """Make the user's card one whose bank always wants the payer; return its id."""
    customer = user.billing_customer.stripe_id
    api = gateway._v1()
    card = api.payment_methods.attach("pm_card_authenticationRequired", {"customer": customer})
    row = Subscription.objects.get(user=user)
    api.subscriptions.update(row.stripe_id, {"default_payment_method": card.id})
    return str(card.id)


@pytest.mark.parametrize("how", ["webhook", "sync_stripe"])
def test_nobody_confirms_the_upgrade(caller: APIClient, user: User, shop: Shop, how: str) -> None:
    shown = current(caller)["pending_change"]
    ask_for_confirmation(user)

    asked = change(caller, "enterprise")

    assert asked.json()["client_secret"]
    assert asked.json()["pending_change"] == shown
    shop.deliver()
    mend()
    assert not scheduled_at_stripe(user)  # It would keep the upgrade from being paid for.

    shop.advance(days=1.1)
    if how == "webhook":
        assert set(shop.deliver()) == {200}
    else:
        assert "the change to pro is scheduled again" in run("sync_stripe")

    assert scheduled_at_stripe(user)
    assert (current(caller)["plan"], current(caller)["pending_change"]) == ("pro", shown)
    assert run("sync_stripe").count("scheduled again") == 0


def test_the_upgrade_is_confirmed_after_all(caller: APIClient, user: User, shop: Shop) -> None:
    ask_for_confirmation(user)
    intent, _, _ = change(caller, "enterprise").json()["client_secret"].partition("_secret_")

    shop.fake.authenticate(intent)
    shop.deliver()

    assert (current(caller)["plan"], current(caller)["pending_change"]) == ("enterprise", None)
    assert not scheduled_at_stripe(user)
    assert not ScheduledChange.objects.exists()


@pytest.mark.parametrize("what", ["upgrade", "cancel"])
def test_the_process_dies_half_way(caller: APIClient, user: User, shop: Shop, what: str) -> None:
    shown = current(caller)
    with killed_before("/v1/subscriptions/"):
        if what == "upgrade":
            change(caller, "enterprise")
        else:
            post(caller, "cancel")

    assert current(caller) == shown
    shop.deliver()
    assert not scheduled_at_stripe(user)  # Who is at it may be alive.

    minutes_pass()
    mend()

    assert scheduled_at_stripe(user)
    shop.deliver()
    assert current(caller) == shown
    shop.advance(days=367)
    shop.deliver()
    last = Invoice.objects.filter(subscription__user=user).first()
    assert last
    assert (current(caller)["interval"], last.paid) == ("month", 2_000)


def test_it_dies_while_it_puts_it_back(caller: APIClient, user: User, shop: Shop) -> None:
    with killed_before("/v1/subscriptions/"):
        change(caller, "enterprise")
    minutes_pass()
    with killed_before("/v1/subscription_schedules/sub_sched"):
        mend()
    minutes_pass()

    mend()

    assert scheduled_at_stripe(user)
    assert current(caller)["pending_change"]["interval"] == "month"


def test_it_dies_and_the_user_asks_again(caller: APIClient, user: User) -> None:
    for _ in range(2):
        with killed_before("/v1/subscriptions/"):
            change(caller, "enterprise")

    answer = change(caller, "enterprise").json()

    assert (answer["plan"], answer["pending_change"]) == ("enterprise", None)
    minutes_pass()
    mend()
    assert not scheduled_at_stripe(user)


def test_the_user_thinks_better_of_it_meanwhile(caller: APIClient, user: User) -> None:
    with killed_before("/v1/subscriptions/"):
        change(caller, "enterprise")

    assert post(caller, "resume").json()["pending_change"] is None

    minutes_pass()
    mend()
    assert not scheduled_at_stripe(user)


def test_an_old_reading_undoes_no_upgrade(caller: APIClient, user: User) -> None:
    """Who has read the subscription before it was paid for plans nothing by that."""
    found = gateway.subscription(str(Subscription.objects.get(user=user).stripe_id))
    smaller = str(readings.price_to_come(found))
    assert change(caller, "enterprise").status_code == 200

    with pytest.raises(SubscriptionBusy):
        gateway.schedule_change(found, price_id=smaller, key="late")

    assert current(caller)["plan"] == "enterprise"
    assert not scheduled_at_stripe(user)


def test_an_upgrade_that_begins_meanwhile_keeps_what_it_has_scheduled(
    caller: APIClient, user: User
) -> None:
    with killed_before("/v1/subscriptions/"):
        change(caller, "enterprise")
    minutes_pass()
    theirs = timezone.now() + scheduled_changes.LEASE
    real = stripe.RequestsClient.request

    def request(self: Any, method: str, url: str, *rest: Any, **more: Any) -> Any:
        if method == "post" and "subscription_schedules" in url:
            ScheduledChange.objects.update(leased_until=theirs)
        return real(self, method, url, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stripe.RequestsClient, "request", request)
        scheduled_changes.put_back(str(Subscription.objects.get(user=user).stripe_id))

    assert ScheduledChange.objects.get().leased_until == theirs
