"""The admin site says figures, prices and times as people read them."""

from decimal import Decimal

import pytest
from django.test import Client

from billing.pricing.plans import seed_plans
from llmproxy.models import Route
from tests.adminpanel.site import fill_site, signed_in
from tests.factories import RouteFactory

PRICES = ("price_prompt", "price_completion", "price_cached", "price_request")


@pytest.fixture
def root(db: None) -> Client:
    seed_plans()
    return signed_in("root")


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("billing/invoice", "20.00 USD"),
        ("billing/plan", "200.00 USD"),
        ("tokens/grant", "1,000"),
        ("tokens/tier", "50,000,000"),
    ],
)
def test_lists_show_formatted_figures(root: Client, page: str, said: str) -> None:
    fill_site()
    assert said in root.get(f"/admin/{page}/").text


def test_labels_say_api(root: Client) -> None:
    page = root.get("/admin/tokens/tier/add/").text
    assert "API keys" in page
    assert "Api keys" not in page


def test_times_sort_as_they_read(root: Client) -> None:
    user = fill_site()
    record = user.usage_records.get()
    assert f"{record.created_at:%Y-%m-%d %H:%M}" in root.get("/admin/tokens/usagerecord/").text


def _route() -> Route:
    return RouteFactory.create(
        price_prompt=Decimal("0.00000025"), price_completion=Decimal("0.000002"), price_request=0
    )


def _form(root: Client, route: Route) -> dict[str, str]:
    """Return the fields of a route's page, as a browser would send them back."""
    form = root.get(f"/admin/llmproxy/route/{route.pk}/change/").context["adminform"].form
    return {name: form[name].value() or "" for name in form.fields}


def test_prices_are_per_million_tokens(root: Client) -> None:
    route = _route()
    assert "0.25" in root.get("/admin/llmproxy/route/").text
    form = _form(root, route)
    assert [form[name] for name in PRICES] == ["0.25", "2", "", "0"]


def test_a_price_is_kept_per_token(root: Client) -> None:
    route = _route()
    form = _form(root, route) | {"price_prompt": "0.000001", "price_request": "0.01"}
    assert root.post(f"/admin/llmproxy/route/{route.pk}/change/", form).status_code == 302
    route.refresh_from_db()
    assert route.price_prompt == Decimal("0.000000000001")
    assert route.price_completion == Decimal("0.000002")
    assert (route.price_cached, route.price_request) == (None, Decimal("0.01"))


@pytest.mark.parametrize("price", ["-1", "0.0000001", "1e13", "free"])
def test_an_invalid_price_is_refused(root: Client, price: str) -> None:
    route = _route()
    form = _form(root, route) | {"price_prompt": price}
    answer = root.post(f"/admin/llmproxy/route/{route.pk}/change/", form)
    assert answer.context["adminform"].form.errors.keys() == {"price_prompt"}
    assert price in answer.text


def test_an_untouched_price_is_no_change(root: Client) -> None:
    route = _route()
    form = _form(root, route) | {"priority": "7"}
    root.post(f"/admin/llmproxy/route/{route.pk}/change/", form)
    history = root.get(f"/admin/llmproxy/route/{route.pk}/history/").text
    assert "Changed Priority." in history


def test_who_may_not_is_not_told_of_forms(db: None) -> None:
    page = signed_in("staff").get("/admin/billing/invoice/")
    assert page.status_code == 403
    assert "does not have access" in page.text
    assert "expired" not in page.text


def test_a_stale_form_is_explained(db: None) -> None:
    page = Client(enforce_csrf_checks=True).post("/accounts/login/", {})
    assert page.status_code == 403
    assert "expired" in page.text
