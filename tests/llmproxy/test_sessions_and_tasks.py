"""Whose tokens were these: requests name their session and task, and these can have budgets."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from apikeys.models import ApiKey
from core.http.attribution import LONGEST, Attribution, attribution
from llmproxy.catalog.pricing import Prices
from llmproxy.catalog.snapshot import ServedRoute
from llmproxy.models import Model
from llmproxy.providers import Dialect, Provider
from llmproxy.routing import affinity
from tests.developer import Developer, Make
from tokens.ledger.verify import verify
from tokens.models import Balance, SessionSpending

IN_ORDER: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({"HTTP_X_SESSION_ID": "a"}, {}),
    ({"HTTP_X_SESSION_AFFINITY": "b"}, {}),
    ({"HTTP_SESSION_ID": "c"}, {}),
    ({"HTTP_X_CLAUDE_CODE_SESSION_ID": "d"}, {}),
    ({}, {"prompt_cache_key": "e"}),
    ({}, {"user": "f"}),
    ({}, {"metadata": {"user_id": "g"}}),
]


@pytest.mark.parametrize("first", range(len(IN_ORDER)))
def test_the_first_that_names_a_session_is_taken(first: int) -> None:
    meta: dict[str, str] = {}
    body: dict[str, Any] = {}
    for headers, fields in IN_ORDER[first:]:
        meta |= headers
        body |= fields

    assert attribution(meta, body) == Attribution(session="abcdefg"[first])


def test_a_task_has_headers_of_its_own() -> None:
    both = {"HTTP_THREAD_ID": "t2", "HTTP_X_TASK_ID": "t1"}

    assert attribution(both) == Attribution(task="t1")
    assert attribution({"HTTP_THREAD_ID": "t2"}) == Attribution(task="t2")


@pytest.mark.parametrize(
    "body",
    [
        {"user": 5, "prompt_cache_key": None, "metadata": "x"},
        {"user": "", "metadata": {"user_id": ["x"]}},
        {"user": " \n\x00 "},
    ],
)
def test_what_names_nothing_is_no_error(body: dict[str, Any]) -> None:
    assert attribution({"HTTP_X_SESSION_ID": "  "}, body) == Attribution()


def test_a_name_is_bounded_printable_and_still_its_own() -> None:
    one, other = (attribution({}, {"user": "x" * 5000 + end}).session for end in "ab")

    assert len(one) == len(other) == LONGEST
    assert one != other
    assert attribution({}, {"user": "a\x00\nb\udc80é"}).session == "abé"


def chat(dev: Developer, *, session: str = "", task: str = "", **fields: Any) -> Any:
    named = {"x-session-id": session, "x-task-id": task}
    body = {"model": "openai/gpt-5-mini", "max_tokens": 20, **fields}
    body["messages"] = [{"role": "user", "content": "[[n=10,prompt=30]]"}]
    headers = {name: value for name, value in named.items() if value}
    return dev.http.post("/api/llm/chat/completions", json=body, headers=headers)


def test_usage_is_filtered_and_grouped_by_session_and_task(developer: Make) -> None:
    dev = developer()
    for session, task in (("s1", "t1"), ("s1", "t2"), ("s2", "t1"), ("", "")):
        assert chat(dev, session=session, task=task).status_code == 200

    def groups(query: str) -> dict[str, int]:
        rows = dev.http.get(f"/api/tokens/usage?{query}").json()["results"]
        return {row["group"]: row["requests"] for row in rows}

    assert groups("group_by=session") == {"s1": 2, "s2": 1, "": 1}
    assert groups("group_by=task") == {"t1": 2, "t2": 1, "": 1}
    assert groups("group_by=task&session=s1") == {"t1": 1, "t2": 1}
    found = dev.http.get("/api/tokens/usage?session=s1&task=t2").json()["results"]
    assert [(one["session"], one["task"]) for one in found] == [("s1", "t2")]


@pytest.mark.parametrize("by", ["key", "user"])
@pytest.mark.parametrize("kind", ["session", "task"])
def test_beyond_its_budget_a_session_or_task_is_refused(
    developer: Make, by: str, kind: str
) -> None:
    dev = developer()
    budget = {f"{kind}_budget": 100}
    if by == "key":
        ApiKey.objects.filter(user_id=dev.user_id).update(**budget)
    else:
        Balance.objects.filter(user_id=dev.user_id).update(**budget)
    assert chat(dev, **{kind: "one"}).status_code == 200
    used = dev.balance.used

    refused = chat(dev, **{kind: "one"}, max_tokens=500, prompt_cache_key="x" * 40)
    for _ in range(3):
        refused = chat(dev, **{kind: "one"})

    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (402, "session_budget_exceeded")
    assert error["budget"] == 100
    assert error[kind] == "one"
    assert error["available"] < error["needed"]
    assert refused.headers["x-should-retry"] == "false"
    assert error["upgrade_url"].startswith("http")
    assert error["upgrade_url"] in error["message"]
    assert used <= dev.balance.used <= 100
    assert chat(dev, **{kind: "other"}).status_code == 200
    assert chat(dev).status_code == 200
    assert dev.balance.reserved == 0
    assert verify() == []


def test_requests_that_race_pass_no_budget(developer: Make) -> None:
    dev = developer()
    Balance.objects.filter(user_id=dev.user_id).update(session_budget=200)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: chat(dev, session="s"), range(24)))

    assert {answer.status_code for answer in answers} == {200, 402}
    assert 0 < dev.balance.used <= 200
    assert verify() == []


def test_what_a_session_used_before_it_had_a_budget_counts(developer: Make) -> None:
    dev = developer()
    chat(dev, session="s")
    assert not SessionSpending.objects.exists()
    Balance.objects.filter(user_id=dev.user_id).update(session_budget=45)

    assert chat(dev, session="s").status_code == 402
    assert SessionSpending.objects.get().charged == dev.balance.used


def test_a_dear_model_uses_a_budget_faster(developer: Make, catalog: Model) -> None:
    Model.objects.update(weight_prompt=10)
    dev = developer()
    ApiKey.objects.filter(user_id=dev.user_id).update(session_budget=100)

    assert chat(dev, session="s").status_code == 402


def routes(*names: str) -> list[ServedRoute]:
    return [ServedRoute(Provider(name, "http://x", "", Dialect()), "m", Prices()) for name in names]


def test_a_session_keeps_to_one_provider_and_sessions_spread() -> None:
    served = routes("a", "b", "c")

    firsts = {f"s{n}": affinity.ordered(served, f"s{n}")[0].provider.name for n in range(60)}

    assert set(firsts.values()) == {"a", "b", "c"}
    for session, first in firsts.items():
        assert affinity.ordered(served[::-1], session)[0].provider.name == first
        left = [route for route in served if route.provider.name != "a"]
        if first != "a":  # Who goes moves nobody else's sessions.
            assert affinity.ordered(left, session)[0].provider.name == first


def test_without_a_session_the_order_is_as_configured() -> None:
    served = routes("c", "a", "b")

    assert affinity.ordered(served, "") == served
