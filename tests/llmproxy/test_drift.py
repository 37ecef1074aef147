"""The alarm for prices that have gone wrong."""

from decimal import Decimal

import pytest

from llmproxy.models import Route
from llmproxy.tasks import check_drift
from tests.factories import RouteFactory
from tests.tokens.accounts import account
from tokens import ledger
from tokens.ledger import HoldContext, Receipt

pytestmark = pytest.mark.django_db


def used(model: str, cost: str | None, upstream_cost: str | None) -> None:
    hold = ledger.reserve(
        user_id=account(100).pk, amount=1, ttl=60, context=HoldContext(request_id="r", endpoint="c")
    )
    receipt = Receipt(
        model=model,
        provider="demo",
        cost=None if cost is None else Decimal(cost),
        upstream_cost=None if upstream_cost is None else Decimal(upstream_cost),
    )
    ledger.settle(hold=hold, charge=0, receipt=receipt)


@pytest.mark.parametrize(
    ("cost", "upstream_cost", "drift", "alarms"),
    [
        ("1", "1.04", "4", 0),
        ("1", "1.06", "6", 1),
        ("1", "0.5", "-50", 1),
        ("0", "1", "99999.999", 1),
        ("0", "0", "0", 0),
        ("1", None, None, 0),
        (None, "1", None, 0),
    ],
)
def test_a_cost_that_drifts_from_the_list_price_raises_an_alarm(
    cost: str | None,
    upstream_cost: str | None,
    drift: str | None,
    alarms: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    RouteFactory.create(model__name="a/b")
    used("a/b", cost, upstream_cost)

    assert check_drift() == alarms

    assert Route.objects.get().drift == (None if drift is None else Decimal(drift))
    assert ["price_drift" in record.getMessage() for record in caplog.records] == [True] * alarms


def test_it_is_the_sum_that_counts() -> None:
    RouteFactory.create(model__name="a/b")
    used("a/b", "1", "2")
    used("a/b", "99", "99")

    assert check_drift() == 0
    assert Route.objects.get().drift == 1
