"""The profile: what users set themselves, a copy of their data, and deletion."""

import json

import pytest
from django.test import Client

from accounts.models import User
from apikeys import keys
from billing.models import TopUp
from billing.topups.packs import seed_packs
from tests.factories import PASSWORD
from tests.portal.test_usage_page import body, use

PROFILE = {"name": "Ada", "language": "de", "time_zone": "Europe/Berlin"}


def test_saving(visitor: Client, user: User) -> None:
    assert visitor.post("/portal/profile/", PROFILE).status_code == 302
    user.refresh_from_db()
    assert (user.name, user.language, user.time_zone) == ("Ada", "de", "Europe/Berlin")
    assert (user.mails_balance, user.mails_unusual_usage) == (False, False)


def test_the_chosen_zone_is_the_selected_one(visitor: Client) -> None:
    visitor.post("/portal/profile/", PROFILE)
    page = visitor.get("/portal/profile/").text
    zones = page[page.index('id="id_time_zone"') :].partition("</select>")[0]
    assert zones.count("<option") > 300
    assert zones.count(" selected") == 1
    assert '<option value="Europe/Berlin" selected>Europe/Berlin</option>' in zones
    assert '<option value="America/New_York">America/New York</option>' in zones


@pytest.mark.parametrize(
    "odd", [{"language": "xx"}, {"time_zone": "Mars/Base"}, {"name": "x" * 151}]
)
def test_odd_values_are_refused(visitor: Client, user: User, odd: dict[str, str]) -> None:
    page = visitor.post("/portal/profile/", {**PROFILE, **odd})
    assert page.status_code == 200
    assert 'role="alert"' in page.text
    user.refresh_from_db()
    assert user.name == ""


def test_times_are_in_the_users_zone(visitor: Client, user: User) -> None:
    record = use(user, 5)
    type(record).objects.filter(pk=record.pk).update(created_at="2026-03-01T23:30:00Z")
    assert "1 Mar 2026, 23:30" in visitor.get(f"/portal/usage/{record.pk}/").text
    visitor.cookies["timezone"] = "Asia%2FTokyo"
    assert "2 Mar 2026, 08:30" in visitor.get(f"/portal/usage/{record.pk}/").text
    User.objects.filter(pk=user.pk).update(time_zone="America/New_York")
    assert "1 Mar 2026, 18:30" in visitor.get(f"/portal/usage/{record.pk}/").text


@pytest.mark.django_db(transaction=True)
def test_a_copy_of_ones_data(visitor: Client, user: User) -> None:
    _, text = keys.create(user=user, name="laptop")
    use(user, 5)
    use(User.objects.create_user("other@example.com"), 6)
    seed_packs()
    for amount, buyer in ((500, user), (900, User.objects.get(email="other@example.com"))):
        TopUp.objects.create(
            user=buyer, pack_id="small", tokens=5, amount=amount, currency="usd", valid_days=0
        )
    copy = json.loads(body(visitor.get("/portal/profile/export.json")))
    assert copy["account"]["email"] == user.email
    assert [key["name"] for key in copy["api_keys"]] == ["laptop"]
    assert [record["charged"] for record in copy["usage"]] == [5]
    assert [purchase["amount"] for purchase in copy["purchases"]] == [500]
    assert copy["balance"]["available"] == 99_995
    assert text not in json.dumps(copy)
    assert user.password not in json.dumps(copy)


def test_deleting_asks_for_address_and_password(visitor: Client, user: User) -> None:
    right = {"email": user.email, "password": PASSWORD}
    for wrong in ({**right, "password": "wrong"}, {**right, "email": "x@example.com"}):
        page = visitor.post("/portal/profile/delete/", wrong)
        assert 'role="alert"' in page.text
    assert User.objects.get(pk=user.pk).deleted_at is None
    assert "Your account is deleted" in visitor.post("/portal/profile/delete/", right).text
    assert User.objects.get(pk=user.pk).deleted_at
    assert visitor.get("/portal/").status_code == 302


def test_without_a_password_a_recent_sign_in_is_needed(visitor: Client, user: User) -> None:
    user.set_unusable_password()
    user.save()
    visitor.force_login(user)
    answer = visitor.get("/portal/profile/delete/")
    assert answer.headers["Location"].startswith("/accounts/login/?next=")
    answer = visitor.post("/portal/profile/delete/", {"email": user.email})
    assert User.objects.get(pk=user.pk).deleted_at is None
