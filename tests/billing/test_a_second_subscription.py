"""A subscription that staff made at Stripe beside the user's own: it is reported, and waits.

Which of the two is to stay is for staff to say; until then neither is touched.
"""

from rest_framework.test import APIClient

from accounts.models import User
from billing.models import Price, Subscription
from billing.stripe import gateway
from tests.billing.commands import run
from tests.billing.shop import ENTERPRISE, PRO, Shop, current, post, subscribe, tokens
from tokens.models import Balance


def make_another(user: User) -> str:
    price = Price.objects.get(plan="enterprise", interval="month", active=True)
    wanted = {"customer": user.billing_customer.stripe_id, "items": [{"price": price.pk}]}
    return str(gateway._v1().subscriptions.create(wanted).id)


def test_a_second_subscription_is_reported_and_changes_nothing(
    caller: APIClient, user: User, shop: Shop
) -> None:
    subscribe(caller)
    second = make_another(user)

    assert set(shop.deliver()) == {200}

    assert (current(caller)["plan"], tokens(user)) == ("pro", PRO)
    assert f"{second}: user {user.pk} has another subscription" in run("sync_stripe")
    assert gateway.subscription(second)["status"] == "active"


def test_it_takes_the_place_of_the_first(caller: APIClient, user: User, shop: Shop) -> None:
    """Who pays for it has it from the moment that the other one ends."""
    subscribe(caller)
    second = make_another(user)
    shop.deliver()

    post(caller, "cancel", now=True)
    shop.deliver()

    assert current(caller)["plan"] == "enterprise"
    assert tokens(user) == ENTERPRISE
    assert Subscription.objects.get(user=user, ended_at=None).stripe_id == second
    assert Balance.objects.get(user=user).tier_id == "enterprise"
