"""A list of the admin site is filtered by what its page declares, and by no other column."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import RequestFactory
from django.urls import reverse
from djstripe.models import Event

from accounts.models import User
from billing.pricing.plans import seed_plans
from core.admin.pages import StaffAdmin
from tests.adminpanel.site import signed_in
from tests.factories import UserFactory

LOOKUPS = ("", "__exact", "__startswith", "__contains", "__gt", "__regex", "__isnull")
SECRET = re.compile(
    r"secret|digest|password|token$|refresh_id|^data$|^key$|^body$|^headers$|session_data"
)
HARMLESS = {User: {"password"}, Event: {"data"}}  # masked; what an event is about
PAGES = sorted(admin.site._registry, key=lambda model: model._meta.label)
pages = pytest.mark.parametrize("model", PAGES, ids=lambda model: model._meta.label)


@pytest.fixture
def root(db: None) -> User:
    seed_plans()  # a filter with nothing to choose from is not shown
    made: User = UserFactory.create(is_staff=True, is_superuser=True)
    return made


def listed(page_of: type[Model], root: User, /, **parameters: str) -> Any:
    """Return the list that a page would show for such an address."""
    request: Any = RequestFactory().get("/", parameters)
    request.user = root
    return admin.site._registry[page_of].get_changelist_instance(request)


def declared(model: type[Model], root: User) -> set[str]:
    shown = listed(model, root)
    named = {name for spec in shown.filter_specs for name in spec.expected_parameters()}
    # A filter by related rows is left out of a page on which it would have one choice.
    related = {spec[0] for spec in shown.list_filter if isinstance(spec, tuple)}
    named |= {f"{name}{end}" for name in related for end in ("__id__exact", "__isnull")}
    hierarchy = shown.date_hierarchy
    return named | ({f"{hierarchy}__gte", f"{hierarchy}__lt"} if hierarchy else set())


def columns(model: type[Model], *, related: bool = True) -> Iterator[str]:
    """Yield every column of a model, and of all models that it is related to, either way."""
    for field in model._meta.get_fields():
        yield field.name
        if related and isinstance(field.related_model, type):
            theirs = columns(field.related_model, related=False)
            yield from (f"{field.name}__{name}" for name in theirs)


def refused(model: type[Model], root: User, lookups: set[str]) -> set[str]:
    """Return those of the lookups that a list does not accept, tried one by one.

    It is one list, given one address after the other: to make thousands takes four times as long.
    """
    request: Any = RequestFactory().get("/")
    request.user = root
    shown = admin.site._registry[model].get_changelist_instance(request)

    def is_refused(lookup: str) -> bool:
        shown.params, shown.filter_params = {lookup: "1"}, {lookup: ["1"]}
        try:
            shown.get_filters(request)
        except DisallowedModelAdminLookup:
            return True
        return False

    return {lookup for lookup in lookups if is_refused(lookup)}


@pages
def test_every_page_is_one_of_ours(model: type[Model]) -> None:
    assert isinstance(admin.site._registry[model], StaffAdmin)


@pages
def test_undeclared_lookups_are_refused(model: type[Model], root: User) -> None:
    may = declared(model, root)
    tried = {name + lookup for name in columns(model) for lookup in LOOKUPS} | {"pk", "pk__gt"}
    assert tried - may - refused(model, root, tried) == set()


@pages
def test_no_secret_is_filtered_ordered_searched_or_shown(model: type[Model], root: User) -> None:
    page, shown = admin.site._registry[model], listed(model, root)
    request: Any = RequestFactory().get("/")
    request.user = root
    named = {
        *declared(model, root),
        *filter(None, (shown.get_ordering_field(name) for name in shown.list_display)),
        *page.get_search_fields(request),
        *shown.list_display,
        *_form(page, request, model),
    }
    parts = {part for name in named for part in str(name).lstrip("-^=@").split("__")}
    assert {part for part in parts if SECRET.search(part)} <= HARMLESS.get(model, set())


def _form(page: Any, request: Any, model: type[Model]) -> Iterator[str]:
    for _, options in page.get_fieldsets(request, model()):
        for field in options["fields"]:
            yield from field if isinstance(field, tuple) else (field,)


def test_a_password_is_shown_masked(root: User) -> None:
    browser = signed_in("root")
    page = browser.get(reverse("admin:accounts_user_change", args=(root.pk,))).text
    assert root.password.rsplit("$", 1)[-1] not in page


@pytest.mark.parametrize(
    "address",
    [
        "mfa/authenticator/?data__secret__startswith=A",
        "mfa/authenticator/?data__icontains=A",
        "accounts/session/?refresh_id__gt=8",
        "accounts/session/?user__password__startswith=argon2",
        "accounts/user/?password__startswith=argon2",
        "accounts/user/?nothing=1",
        "apikeys/apikey/?digest__startswith=a",
        "allauth_idp_oidc/client/?secret__startswith=a",
        "billing/stripeevent/?payload__data__object__customer__startswith=cus",
        "djstripe/customer/?stripe_data__email__startswith=a",
        "djstripe/customer/?djstripe_owner_account__djstripe_api_keys__secret__startswith=sk_",
        "accounts/user/?_to_field=password",
        "apikeys/apikey/?_to_field=digest",
    ],
)
@pytest.mark.parametrize("popup", ["", "&_popup=1"])
def test_the_site_answers_400(db: None, address: str, popup: str) -> None:
    assert signed_in("root").get(f"/admin/{address}{popup}").status_code == 400


@pytest.mark.parametrize("what", ["change", "delete"])
def test_an_empty_name_of_a_column_is_none(db: None, what: str) -> None:
    group = Group.objects.create(name="a")
    address = f"/admin/auth/group/{group.pk}/{what}/?_to_field="
    assert signed_in("root").get(address).status_code == 200


@pages
def test_rows_are_named_by_their_primary_key_only(model: type[Model], root: User) -> None:
    page: Any = admin.site._registry[model]
    names = {field.name for field in model._meta.get_fields()} - {page.opts.pk.name}
    assert not any(page.to_field_allowed(None, name) for name in names)
    assert page.to_field_allowed(None, page.opts.pk.name)


@pytest.mark.parametrize(
    "name",
    [
        "djstripe_apikey",
        "djstripe_webhookendpoint",
        "djstripe_webhookeventtrigger",
        "socialaccount_socialapp",
        "socialaccount_socialtoken",
        "allauth_idp_oidc_token",
        "sessions_session",
        "accounts_redeemedgrant",
    ],
)
def test_rows_that_are_secrets_have_no_page(db: None, name: str) -> None:
    assert signed_in("root").get(f"/admin/{name.replace('_', '/', 1)}/").status_code == 404
    assert name not in {
        f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry
    }


def test_autocompletion_searches_what_its_page_declares(db: None) -> None:
    asked = {"app_label": "accounts", "model_name": "session", "field_name": "user", "term": "a"}
    assert signed_in("staff").get("/admin/autocomplete/", asked).status_code == 403
    user = UserFactory.create()
    found = {"term": user.email[:8], "password__startswith": "no such password"}
    root = signed_in("root")
    by_address = root.get("/admin/autocomplete/", {**asked, **found}).json()["results"]
    assert str(user.pk) in {each["id"] for each in by_address}
    for term in (user.password, user.password[:20], "argon2"):
        assert root.get("/admin/autocomplete/", {**asked, "term": term}).json()["results"] == []
