import pytest
from django.test import Client

from accounts.models import User
from apikeys import auth
from apikeys.errors import InvalidApiKey
from apikeys.models import ApiKey
from tests.factories import PASSWORD


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com", PASSWORD))
    return client


def test_keys_are_read_only(staff: Client, key: ApiKey) -> None:
    page = f"/admin/apikeys/apikey/{key.pk}/change/"
    assert staff.get("/admin/apikeys/apikey/?q=laptop").status_code == 200
    assert key.digest not in staff.get(page).text
    assert staff.post(page, {"name": "x"}).status_code == 403
    assert staff.get("/admin/apikeys/apikey/add/").status_code == 403


def test_keys_are_revoked(staff: Client, key: ApiKey, text: str) -> None:
    form = {"action": "revoke", "_selected_action": [str(key.pk)]}
    staff.post("/admin/apikeys/apikey/", form)
    with pytest.raises(InvalidApiKey):
        auth.verify(text)
    assert "Revoked." in staff.get(f"/admin/apikeys/apikey/{key.pk}/history/").text
