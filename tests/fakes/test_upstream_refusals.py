"""What the demo upstream refuses, in OpenAI's words and shape."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devserver.upstream.client import KEY, MODEL, chat, post
from tests.fakes.upstream_process import UpstreamProcess

EMBEDDER = "openai/text-embedding-3-small"
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f"}}


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamProcess]:
    with UpstreamProcess() as process:
        yield process


def error(response: httpx.Response) -> dict[str, Any]:
    fields: dict[str, Any] = response.json()["error"]
    assert set(fields) == {"message", "type", "param", "code"}
    return fields


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ([], "body", "invalid_type"),
        ({"messages": []}, None, None),
        ({"model": 3}, "model", "invalid_type"),
        ({"model": MODEL}, "messages", "missing_required_parameter"),
        ({"model": MODEL, "messages": "hi"}, "messages", "invalid_type"),
        ({"model": MODEL, "messages": []}, "messages", "empty_array"),
        ({"model": MODEL, "messages": ["hi"]}, "messages[0]", "invalid_type"),
        (
            {"model": MODEL, "messages": [{"content": "hi"}]},
            "messages[0].role",
            "missing_required_parameter",
        ),
        (
            {"model": MODEL, "messages": [{"role": "boss", "content": "hi"}]},
            "messages[0].role",
            "invalid_value",
        ),
        (
            {"model": MODEL, "messages": [{"role": "user"}]},
            "messages[0].content",
            "missing_required_parameter",
        ),
        (
            {"model": MODEL, "messages": [{"role": "user", "content": 5}]},
            "messages[0].content",
            "invalid_type",
        ),
        (
            {"model": MODEL, "messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
            "missing_required_parameter",
        ),
        (chat("hi", max_tokens=0), "max_tokens", "integer_below_min_value"),
        (chat("hi", max_tokens="9"), "max_tokens", "invalid_type"),
        (chat("hi", max_tokens=True), "max_tokens", "invalid_type"),
        (chat("hi", max_tokens=1, max_completion_tokens=1), None, "invalid_parameter_combination"),
        (chat("hi", n=129), "n", "integer_above_max_value"),
        (chat("hi", temperature=2.5), "temperature", "decimal_above_max_value"),
        (chat("hi", temperature="hot"), "temperature", "invalid_type"),
        (chat("hi", stop=[1]), "stop", "invalid_type"),
        (chat("hi", stop=list("abcde")), "stop", "array_above_max_length"),
        (chat("hi", stream="yes"), "stream", "invalid_type"),
        (chat("hi", stream_options={"include_usage": True}), "stream_options", None),
        (chat("hi", stream=True, stream_options=1), "stream_options", "invalid_type"),
        (chat("hi", tools={}), "tools", "invalid_type"),
        (chat("hi", tools=[{}]), "tools[0].function.name", "missing_required_parameter"),
        (chat("hi", tool_choice="auto"), "tool_choice", None),
        (chat("hi", response_format="json"), "response_format", "invalid_type"),
        (chat("hi", response_format={"type": "xml"}), "response_format.type", "invalid_value"),
        (chat("hi [[fault=misspelt]]"), None, "invalid_directive"),
        (chat("hi [[n=3,unknown=1]]"), None, "invalid_directive"),
        (chat("hi [[n=many]]"), None, "invalid_directive"),
    ],
)
def test_a_bad_chat_request_is_400(
    upstream: UpstreamProcess, body: Any, param: str | None, code: str | None
) -> None:
    response = post(upstream, body)
    assert response.status_code == 400
    fields = error(response)
    assert (fields["param"], fields["code"]) == (param, code)
    assert fields["type"] == "invalid_request_error"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.floats(0, 3) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "function", "name", "parameters", "role", "content"])
            | st.sampled_from(["include", "include_usage", "properties", "enum", "items"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
FIELDS = [
    "messages",
    "max_tokens",
    "n",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "tools",
    "tool_choice",
    "response_format",
    "usage",
    "user",
    "prompt",
    "input",
    "dimensions",
]


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(["/chat/completions", "/completions", "/embeddings"]),
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3),
    JSON,
)
def test_odd_values_are_refused_or_answered(
    upstream: UpstreamProcess, path: str, fields: dict[str, Any], schema: Any
) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    body = {**chat("[[n=2,tool]]", tools=[tool]), "prompt": "a", "input": "a", **fields}
    model = EMBEDDER if path == "/embeddings" else MODEL
    assert post(upstream, {**body, "model": model}, path).status_code in (200, 400)
    assert upstream.totals()["running"] == 0


@pytest.mark.parametrize("content", [b"", b"{", b"\x00", b"\xff\xfe", b'{"model": "\\ud800"}'])
def test_a_body_that_is_no_json_is_400(upstream: UpstreamProcess, content: bytes) -> None:
    url = f"{upstream.url}/chat/completions"
    response = httpx.post(url, content=content, headers=KEY, trust_env=False)
    assert response.status_code == 400
    assert "parse the JSON body" in error(response)["message"]


def test_an_unknown_model_is_404(upstream: UpstreamProcess) -> None:
    response = post(upstream, {**chat("hi"), "model": "nobody/nothing"})
    assert response.status_code == 404
    assert error(response)["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/chat/completions", {**chat("hi"), "model": EMBEDDER}, 404),
        ("/completions", {"model": EMBEDDER, "prompt": "hi"}, 404),
        ("/completions", {"model": MODEL}, 400),
        ("/completions", {"model": MODEL, "prompt": {}}, 400),
        ("/embeddings", {"model": MODEL, "input": "hi"}, 403),
        ("/embeddings", {"model": EMBEDDER, "input": ""}, 400),
        ("/embeddings", {"model": EMBEDDER, "input": [1, "a"]}, 400),
        ("/embeddings", {"model": EMBEDDER, "input": [[]]}, 400),
        ("/embeddings", {"model": EMBEDDER, "input": "a", "encoding_format": "hex"}, 400),
        ("/embeddings", {"model": EMBEDDER, "input": "a", "dimensions": 0}, 400),
    ],
)
def test_other_bad_requests(upstream: UpstreamProcess, path: str, body: Any, status: int) -> None:
    response = post(upstream, body, path)
    assert response.status_code == status
    assert error(response)["type"] == "invalid_request_error"


def test_a_prompt_beyond_the_context_is_400(upstream: UpstreamProcess) -> None:
    body = {**chat("word " * 170_000), "model": "deepseek/deepseek-chat-v3.1"}
    response = post(upstream, body)
    assert response.status_code == 400
    assert error(response)["code"] == "context_length_exceeded"


@pytest.mark.parametrize("authorization", ["", "Basic abc", "Bearer", "Bearer bad"])
def test_a_bad_key_is_401(upstream: UpstreamProcess, authorization: str) -> None:
    response = post(upstream, chat("hi"), headers={"authorization": authorization})
    assert response.status_code == 401
    assert error(response)["code"] == "invalid_api_key"


def test_openais_package_raises_its_own_errors(upstream: UpstreamProcess) -> None:
    client = openai.OpenAI(base_url=upstream.url, api_key="bad", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        client.models.list()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/nothing", 404),
        ("GET", "/chat/completions", 405),
        ("POST", "/models", 405),
        ("GET", "/generation", 404),
        ("GET", "/completion-requests/none", 404),
    ],
)
def test_other_urls_and_methods(
    upstream: UpstreamProcess, method: str, path: str, status: int
) -> None:
    response = httpx.request(method, upstream.url + path, headers=KEY, trust_env=False)
    assert response.status_code == status
    error(response)


def test_head_is_404_without_a_body(upstream: UpstreamProcess) -> None:
    response = httpx.head(f"{upstream.url}/models", headers=KEY, trust_env=False)
    assert response.status_code == 404
    assert response.content == b""
    assert int(response.headers["content-length"]) > 0


def test_refusals_stand_in_the_journal(upstream: UpstreamProcess) -> None:
    upstream.clear()
    post(upstream, {**chat("hi"), "model": "nobody/nothing"})
    assert [(entry["outcome"], entry["status"]) for entry in upstream.journal()] == [
        ("rejected", 404)
    ]
