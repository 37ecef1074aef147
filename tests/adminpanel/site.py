"""Staff signed in to the admin site, and a row of everything that it lists."""

from datetime import UTC, datetime, timedelta

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.sessions import session_pairs
from adminpanel.access import roles
from adminpanel.actions import audit
from apikeys import keys
from billing.models import Customer, Invoice, StripeEvent, Subscription
from llmproxy.catalog.weights import remember
from llmproxy.models import Alias, PriceChange
from tests.factories import ModelFactory, RouteFactory, UserFactory
from tokens import ledger
from tokens.ledger import allowances


def signed_in(role: str) -> Client:
    """Return a browser of somebody in a role: staff (in no group), one of ROLES, or root."""
    staff: User = UserFactory.create(is_staff=True, is_superuser=role == "root")
    if role in roles.ROLES:
        staff.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(staff)
    return client


def fill_site() -> User:
    """Make a new user, and one more row in every list."""
    user: User = UserFactory.create()
    _spend(user)
    _pay(user)
    session_pairs.issue(user)
    keys.create(user=user, name="editor")
    EmailAddress.objects.create(user=user, email=user.email)
    SocialAccount.objects.create(user=user, provider="github", uid=str(user.pk))
    route = RouteFactory.create(model=ModelFactory.create())
    Alias.objects.create(name=f"alias-{user.pk}", model=route.model)
    PriceChange.objects.create(model=route.model_id, provider="demo")
    remember([route.model])
    audit.record(staff=user, target=user, action="test", before=0, after=1, reason="x")
    return user


def _spend(user: User) -> None:
    ledger.grant(user_id=user.pk, amount=1000, source=f"test:{user.pk}")
    allowances.change_tier(user_id=user.pk, tier="pro", source=f"test:{user.pk}")
    context = ledger.HoldContext(request_id=f"r{user.pk}", endpoint="chat", model="test/model")
    hold = ledger.reserve(user_id=user.pk, amount=10, ttl=60, context=context)
    ledger.settle(hold=hold, charge=5, receipt=ledger.Receipt(model="test/model", provider="demo"))
    ledger.reserve(user_id=user.pk, amount=10, ttl=60)


def _pay(user: User) -> None:
    now = timezone.now()
    Customer.objects.create(user=user, stripe_id=f"cus_{user.pk}")
    subscription = Subscription.objects.create(
        user=user, plan_id="pro", interval="month", status="active", stripe_id=f"sub_{user.pk}"
    )
    Invoice.objects.create(
        id=f"in_{user.pk}",
        subscription=subscription,
        plan_id="pro",
        status="paid",
        currency="usd",
        total=2000,
        period_start=now,
        period_end=now + timedelta(days=30),
        created_at=now,
    )
    StripeEvent.objects.create(
        id=f"evt_{user.pk}", type="invoice.paid", payload={}, created_at=datetime.now(UTC)
    )
