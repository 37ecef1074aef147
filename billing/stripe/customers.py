"""A user's customer at Stripe: created after sign-up, or when it is first needed."""

import hashlib

import structlog
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from billing.models import Customer
from billing.stripe import gateway

log = structlog.get_logger("tokengate.billing")

_USER = "tokengate_user"


def ensure(user: User) -> str:
    """Return the id of the user's customer, making what is missing; the same however often.

    One that is deleted at Stripe, or belongs to another account there, is replaced. Raises
    ``BillingUnavailable`` where Stripe does not answer.
    """
    known = Customer.objects.filter(user=user).first()
    if known and gateway.has_customer(known.stripe_id):
        return known.stripe_id
    found = _at_stripe(user) or _create(user, instead_of=known.stripe_id if known else "")
    if known:
        Customer.objects.filter(pk=known.pk, stripe_id=known.stripe_id).update(stripe_id=found)
    kept, _ = Customer.objects.get_or_create(user=user, defaults={"stripe_id": found})
    return kept.stripe_id


def follow_address(user: User) -> bool:
    """Have Stripe write to the user's present address; tell whether that took a change.

    Nothing is done for who is no customer, or has left. Raises ``BillingUnavailable``.
    """
    known = Customer.objects.filter(user=user, erased_at=None).first()
    if known is None or not _may_be_written_to(user):
        return False
    found = gateway.customer(known.stripe_id)
    if found.get("deleted") or found["email"] == user.email:
        return False
    gateway.change_address(known.stripe_id, email=user.email)
    log.info("customer_address_followed", user_id=user.pk, customer=known.stripe_id)
    return True


def with_another_address() -> list[Customer]:
    """Return the customers whose address at Stripe is not that of their user."""
    addresses = {found["id"]: found["email"] for found in gateway.all_customers()}
    ours = Customer.objects.filter(stripe_id__in=addresses, erased_at=None).select_related("user")
    return [
        one
        for one in ours.order_by("pk")
        if _may_be_written_to(one.user) and one.user.email != addresses[one.stripe_id]
    ]


def _may_be_written_to(user: User) -> bool:
    return user.is_active and not user.is_deleted


def user_of(customer_id: str) -> User | None:
    """Return whose customer it is, be it one that we made but did not ``note``."""
    known = Customer.objects.select_related("user").filter(stripe_id=customer_id).first()
    return known.user if known else _marked(customer_id)


def note(user_id: int, customer_id: str) -> bool:
    """Note down whose customer it is; False for who has another one by now."""
    kept, _ = Customer.objects.get_or_create(user_id=user_id, defaults={"stripe_id": customer_id})
    return kept.stripe_id == customer_id


def _at_stripe(user: User) -> str | None:
    """Find what we made before, but could not note down.

    By address and mark: marks alone could be those of another database on a shared test account.
    """
    for customer in gateway.customers_by_email(user.email):
        if customer["metadata"].get(_USER) == str(user.pk):
            return str(customer["id"])
    return None


def _create(user: User, *, instead_of: str) -> str:
    hour = timezone.now().strftime("%Y%m%d%H")  # Stripe repeats a failure to the same key for a day
    secret = f"{settings.SECRET_KEY}{user.email}{user.name}{instead_of}{hour}"
    mark = hashlib.sha256(secret.encode()).hexdigest()[:16]  # another database, another key
    customer = gateway.create_customer(
        email=user.email,
        name=user.name,
        metadata={_USER: str(user.pk)},
        key=f"customer:{user.pk}:{mark}",
    )
    return str(customer["id"])


def _marked(customer_id: str) -> User | None:
    customer = gateway.customer(customer_id)
    mark = "" if customer.get("deleted") else customer["metadata"].get(_USER, "")
    user = User.objects.filter(pk=mark).first() if mark.isdecimal() and len(mark) < 19 else None
    if user is None or user.email != customer["email"]:
        log.warning("unknown_customer", customer=customer_id)
        return None
    return None if Customer.objects.filter(user=user).exists() else user
