"""Tools that a vendor's servers run are left out, where the model has others."""

from typing import Any

import pytest

from llmproxy.protocol.hosted_tools import are_of_client, left_out

MESSAGES = ["web_search_20250305", "web_fetch_20250910", "code_execution_20250825"]
MESSAGES += ["tool_search_tool_regex_20251119", "mcp_toolset", "advisor_20260301"]
RESPONSES = ["web_search", "file_search", "code_interpreter", "image_generation", "mcp"]
RESPONSES += ["tool_search"]
OWN: dict[str, Any] = {"name": "look", "input_schema": {}}


@pytest.mark.parametrize(
    ("dialect", "kind"),
    [("messages", kind) for kind in MESSAGES] + [("responses", kind) for kind in RESPONSES],
)
def test_a_hosted_tool_beside_others_is_left_out(dialect: str, kind: str) -> None:
    own = OWN if dialect == "messages" else {"type": "function", "name": "look"}
    body = {"model": "m", "tools": [{"type": kind}, own, {"type": kind}]}

    assert left_out(body, dialect) == ({"model": "m", "tools": [own]}, ("tools.0", "tools.2"))
    assert len(body["tools"]) == 3
    assert not are_of_client([own, {"type": kind}], dialect)


@pytest.mark.parametrize(
    ("body", "dialect"),
    [
        ({"tools": [{"type": "web_search"}, OWN]}, "chat"),
        ({"tools": [OWN]}, "messages"),
        ({"tools": []}, "messages"),
        ({"tools": None}, "messages"),
        ({"tools": {"type": "web_search"}}, "messages"),
        ({}, "messages"),
        ({"tools": [{"type": "web_search"}]}, "messages"),
        ({"tools": ["x", OWN]}, "messages"),
    ],
)
def test_a_request_without_both_kinds_stays_as_it_is(body: Any, dialect: str) -> None:
    assert left_out(body, dialect) == (body, ())


SEARCH = {"type": "web_search_20250305", "name": "search", "server_label": "s"}


@pytest.mark.parametrize(
    ("choice", "is_left_out"),
    [
        (None, True),
        ("required", True),
        ({"type": "auto"}, True),
        ({"type": "tool", "name": "look"}, True),
        ({"type": "tool", "name": "search"}, False),
        ({"type": "tool", "name": "s"}, False),
        ({"type": "web_search_20250305"}, False),
    ],
)
def test_a_hosted_tool_that_must_be_called_is_kept(choice: Any, is_left_out: bool) -> None:
    body = {"tools": [OWN, SEARCH], "tool_choice": choice}

    assert left_out(body, "messages")[1] == (("tools.1",) if is_left_out else ())


@pytest.mark.parametrize(
    ("dialect", "kind"),
    [
        *[("messages", kind) for kind in ("custom", "bash_20250124", "text_editor_20250728")],
        *[("messages", kind) for kind in ("computer_20251124", "memory_20250818", None, 5)],
        *[("responses", kind) for kind in ("function", "custom", "namespace", "local_shell")],
        *[("responses", kind) for kind in ("apply_patch", "computer_use_preview")],
    ],
)
def test_tools_of_the_client(dialect: str, kind: object) -> None:
    assert are_of_client([{"type": kind}, "x"], dialect)
    assert left_out({"tools": [{"type": kind}, OWN]}, dialect)[1] == ()


@pytest.mark.parametrize("tools", [None, [], "web_search", {}])
def test_no_tools_are_none_of_a_vendor(tools: Any) -> None:
    assert are_of_client(tools, "messages")
