"""Steps that the tests of sessions share."""

import time
import uuid
from typing import Any

from allauth.account.models import EmailAddress
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from tests.factories import PASSWORD


def fresh_email() -> str:
    """Return an address that no other test, worker or run has tried to log in with."""
    return f"{uuid.uuid4().hex}@example.com"


def log_in(api: APIClient, user: User, password: str = PASSWORD) -> Any:
    body = {"email": user.email, "password": password}
    return api.post("/api/auth/login", body, format="json")


def refresh(api: APIClient, token: str) -> Any:
    return api.post("/api/auth/refresh", {"refresh": token}, format="json")


def profile(access: str) -> Any:
    """Ask for something that only a session may have."""
    return APIClient().get("/api/users/profile", headers={"Authorization": f"Bearer {access}"})


def signed_in(api: APIClient, user: User) -> session_pairs.Pair:
    """Sign a device in and let the client use its session."""
    pair = session_pairs.issue(user)
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    return pair


def code(response: Any) -> str:
    return str(response.json()["error"]["code"])


def post(api: APIClient, path: str, **body: Any) -> Any:
    """Post JSON to a path below /api/."""
    return api.post(f"/api/{path}", body, format="json")


def just_signed_in(browser: Client, user: User) -> None:
    """Note in the browser's session what the sign-in page would: that it was just now."""
    session = browser.session
    session["account_authentication_methods"] = [{"method": "socialaccount", "at": time.time()}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()


def verify_address(user: User) -> None:
    """Say that the user's address is known to be theirs."""
    proven = {"primary": True, "verified": True}
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults=proven)
