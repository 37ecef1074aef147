"""docs/api.md: the endpoints that clients call, with examples in curl, Python and TypeScript.

``python -m devserver.api_page`` prints the page, ``--write`` writes it. tests/docs/test_examples.py
runs each example.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from textwrap import indent
from typing import Any

from config.schema_texts import EXAMPLES
from devserver.generated import write_or_print

BASE = "http://127.0.0.1:8000"
_LINE = 76

_HEAD = f"""# API

The endpoints that programs call most, each with an example in curl, Python and TypeScript.
`/api/docs/` describes every endpoint with all of its fields and errors, and `/api/schema/` is the
OpenAPI 3.1 document. This page is written by `python -m devserver.api_page --write`; tests run
every example.

- **Base address**: that of your server. With `make run` it is `{BASE}`.
- **Authentication**: `Authorization: Bearer` with an API key, or with the access token of a session
  ([signing-in.md](signing-in.md)). In the examples, `KEY` is a key with the scopes `llm`,
  `tokens:read` and `tokens:write`, and `ACCESS` an access token. `x-api-key` and `api-key` work for
  keys, too.
- **Versions**: `/api/v1/…` is the same as `/api/…`. Chat completions, Responses and Messages are
  also under `/v1/…`, where SDKs expect them.
- **Errors**: `{{"error": {{"code", "message", "type", "request_id", "retryable"}}}}` with the
  status of HTTP ([errors.md](errors.md)).
- **Times** are in UTC (ISO 8601), **tokens** are whole numbers.
- **Repeating a request safely**: reserving and reporting tokens and changing a subscription accept
  an `Idempotency-Key` (1 to 255 visible ASCII characters). The same key with the same body gets the
  first answer again.
"""


@dataclass(frozen=True)
class Example:
    """A call. ``auth`` is the environment variable that has what it authenticates with."""

    title: str
    note: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    auth: str = "KEY"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_stream(self) -> bool:
        return bool(self.body and self.body.get("stream"))


@dataclass(frozen=True)
class Section:
    title: str
    examples: tuple[Example, ...]


SECTIONS = (
    Section(
        "Models",
        (
            Example(
                "List the models",
                "The models of your plan, with their context, prices and weights.",
                "GET",
                "/api/llm/models",
            ),
            Example(
                "Chat completions",
                "OpenAI's chat completions. The answer has `usage`; the header `x-request-id` "
                "names the receipt.",
                "POST",
                "/api/llm/chat/completions",
                EXAMPLES["ChatCompletionRequest"],
            ),
            Example(
                "Chat completions, as a stream",
                "Server-sent events; the last one before `[DONE]` has the usage.",
                "POST",
                "/api/llm/chat/completions",
                {
                    **EXAMPLES["ChatCompletionRequest"],
                    "stream": True,
                    "stream_options": {"include_usage": True},
                },
            ),
            Example(
                "Responses",
                "OpenAI's Responses. Nothing is stored: `store: true` and `previous_response_id` "
                "are refused.",
                "POST",
                "/api/llm/responses",
                EXAMPLES["ResponsesRequest"],
            ),
            Example(
                "Messages",
                "Anthropic's Messages.",
                "POST",
                "/api/llm/messages",
                EXAMPLES["MessagesRequest"],
                headers={"anthropic-version": "2023-06-01"},
            ),
            Example(
                "Count the tokens of a message",
                "An estimate. It costs nothing.",
                "POST",
                "/api/llm/messages/count_tokens",
                EXAMPLES["CountTokensRequest"],
            ),
            Example(
                "Embeddings",
                "`input` is a text or a list of texts.",
                "POST",
                "/api/llm/embeddings",
                EXAMPLES["EmbeddingRequest"],
            ),
        ),
    ),
    Section(
        "Tokens",
        (
            Example(
                "Balance",
                "What is left, and when it renews.",
                "GET",
                "/api/tokens/balance",
            ),
            Example(
                "Limits",
                "The limits of the plan and of the key, and what is left of them now.",
                "GET",
                "/api/tokens/limits",
            ),
            Example(
                "Usage",
                "The receipts, newest first; with `?group_by=day` (`model`, `key` …) their sums.",
                "GET",
                "/api/tokens/usage",
            ),
            Example(
                "Reserve tokens for a request to your own provider",
                "The answer has the `id` that a report takes as `reservation`. It expires after "
                "`ttl` seconds.",
                "POST",
                "/api/tokens/reserve",
                EXAMPLES["ReserveRequest"],
            ),
            Example(
                "Report usage",
                "Charges what a request used that did not go through the proxy.",
                "POST",
                "/api/tokens/consume",
                EXAMPLES["ConsumeRequest"],
                headers={"Idempotency-Key": "turn-1"},
            ),
        ),
    ),
    Section(
        "Account",
        (
            Example(
                "Profile",
                "The user of a session.",
                "GET",
                "/api/users/profile",
                auth="ACCESS",
            ),
            Example(
                "Create a key",
                "The answer has `key`, this one time. Sessions of editors may not create keys.",
                "POST",
                "/api/api-keys",
                EXAMPLES["ApiKeyRequest"],
                auth="ACCESS",
            ),
            Example(
                "List the keys",
                "With their prefix, budget, usage and last use.",
                "GET",
                "/api/api-keys",
                auth="ACCESS",
            ),
            Example(
                "Plans",
                "The plans with their prices and limits. No authentication is needed.",
                "GET",
                "/api/subscriptions/plans",
                auth="",
            ),
            Example(
                "The current subscription",
                "Plan, status, period and scheduled changes.",
                "GET",
                "/api/subscriptions/current",
                auth="ACCESS",
            ),
        ),
    ),
)


def page() -> str:
    """Return the page, in Markdown."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    for section in SECTIONS:
        yield f"## {section.title}\n"
        for example in section.examples:
            yield f"### {example.title}\n\n`{example.method} {example.path}`\n\n{example.note}\n"
            yield f"```sh\n{_curl(example)}\n```\n"
            yield f"```python\n{_python(example)}\n```\n"
            yield f"```ts\n{_typescript(example)}\n```\n"


def _curl(example: Example) -> str:
    flags = " -N" if example.is_stream else ""
    method = (
        "" if example.method == ("POST" if example.body else "GET") else f" -X {example.method}"
    )
    lines = [f"curl{flags}{method} {BASE}{example.path}"]
    if example.auth:
        lines.append(f'-H "Authorization: Bearer ${example.auth}"')
    lines += [f'-H "{name}: {value}"' for name, value in example.headers.items()]
    if example.body is not None:
        lines += ['-H "Content-Type: application/json"', f"-d '{json.dumps(example.body)}'"]
    return " \\\n  ".join(lines)


def _python(example: Example) -> str:
    headers = ", ".join(_python_headers(example))
    arguments = f'"{BASE}{example.path}"' + (f",\n    headers={{{headers}}}" if headers else "")
    if example.body is not None:
        arguments += f",\n    json={_in_python(example.body)}"
    call = f"{example.method.lower()}(\n    {arguments},\n)"
    imports = ("import os\n\n" if example.auth else "") + "import httpx\n\n"
    if not example.is_stream:
        return (
            f"{imports}response = httpx.{call}\nresponse.raise_for_status()\nprint(response.json())"
        )
    inner = call.replace("post(", 'stream(\n    "POST",', 1)
    return (
        f"{imports}with httpx.{inner} as response:\n    response.raise_for_status()\n"
        f"    for line in response.iter_lines():\n        print(line)"
    )


def _in_python(body: dict[str, Any]) -> str:
    text = indent(_literal(body, 4), "    ").lstrip()
    return text.replace(": true", ": True").replace(": false", ": False")


def _python_headers(example: Example) -> Iterator[str]:
    if example.auth:
        yield f'"Authorization": f"Bearer {{os.environ[\'{example.auth}\']}}"'
    yield from (f'"{name}": "{value}"' for name, value in example.headers.items())


def _literal(value: Any, by: int) -> str:
    """Write JSON in one line if it is short, otherwise one entry a line, indented by ``by``."""
    line = json.dumps(value)
    if len(line) <= _LINE or not isinstance(value, dict):
        return line
    entries = (f"{json.dumps(name)}: {_literal(each, by)}" for name, each in value.items())
    return (
        "{\n"
        + "".join(f"{' ' * by}{indent(entry, ' ' * by).lstrip()},\n" for entry in entries)
        + "}"
    )


def _typescript(example: Example) -> str:
    options = [f'method: "{example.method}"'] if example.method != "GET" else []
    headers = list(_typescript_headers(example))
    if headers:
        options.append(f"headers: {{ {', '.join(headers)} }}")
    if example.body is not None:
        literal = indent(_literal(example.body, 2), "  ").lstrip()
        options.append(f"body: JSON.stringify({literal})")
    inside = "".join(f"  {option},\n" for option in options)
    arguments = f'"{BASE}{example.path}"' + (f", {{\n{inside}}}" if options else "")
    return (
        f"const response = await fetch({arguments});\n"
        "if (!response.ok) throw new Error(await response.text());\n" + _typescript_answer(example)
    )


def _typescript_headers(example: Example) -> Iterator[str]:
    if example.auth:
        yield f"Authorization: `Bearer ${{process.env.{example.auth}}}`"
    if example.body is not None:
        yield '"Content-Type": "application/json"'
    yield from (f'"{name}": "{value}"' for name, value in example.headers.items())


def _typescript_answer(example: Example) -> str:
    if not example.is_stream:
        return "console.log(await response.json());"
    return (
        "for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {\n"
        "  process.stdout.write(text);\n}"
    )


if __name__ == "__main__":
    write_or_print("api.md", page())
