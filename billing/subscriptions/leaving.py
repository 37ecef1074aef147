"""Creating missing customers, and ending subscriptions of deleted accounts."""

from typing import Any

import structlog
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from billing.models import AutomaticTopUp, Customer, Subscription
from billing.stripe import customers, gateway, mirror
from billing.subscriptions import changes, locks
from billing.topups import buying
from core.errors import ApiError

log = structlog.get_logger("tokengate.billing")


def mark(user: User) -> bool:
    """Note, within the deletion of an account, that its subscription is to end; tell if it has one.

    Nothing is bought for it any more.

    Stripe is told after the commit, by the worker, which goes by this note until it is done.
    """
    AutomaticTopUp.objects.filter(user=user).update(enabled=False)
    return bool(_live(user).update(to_end=True))


def end_marked() -> int:
    """End the subscriptions of those who have left; returns how many. Repeats what failed."""
    rows = Subscription.objects.filter(to_end=True, ended_at=None)
    return sum(_end(row) for row in rows)


def forget_all() -> int:
    """Erase at Stripe who has left here; returns how many. Repeats what failed.

    With them go the copies that dj-stripe has, also those that a late event has brought back.
    """
    left = Customer.objects.filter(user__deleted_at__isnull=False, erased_at=None)
    erased = sum(_forget(customer) for customer in left.exclude(user__in=_not_ended()))
    mirror.forget(Customer.objects.exclude(erased_at=None).values("stripe_id"))
    return erased


def _forget(customer: Customer) -> bool:
    """Erase name, address and cards of a user who has left at Stripe; it keeps their invoices."""
    try:
        buying.close_pages(customer.user_id)
        if gateway.has_customer(customer.stripe_id):
            gateway.delete_customer(customer.stripe_id, key=f"delete:{customer.stripe_id}")
    except ApiError as failed:
        log.error("customer_not_erased", customer=customer.stripe_id, error=failed.code)  # noqa: TRY400
        return False
    Customer.objects.filter(pk=customer.pk).update(erased_at=timezone.now())
    return True


def _not_ended() -> QuerySet[Any]:
    return Subscription.objects.filter(ended_at=None).values("user_id")


def make_missing_customers(*, at_most: int = 500) -> int:
    """Create the missing customers of active users; returns how many."""
    missing = User.objects.filter(is_active=True, billing_customer=None).order_by("-pk")
    made = 0
    for user in missing[:at_most]:
        customers.ensure(user)
        made += 1
    return made


def _live(user: User) -> QuerySet[Subscription]:
    return Subscription.objects.filter(user=user, ended_at=None)


def _end(row: Subscription) -> bool:
    try:
        if row.stripe_id is None:
            made = locks.settle(row, give_up=True)
            if made is None or made.ended_at:
                return True
            row = made
        changes.end_now(row)
    except ApiError as failed:
        log.error("subscription_not_ended", subscription=row.pk, error=failed.code)  # noqa: TRY400
        return False
    return True
