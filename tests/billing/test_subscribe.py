"""Subscribing with a card."""

from rest_framework.test import APIClient

from accounts.models import User
from billing.models import Subscription
from billing.stripe import gateway
from tests.billing.shop import PRO, Shop, current, subscribe, tokens


def test_subscribing_with_a_card_gives_the_plans_tokens_at_once(
    caller: APIClient, user: User, shop: Shop
) -> None:
    answer = subscribe(caller)

    assert answer.status_code == 201, answer.json()
    assert answer.json()["plan"] == "pro"
    assert answer.json()["status"] == "active"
    assert answer.json()["checkout_url"] is answer.json()["client_secret"] is None
    assert tokens(user) == PRO
    assert set(shop.deliver()) == {200}
    assert tokens(user) == PRO
    assert current(caller)["status"] == "active"


def test_an_idempotency_key(caller: APIClient, user: User, shop: Shop) -> None:
    """The same request has the same answer, another one is refused, and a refusal is not kept."""
    caller.defaults["HTTP_IDEMPOTENCY_KEY"] = "once"
    declined = subscribe(caller, payment_method="pm_card_chargeDeclined")
    assert declined.status_code == 402

    first, second = subscribe(caller), subscribe(caller)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert subscribe(caller, plan="enterprise").json()["error"]["code"] == "conflict"
    assert tokens(user) == PRO


def test_a_promotion_code(caller: APIClient, user: User, shop: Shop) -> None:
    api = gateway._v1()
    coupon = api.coupons.create({"percent_off": 25, "duration": "once"})
    promotion = {"type": "coupon", "coupon": coupon.id}
    api.promotion_codes.create({"promotion": promotion, "code": "SPRING"})

    assert subscribe(caller, promotion_code="AUTUMN").json()["error"]["param"] == "promotion_code"
    assert subscribe(caller, promotion_code="SPRING").status_code == 201

    assert caller.get("/api/subscriptions/invoices").json()["results"][0]["paid"] == 1_500
    assert tokens(user) == PRO


def test_a_promotion_code_has_a_page_of_its_own(caller: APIClient, shop: Shop) -> None:
    api = gateway._v1()
    coupon = api.coupons.create({"percent_off": 25, "duration": "once"})
    promotion = {"type": "coupon", "coupon": coupon.id}
    api.promotion_codes.create({"promotion": promotion, "code": "SPRING"})
    dear = subscribe(caller, payment_method=None).json()["checkout_url"]

    cheap = subscribe(caller, payment_method=None, promotion_code="SPRING").json()["checkout_url"]

    assert cheap != dear
    assert gateway.checkout(Subscription.objects.get(ended_at=None).checkout_id)["discounts"]


def test_invalid_requests_are_refused(caller: APIClient) -> None:
    bodies: list[object] = [
        {},
        [],
        {"plan": "gold"},
        {"plan": "free"},
        {"plan": ["pro"]},
        {"plan": "pro\0"},
        {"plan": "pro", "interval": "week"},
        {"plan": "pro", "payment_method": "card_1"},
        {"plan": "pro", "payment_method": {"id": 1}},
    ]
    for body in bodies:
        answer = caller.post("/api/subscriptions/subscribe", body, format="json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request"), (
            body
        )


def test_strangers_and_keys_are_refused(api: APIClient, shop: Shop) -> None:
    for path in ("current", "invoices", "usage"):
        assert api.get(f"/api/subscriptions/{path}").status_code == 401
    assert subscribe(api).status_code == 401
