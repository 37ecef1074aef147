"""POST /v1/messages, asked by Anthropic's own SDK: natively and translated."""

from typing import Any

import anthropic
import httpx
import pytest

from llmproxy.models import Route
from tests.developer import MODEL, Developer
from tests.factories import RouteFactory
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.endpoints.conftest import ROLES, book
from tests.llmproxy.streams import nothing_is_held
from tests.tokens.accounts import ROOMY
from tests.waiting import wait_for
from tokens.ledger.verify import verify
from tokens.models import Balance, Tier

WEATHER: Any = {
    "name": "weather",
    "description": "Tells the weather.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


def ask(text: str = "Hello [[n=12]]", **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"model": MODEL, "max_tokens": 500, "messages": messages, **fields}


def text_of(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_an_answer_is_understood_and_charged(
    claude: anthropic.Anthropic, dev: Developer, upstream: UpstreamProcess, way: str
) -> None:
    message = claude.messages.create(**ask(system="Be brief."))

    assert text_of(message)
    assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", 12)
    assert dev.balance.used == message.usage.input_tokens + 12 == book(upstream)
    (receipt,) = dev.receipts
    assert (receipt.endpoint, receipt.source, receipt.status) == ("messages", "reported", "ok")
    path = "/messages" if way == "native" else "/chat/completions"
    assert [request["path"] for request in upstream.journal()] == [path]
    assert verify() == []


def test_a_stream_is_understood_and_charged(
    claude: anthropic.Anthropic, dev: Developer, upstream: UpstreamProcess
) -> None:
    with claude.messages.stream(**ask()) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()

    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert text_of(message)
    assert message.usage.output_tokens == 12
    assert dev.balance.used == message.usage.input_tokens + 12 == book(upstream)


@pytest.mark.parametrize("streams", [False, True])
def test_a_tool_is_called_and_its_result_read(claude: anthropic.Anthropic, streams: bool) -> None:
    request = ask("What is it like in Rome? [[tool=weather]]", tools=[WEATHER])
    if streams:
        with claude.messages.stream(**request) as stream:
            message = stream.get_final_message()
    else:
        message = claude.messages.create(**request)
    (call,) = [block for block in message.content if block.type == "tool_use"]
    assert (message.stop_reason, call.name) == ("tool_use", "weather")
    assert "city" in call.input

    result = {"type": "tool_result", "tool_use_id": call.id, "content": "Sunny. [[n=5]]"}
    turns = [
        *request["messages"],
        {"role": "assistant", "content": [block.model_dump() for block in message.content]},
        {"role": "user", "content": [result]},
    ]
    answer = claude.messages.create(**{**request, "messages": turns})
    assert (answer.stop_reason, answer.usage.output_tokens) == ("end_turn", 5)


def test_thinking_is_shown_and_charged(claude: anthropic.Anthropic, dev: Developer) -> None:
    with claude.messages.stream(**ask("Hm [[reasoning=7,n=3]]")) as stream:
        message = stream.get_final_message()

    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.usage.output_tokens == 10
    assert dev.balance.used == message.usage.input_tokens + 10


def test_cached_tokens_are_told_apart(claude: anthropic.Anthropic, dev: Developer) -> None:
    usage = claude.messages.create(**ask("Again [[prompt=1000,cached=800,n=4]]")).usage

    assert (usage.input_tokens, usage.cache_read_input_tokens) == (200, 800)
    (receipt,) = dev.receipts
    assert (receipt.prompt_tokens, receipt.cached_tokens) == (1000, 800)


def test_counting_tokens_is_free_and_counts_in_no_limit(
    claude: anthropic.Anthropic, dev: Developer
) -> None:
    tier = Tier.objects.create(name="still", title="Still", **{**ROOMY, "requests_per_minute": 0})
    Balance.objects.filter(user_id=dev.user_id).update(tier=tier)

    counted = claude.messages.count_tokens(
        model=MODEL, messages=[{"role": "user", "content": "word " * 100}], tools=[WEATHER]
    )

    assert 100 <= counted.input_tokens <= 400
    assert dev.receipts == []


def test_a_stream_that_the_provider_breaks_off_ends_with_an_error_event(
    dev: Developer, upstream: UpstreamProcess
) -> None:
    asked = ask("Tell [[n=50,fault=error_chunk,after=9]]", stream=True)

    answer = dev.http.post("/v1/messages", json=asked)

    *_, last = answer.text.strip().split("\n\n")
    assert last.startswith("event: error\n")
    assert '"charged":' in last
    assert "tokens were charged" in last
    (receipt,) = dev.receipts
    assert receipt.status == "failed"
    wait_for(nothing_is_held)


@pytest.mark.parametrize("fault", ["status=503", "fault=error_in_200"])
def test_another_provider_is_asked_before_the_content(
    dev: Developer, upstream: UpstreamProcess, way: str, fault: str
) -> None:
    other = ROLES["translated" if way == "native" else "native"]
    RouteFactory.create(
        model=Route.objects.get().model, provider=other, upstream_name=MODEL, priority=200
    )
    asked = ask(f"Tell [[n=5,{fault},times=1,id={way}{fault[-3:]}]]", stream=True)

    answer = dev.http.post("/v1/messages", json=asked)

    assert answer.status_code == 200
    assert answer.text.strip().endswith('data: {"type":"message_stop"}')
    assert sorted(one["path"] for one in upstream.journal()) == ["/chat/completions", "/messages"]
    (receipt,) = dev.receipts
    assert [one["outcome"] for one in receipt.attempts][1] == "ok"
    assert (receipt.status, receipt.completion_tokens) == ("ok", 5)


def test_errors_have_anthropics_shape(dev: Developer) -> None:
    def error(status: int, answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == status
        assert answer.json()["type"] == "error"
        assert answer.headers["request-id"] == answer.json()["request_id"]
        told: dict[str, Any] = answer.json()["error"]
        return told

    post, no_limit = dev.http.post, {**ask(), "max_tokens": None}
    assert error(400, post("/v1/messages", json=no_limit))["type"] == "invalid_request_error"
    assert error(400, post("/v1/messages", content=b"{"))["type"] == "invalid_request_error"
    assert error(404, post("/v1/messages", json=ask(model="gpt-9")))["type"] == "not_found_error"
    assert error(405, dev.http.get("/v1/messages"))["code"] == "method_not_allowed"
    assert error(415, post("/v1/messages", content=b"a=b", headers={"content-type": "text/plain"}))
    unknown = post("/v1/messages/batches", json={})
    assert unknown.json()["error"]["type"] == "not_found_error"
    stranger = post("/v1/messages", json=ask(), headers={"authorization": "Bearer sk-ant-x"})
    assert error(401, stranger)["type"] == "authentication_error"
    Balance.objects.filter(user_id=dev.user_id).update(used=1_000_000, bonus=0)
    empty = error(402, post("/v1/messages", json=ask()))
    assert empty["type"] == "billing_error"
    assert empty["message"].startswith("This request needs ")
    assert "http" in empty["message"]
    assert "credit balance" not in empty["message"]  # Claude Code would not show the rest.


def test_the_headers_that_anthropics_sdk_reads(dev: Developer) -> None:
    answer = dev.http.post("/v1/messages?beta=true", json=ask())

    assert answer.headers["request-id"]
    for kind in ("requests", "tokens"):
        assert int(answer.headers[f"anthropic-ratelimit-{kind}-limit"]) > 0
        assert int(answer.headers[f"anthropic-ratelimit-{kind}-remaining"]) >= 0
        assert answer.headers[f"anthropic-ratelimit-{kind}-reset"].endswith("Z")


def test_the_version_of_the_api_goes_to_a_native_provider(
    dev: Developer, upstream: UpstreamProcess, way: str
) -> None:
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "a-2025-01-01,b-2025-02-02"}

    dev.http.post("/v1/messages", json=ask(), headers=headers)

    (request,) = upstream.journal()
    passed = {name: request["headers"].get(name) for name in headers}
    assert passed == (headers if way == "native" else dict.fromkeys(headers))


def test_a_hosted_tool_beside_others_is_left_out_and_named(
    dev: Developer, upstream: UpstreamProcess
) -> None:
    search = {"type": "web_search_20250305", "name": "web_search"}

    answer = dev.http.post("/v1/messages", json=ask(tools=[WEATHER, search]))

    assert answer.status_code == 200
    assert answer.headers["x-omitted-fields"] == "tools.1"
    alone = dev.http.post("/v1/messages", json=ask(tools=[search]))
    assert alone.status_code == 400
    assert "tools" in alone.json()["error"]["param"]


def test_what_costs_more_than_tokens_is_refused(dev: Developer, upstream: UpstreamProcess) -> None:
    for field in (
        {"mcp_servers": [{"type": "url", "url": "https://x.example", "name": "x"}]},
        {"service_tier": "priority"},
        {"container": "c"},
        {"inference_geo": "us"},
    ):
        answer = dev.http.post("/v1/messages", json=ask(**field))
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, *field)
    assert upstream.journal() == []


def test_the_budget_of_thinking_is_lowered_with_the_limit(
    dev: Developer, upstream: UpstreamProcess, way: str
) -> None:
    capped = Tier.objects.create(name="capped", title="Capped", max_output_tokens=4000, **ROOMY)
    Balance.objects.filter(user_id=dev.user_id).update(tier=capped)
    thinking = {"type": "enabled", "budget_tokens": 10_000}

    dev.http.post("/v1/messages", json=ask(max_tokens=32_000, thinking=thinking))

    (request,) = upstream.journal()
    assert request["params"]["max_tokens"] == 4000
    if way == "native":
        assert request["params"]["thinking"] == {"type": "enabled", "budget_tokens": 3000}


def test_who_leaves_a_stream_is_charged_what_the_provider_reports(
    dev: Developer, upstream: UpstreamProcess
) -> None:
    asked = ask("Tell [[n=40,d=20]]", stream=True)
    with dev.http.stream("POST", "/v1/messages", json=asked) as answer:
        for line in answer.iter_lines():
            if "content_block_delta" in line or "text_delta" in line:
                break

    wait_for(nothing_is_held)
    (receipt,) = dev.receipts
    assert receipt.status == "cancelled"
    assert receipt.prompt_tokens > 0
