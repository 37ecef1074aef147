"""Stripe writes to the address that the user has now."""

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.flows import deletion
from accounts.models import User
from billing import tasks
from billing.models import Customer
from billing.stripe import customers, gateway
from config.celery import app
from core.errors import Unavailable
from tests.accounts.signing_in import fresh_email
from tests.billing.commands import run
from tests.billing.shop import Shop


@pytest.fixture
def customer(user: User, shop: Shop) -> str:
    return customers.ensure(user)


def move(user: User) -> None:
    user.email = fresh_email()
    user.save(update_fields=["email"])


def address_of(customer: str) -> str:
    return str(gateway.customer(customer)["email"])


def test_a_change_of_address_reaches_stripe_by_the_queue(
    user: User,
    customer: str,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    """The change of address asks the queue alone, and the worker asks Stripe."""
    queued: list[tuple[str, tuple[int]]] = []

    def send(_producer: object, name: str, message: object, **_: object) -> None:
        queued.append((name, message.body[0]))  # type: ignore[attr-defined]

    monkeypatch.setattr(app.amqp, "send_task_message", send)
    former = address_of(customer)
    with django_capture_on_commit_callbacks(execute=True):
        move(user)
        assert queued == []
    assert queued == [("billing.tasks.follow_address", (user.pk,))]
    assert address_of(customer) == former

    tasks.follow_address(user.pk)

    assert address_of(customer) == user.email != former


def test_a_second_time_nothing_is_written(user: User, customer: str, shop: Shop) -> None:
    move(user)
    tasks.follow_address(user.pk)
    shop.fake.fail("500", times=9, path="/v1/customers/", method="POST")

    tasks.follow_address(user.pk)

    assert address_of(customer) == user.email


def test_neither_queue_nor_stripe_keeps_anyone_from_moving(
    user: User,
    customer: str,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(app.amqp, "send_task_message", away)
    with django_capture_on_commit_callbacks(execute=True):
        move(user)
    assert User.objects.get(pk=user.pk).email == user.email

    shop.fake.fail("500", times=3, path="/v1/customers/", method="POST")
    with pytest.raises(Unavailable):  # Celery tries again
        customers.follow_address(user)


def test_sync_stripe_repairs_it(user: User, customer: str, shop: Shop) -> None:
    move(user)

    said = f"{customer}: has the present email address of user {user.pk}\n"
    assert said in run("sync_stripe", dry_run=True)
    assert address_of(customer) != user.email
    assert said in run("sync_stripe")
    assert address_of(customer) == user.email
    assert run("sync_stripe") == "0 changes\n"


def test_who_has_left_is_not_written_about(user: User, customer: str, shop: Shop) -> None:
    former = address_of(customer)
    deletion.delete(user)

    tasks.follow_address(user.pk)

    assert address_of(customer) == former
    assert run("sync_stripe") == "0 changes\n"


def test_who_is_no_customer_needs_nothing(user: User, shop: Shop) -> None:
    tasks.follow_address(user.pk)

    assert not Customer.objects.filter(user=user).exists()
