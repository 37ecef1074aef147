"""POST /v1/responses, asked by OpenAI's own SDK: natively and translated."""

from typing import Any

import openai
import orjson
import pytest

from tests.developer import MODEL, Developer
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.endpoints.conftest import book
from tests.llmproxy.streams import nothing_is_held
from tests.waiting import wait_for
from tokens.ledger.verify import verify
from tokens.models import Balance

WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "weather",
    "description": "Tells the weather.",
    "strict": False,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


def ask(text: str = "Hello [[n=12]]", **fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "input": text, **fields}


def test_an_answer_is_understood_and_charged(
    ai: openai.OpenAI, dev: Developer, upstream: UpstreamProcess, way: str
) -> None:
    response = ai.responses.create(**ask(instructions="Be brief."))

    assert response.output_text
    assert response.status == "completed"
    assert response.usage is not None
    assert response.usage.output_tokens == 12
    assert dev.balance.used == response.usage.total_tokens == book(upstream)
    (receipt,) = dev.receipts
    assert (receipt.endpoint, receipt.source, receipt.status) == ("responses", "reported", "ok")
    path = "/responses" if way == "native" else "/chat/completions"
    assert [request["path"] for request in upstream.journal()] == [path]
    assert verify() == []


def test_a_stream_is_understood_and_charged(
    ai: openai.OpenAI, dev: Developer, upstream: UpstreamProcess
) -> None:
    with ai.responses.stream(**ask()) as stream:
        events = list(stream)
        response = stream.get_final_response()

    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert response.output_text
    assert response.usage is not None
    assert dev.balance.used == response.usage.total_tokens == book(upstream)


@pytest.mark.parametrize("streams", [False, True])
def test_a_tool_is_called_and_its_result_read(ai: openai.OpenAI, streams: bool) -> None:
    request = ask("What is it like in Rome? [[tool=weather]]", tools=[WEATHER])
    if streams:
        with ai.responses.stream(**request) as stream:
            response = stream.get_final_response()
    else:
        response = ai.responses.create(**request)
    (call,) = [item for item in response.output if item.type == "function_call"]
    assert call.name == "weather"
    assert "city" in orjson.loads(call.arguments)

    turns = [
        {"role": "user", "content": request["input"]},
        *[item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in [call]],
        {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny. [[n=5]]"},
    ]
    answer = ai.responses.create(**{**request, "input": turns})
    assert answer.output_text
    assert answer.usage is not None
    assert answer.usage.output_tokens == 5


def test_an_answer_at_its_limit_is_incomplete(ai: openai.OpenAI, dev: Developer) -> None:
    with ai.responses.stream(**ask("Tell [[n=90]]", max_output_tokens=20)) as stream:
        *_, last = stream

    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"
    assert dev.receipts[0].completion_tokens == 20


def test_a_stream_that_the_provider_breaks_off_ends_as_failed(dev: Developer) -> None:
    asked = ask("Tell [[n=50,fault=cut,after=9]]", stream=True)

    answer = dev.http.post("/v1/responses", json=asked)

    *_, last = answer.text.strip().split("\n\n")
    assert last.startswith("event: response.failed\n")
    failed = orjson.loads(last.partition("data: ")[2])["response"]
    assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")
    assert failed["error"]["charged"] == dev.balance.used
    (receipt,) = dev.receipts
    assert receipt.status == "failed"
    wait_for(nothing_is_held)


@pytest.mark.parametrize(
    "field",
    [
        {"previous_response_id": "resp_1"},
        {"store": True},
        {"background": True},
        {"conversation": "conv_1"},
    ],
)
def test_what_would_have_to_be_stored_is_refused(
    dev: Developer, upstream: UpstreamProcess, field: dict[str, Any]
) -> None:
    answer = dev.http.post("/v1/responses", json=ask(**field))

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == next(iter(field))
    assert "stored" in error["message"]
    assert upstream.journal() == []


def test_no_response_can_be_looked_up(dev: Developer) -> None:
    for method in ("GET", "DELETE"):
        answer = dev.http.request(method, "/v1/responses/resp_1")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_errors_have_openais_shape(dev: Developer) -> None:
    def error(status: int, **fields: Any) -> dict[str, Any]:
        answer = dev.http.post("/v1/responses", json={**ask(), **fields})
        assert answer.status_code == status
        told: dict[str, Any] = answer.json()["error"]
        return told

    assert error(400, input=None)["param"] == "input"
    assert error(404, model="gpt-9")["code"] == "model_not_found"
    assert error(400, max_output_tokens=0)["param"] == "max_output_tokens"
    Balance.objects.filter(user_id=dev.user_id).update(used=1_000_000, bonus=0)
    assert error(402)["type"] == "insufficient_quota"


def test_a_hosted_tool_beside_others_is_left_out_and_named(dev: Developer) -> None:
    answer = dev.http.post("/v1/responses", json=ask(tools=[{"type": "web_search"}, WEATHER]))

    assert answer.status_code == 200
    assert answer.headers["x-omitted-fields"] == "tools.0"
    insisting = ask(tools=[{"type": "web_search"}, WEATHER], tool_choice={"type": "web_search"})
    assert dev.http.post("/v1/responses", json=insisting).status_code == 400
