"""PUT /api/admin/users/{id}/plan."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from rest_framework.test import APIClient

from accounts.models import User
from billing.models import Subscription
from billing.pricing.plans import seed_plans
from tests.adminpanel.conftest import As
from tokens.ledger import open_account
from tokens.ledger.verify import verify
from tokens.models import Balance


@pytest.fixture(autouse=True)
def plans(db: None) -> None:
    seed_plans()


@pytest.fixture
def staff(as_role: As) -> APIClient:
    return as_role("finance")


def put(api: APIClient, user_id: int, **body: Any) -> Any:
    return api.put(f"/api/admin/users/{user_id}/plan", body, format="json")


def test_a_plan_change_raises_the_allowance_and_is_audited(staff: APIClient, user: User) -> None:
    before = open_account(user.pk).allocated
    answer = put(staff, user.pk, plan="pro", reason="a friend of the house")

    assert (answer.status_code, answer.json()["plan"]) == (200, "pro")
    balance = Balance.objects.get(user=user)
    assert before < balance.allocated == answer.json()["tokens"]["allocated"]
    assert balance.renews_by == "schedule"
    entry = LogEntry.objects.get(object_id=str(user.pk))
    assert entry.change_message == "plan: free → pro. Reason: a friend of the house"
    assert verify() == []


def test_again_changes_nothing(staff: APIClient, user: User) -> None:
    for _ in range(2):
        assert put(staff, user.pk, plan="pro", reason="why not").status_code == 200
    assert LogEntry.objects.count() == 1


def test_whoever_pays_is_left_alone(staff: APIClient, user: User) -> None:
    open_account(user.pk)
    Subscription.objects.create(
        user=user,
        plan_id="enterprise",
        interval="month",
        status="active",
        entitled=True,
        stripe_id="sub_1",
    )
    refused = put(staff, user.pk, plan="pro", reason="x")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert open_account(user.pk).tier_id == "free"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"plan": "gold", "reason": "x"}, "plan"),
        ({"plan": "pro"}, "reason"),
        ({"plan": "pro", "reason": " "}, "reason"),
        ({"plan": ["pro"], "reason": "x"}, "plan"),
        ({"plan": "pro", "reason": "x" * 201}, "reason"),
    ],
)
def test_invalid_bodies_are_refused(
    staff: APIClient, user: User, body: dict[str, Any], param: str
) -> None:
    refused = put(staff, user.pk, **body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
    assert LogEntry.objects.count() == 0


def test_an_unknown_user(staff: APIClient) -> None:
    assert put(staff, 10**9, plan="pro", reason="x").status_code == 404
    assert put(staff, 10**30, plan="pro", reason="x").status_code == 404


@pytest.mark.parametrize("role", ["user", "staff", "support"])
def test_who_may_not(as_role: As, user: User, role: str) -> None:
    assert put(as_role(role), user.pk, plan="pro", reason="x").status_code == 403
