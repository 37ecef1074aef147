"""The page of the automatic top-up: the card, the consent, turning it on and off."""

import pytest
from django.test import Client

from accounts.models import User
from accounts.throttling import attempts
from billing.models import AutomaticTopUp, Pack
from billing.stripe import customers, gateway
from tests.billing.shop import Shop
from tests.billing.test_automatic_top_up import save_card
from tests.billing.test_buying_tokens import pack

__all__ = ["pack"]  # a fixture
pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/portal/tokens/automatic/"


@pytest.fixture
def visitor(user: User, pack: Pack) -> Client:
    client = Client()
    client.force_login(user)
    return client


def form(**changed: str) -> dict[str, str]:
    given = {"pack": "small", "threshold": "1000", "monthly_ceiling": "12.50", "consent": "on"}
    return {**given, **changed}


def test_without_a_card_there_is_no_form(visitor: Client, user: User) -> None:
    page = visitor.get(PAGE).content.decode()
    assert "There is no saved card yet" in page
    assert 'name="consent"' not in page
    assert visitor.post(PAGE, form()).status_code == 200
    assert not AutomaticTopUp.objects.exists()


def test_a_card_that_stripe_has_is_shown_and_charged_with_consent(
    visitor: Client, user: User
) -> None:
    save_card(user)
    assert "4242" in visitor.get(PAGE).content.decode()
    assert visitor.post(PAGE, form()).status_code == 302
    found = AutomaticTopUp.objects.get(pk=user.pk)
    assert (found.threshold, found.monthly_ceiling, found.enabled) == (1000, 1250, True)
    assert (
        "1,000,000 tokens are bought when fewer than 1,000"
        in visitor.get("/portal/tokens/").content.decode()
    )
    visitor.post(f"{PAGE}off/")
    found.refresh_from_db()
    assert not found.enabled


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"consent": ""}, "Check this box to agree."),
        ({"monthly_ceiling": "4.99"}, "This is less than the pack costs."),
        ({"threshold": "1000001"}, "This is more than the pack has tokens."),
        ({"consent": "", "threshold": "1000001"}, "This is more than the pack has tokens."),
        ({"pack": "none"}, "Select a valid choice"),
        ({"threshold": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_explained(
    visitor: Client, user: User, changed: dict[str, str], text: str
) -> None:
    save_card(user)
    assert text in visitor.post(PAGE, form(**changed)).content.decode()
    assert not AutomaticTopUp.objects.exists()


def test_the_page_opens_while_stripe_is_away(visitor: Client, user: User, shop: Shop) -> None:
    customers.ensure(user)
    shop.fake.fail("500", times=30)
    page = visitor.get(PAGE)
    assert page.status_code == 200
    assert "Payments are not available at the moment." in page.content.decode()


def test_strangers_and_other_methods(client: Client, visitor: Client) -> None:
    assert client.get(PAGE).status_code == 302
    assert visitor.get(f"{PAGE}off/").status_code == 405
    assert gateway.is_set_up()


def test_who_opens_it_in_a_loop_does_not_use_up_the_requests_to_stripe(
    visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_CARD_LOOKUPS", "2/d")  # a minute may end during the test
    answers = [visitor.get(PAGE).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
