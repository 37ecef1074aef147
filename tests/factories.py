"""Makes rows for tests. Money is made by the ledger, as everywhere."""

from functools import cache

from django.contrib.auth.hashers import make_password
from factory.declarations import LazyFunction, SelfAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory

from accounts.models import User
from llmproxy.models import Model, Route

PASSWORD = "correct horse battery staple"


@cache
def hashed() -> str:
    """Hash the password once: Argon2 is slow on purpose."""
    return make_password(PASSWORD)


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = Sequence(lambda number: f"user{number}@example.com")  # type: ignore[no-untyped-call]
    password = LazyFunction(hashed)  # type: ignore[no-untyped-call]


class ModelFactory(DjangoModelFactory[Model]):
    class Meta:
        model = Model

    name = Sequence(lambda number: f"test/model-{number}")  # type: ignore[no-untyped-call]


class RouteFactory(DjangoModelFactory[Route]):
    class Meta:
        model = Route

    model = SubFactory(ModelFactory)  # type: ignore[no-untyped-call]
    provider = "demo"
    upstream_name = SelfAttribute("model.name")  # type: ignore[no-untyped-call]
