"""Whatever an operation is asked, by whomever, it answers as the OpenAPI document says.

`make fuzz` asks for more: FUZZ_EXAMPLES of each operation.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as at_most
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation.modes import GenerationMode

from accounts.models import User
from accounts.sessions import session_pairs
from apikeys import keys
from apikeys.models import Scope
from config import access
from llmproxy.models import Model
from tests.tokens.accounts import account
from tests.webserver import WebServer

load_all_checks()
PROMISES = [
    CHECKS.get_one(name)
    for name in (
        "status_code_conformance",  # no 500, for none is documented
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    )
]
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))


def anonymous() -> str | None:
    return None


def user() -> str:
    return session_pairs.issue(account(100_000)).access


def key() -> str:
    return keys.create(user=account(100_000), name="key", scopes=list(Scope.values))[1]


def staff() -> str:
    root = account(100_000)
    User.objects.filter(pk=root.pk).update(is_staff=True, is_superuser=True)
    return session_pairs.issue(root).access


def may(caller: Callable[[], str | None], route: access.Route) -> bool:
    """Tell whether it is worth asking: whom no door turns away, and not what another is asked."""
    told = access.allowed(route)
    if caller is staff:  # as a user, they are asked for as one
        return told["admin"] == "yes" and told["user"] != "yes"
    if caller is key:
        return "yes" in {told[each] for each in access.KEYS} and told["anonymous"] != "yes"
    return told[caller.__name__] == "yes"


def ask(operation: Any, examples: int, *, url: str, credential: str | None) -> Iterator[str]:
    """Yield what is wrong with the answers to fit and unfit requests, the same ones every time."""
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    wrong: list[str] = []
    fit, unfit = (
        operation.as_strategy(generation_mode=mode)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    )

    @given(case=st.one_of(fit, unfit))
    @at_most(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def once(case: Any) -> None:
        answer = case.call(base_url=url, headers=headers, timeout=120)
        try:
            case.validate_response(answer, checks=PROMISES)
        except (Failure, FailureGroup) as broken:
            whole = "\n".join(map(str, getattr(broken, "exceptions", [broken])))
            wrong.append(f"{case.as_curl_command()}\n{answer.content[:500]!r}\n{whole}")

    once()
    yield from wrong


@pytest.fixture(autouse=True)
def straight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no proxy of the environment stand in the way to this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.parametrize("caller", [anonymous, user, key, staff])
def test_every_answer_fits_the_schema(
    web: WebServer, catalog: Model, caller: Callable[[], str | None]
) -> None:
    document = Client().get("/api/schema/?format=json").json()
    schema: Any = schemathesis.openapi.from_dict(document)
    operations = {
        operation.label: operation
        for operation in (found.ok() for found in schema.get_all_operations())
    }

    wrong = [
        f"{route}: {told}"
        for route in access.routes()
        if may(caller, route)
        for told in ask(
            operations[str(route)],
            EXAMPLES,
            url=web.url,
            credential=caller(),  # another one each time: some operations end it
        )
    ]

    assert not wrong, "\n\n".join(wrong)
