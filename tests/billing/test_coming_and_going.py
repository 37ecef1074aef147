"""Customers at Stripe: made after sign-up, found again, and let go when an account is deleted."""

import pytest
from django.apps import apps
from djstripe import models as djstripe
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from rest_framework.test import APIClient

from accounts.flows import deletion
from accounts.models import User
from billing import tasks
from billing.events import webhooks
from billing.models import Customer, StripeEvent, Subscription
from billing.stripe import customers, gateway
from config.celery import app
from tests.accounts.racing import race
from tests.billing.shop import Shop, current, post, subscribe
from tests.factories import UserFactory


def test_a_user_gets_one_customer_at_stripe(user: User, shop: Shop) -> None:
    tasks.make_customer(user.pk)
    made = Customer.objects.get(user=user).stripe_id
    tasks.make_customer(user.pk)

    assert gateway.customer(made)["email"] == user.email
    assert [one["id"] for one in gateway.customers_by_email(user.email)] == [made]


def test_what_was_not_noted_down_is_found(user: User, shop: Shop) -> None:
    made = customers.ensure(user)
    Customer.objects.all().delete()
    assert customers.user_of(made) == user

    Customer.objects.all().delete()
    assert customers.ensure(user) == made


def test_somebody_elses_mark_is_no_proof(user: User, shop: Shop) -> None:
    """The same id in another database, on a shared test account."""
    other = UserFactory.create()
    made = customers.ensure(user)
    Customer.objects.all().delete()
    User.objects.filter(pk=user.pk).update(email="moved@example.com")

    assert customers.user_of(made) is None
    assert customers.ensure(User.objects.get(pk=user.pk)) != made
    assert customers.ensure(other) != made


@pytest.mark.django_db(transaction=True)
def test_all_at_once(user: User, shop: Shop) -> None:
    assert len(set(race(lambda: customers.ensure(user)))) == 1
    assert len(gateway.customers_by_email(user.email)) == 1


def test_signing_up_never_fails_with_the_queue(
    api: APIClient,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    monkeypatch.setattr(app.amqp, "send_task_message", _away)
    body = {"email": "ada@example.com", "password": "correct horse battery"}

    with django_capture_on_commit_callbacks(execute=True) as queued:
        answer = api.post("/api/auth/register", body, format="json")

    assert answer.status_code == 201
    assert len(queued) == 1


def _away(*args: object, **kwargs: object) -> None:
    raise ConnectionRefusedError


def test_nothing_is_queued_without_a_key(
    settings: Settings, db: None, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    settings.STRIPE_SECRET_KEY = ""
    with django_capture_on_commit_callbacks() as queued:
        UserFactory.create()
    assert queued == []


def test_a_deleted_account_is_let_go(caller: APIClient, user: User, shop: Shop) -> None:
    subscribe(caller)
    stripe_id = Subscription.objects.get(user=user).stripe_id
    shop.fake.fail("500", times=3, path="/v1/subscriptions/", method="DELETE")

    deletion.delete(user)
    tasks.mend()
    assert gateway.subscription(str(stripe_id))["status"] == "active"  # Stripe was away
    tasks.say_goodbye()

    assert gateway.subscription(str(stripe_id))["status"] == "canceled"
    assert Subscription.objects.get(user=user).ended_at
    customer = gateway.customer(Customer.objects.get(user=user).stripe_id)
    assert customer["deleted"] is True
    assert set(shop.deliver()) == {200}
    assert Subscription.objects.get(user=user).status == "canceled"


def test_no_copy_says_who_it_was(caller: APIClient, user: User, shop: Shop) -> None:
    """Neither the events that came nor dj-stripe's tables, whatever comes late."""
    subscribe(caller)
    shop.deliver()
    paid = StripeEvent.objects.get(type="invoice.paid")
    tasks.mirror(paid.pk)
    assert djstripe.Invoice.objects.filter(customer__email=user.email).exists()
    email = user.email

    deletion.delete(user)
    tasks.say_goodbye()
    assert set(shop.deliver()) == {200}
    tasks.mirror(paid.pk)
    tasks.mend()

    for model in apps.get_models():
        if model._meta.app_label in ("billing", "djstripe"):
            assert email not in str(list(model._base_manager.values())), model
    assert webhooks.process_again(paid)  # Staff may still have it done again.


def test_nobody_is_remembered_because_stripe_was_away(user: User, shop: Shop) -> None:
    """The message to the worker was lost, and then Stripe did not answer."""
    made = customers.ensure(user)
    deletion.delete(user)
    shop.fake.fail("500", times=3, path="/v1/customers/", method="DELETE")

    tasks.mend()
    assert gateway.has_customer(made)
    tasks.mend()

    assert not gateway.has_customer(made)
    assert Customer.objects.get(user=user).erased_at


def test_a_customer_who_was_deleted_at_stripe(caller: APIClient, user: User, shop: Shop) -> None:
    """Their subscription ends, as it did at Stripe, and they can have another one."""
    subscribe(caller)
    gone = user.billing_customer.stripe_id
    shop.take()
    gateway.delete_customer(gone, key="by staff")
    events = shop.take()
    assert post(caller, "portal").status_code == 200  # as a new customer

    assert set(shop.deliver(events)) == {200}
    assert current(caller)["status"] == "none"
    assert subscribe(caller).status_code == 201
    assert Customer.objects.get(user=user).stripe_id != gone


def test_an_open_checkout_is_closed_too(caller: APIClient, user: User, shop: Shop) -> None:
    subscribe(caller, payment_method=None)

    deletion.delete(user)
    tasks.say_goodbye()

    row = Subscription.objects.get(user=user)
    assert row.status == "abandoned"
    assert gateway.checkout(row.checkout_id)["status"] == "expired"
