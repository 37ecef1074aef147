"""Demo data of a development checkout: a user with an API key, and an admin."""

from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from accounts.models import User
from apikeys import secrets
from apikeys.models import ApiKey, Scope
from llmproxy.models import Route
from tokens.ledger import open_account

EMAIL = "demo@example.com"
PASSWORD = "demo-password"  # nosec B105  # noqa: S105 - printed at every start, and refused without DEBUG
ADMIN_EMAIL = "admin@example.com"
ADMIN_PASSWORD = "admin-password"  # nosec B105  # noqa: S105 - likewise
PREFERRED_MODEL = "openai/gpt-5-mini"


@dataclass(frozen=True)
class Demo:
    email: str
    password: str
    api_key: str
    admin_email: str
    admin_password: str
    model: str


@transaction.atomic
def seed_demo() -> Demo:
    """Create the missing demo data and return what a new developer needs. Idempotent."""
    user = _user(EMAIL, PASSWORD)
    _user(ADMIN_EMAIL, ADMIN_PASSWORD, is_staff=True, is_superuser=True)
    open_account(user.pk)
    return Demo(EMAIL, PASSWORD, _key(user), ADMIN_EMAIL, ADMIN_PASSWORD, _model())


def _user(email: str, password: str, **fields: bool) -> User:
    user = User.objects.filter(email=email).first()
    user = user or User.objects.create_user(email, password, **fields)
    address = {"user": user, "email": email}
    EmailAddress.objects.get_or_create(**address, defaults={"verified": True, "primary": True})
    return user


def _key(user: User) -> str:
    """Return the demo key: derived from this checkout's secret, so never stored in the clear."""
    key = secrets.derived_key(f"demo key {user.pk} {settings.SECRET_KEY}")
    ApiKey.objects.update_or_create(
        digest=secrets.digest(key),
        defaults={
            "user": user,
            "name": "Demo",
            "prefix": key[: secrets.SHOWN],
            "scopes": list(Scope.values),
            "revoked_at": None,
            "expires_at": None,
        },
    )
    return key


def _model() -> str:
    """Return a chat model that a provider serves now."""
    served = Route.objects.filter(
        enabled=True, provider__in=settings.UPSTREAMS, model__visible=True, model__kind="chat"
    )
    names = list(served.order_by("model_id").values_list("model_id", flat=True))
    return PREFERRED_MODEL if PREFERRED_MODEL in names or not names else names[0]
