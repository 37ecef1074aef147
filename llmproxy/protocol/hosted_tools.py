"""Tools that a vendor's own servers run and bill by the call. Pure.

If a request also has tools that the client runs, the hosted tools are left out, and the model uses
the others. A request without other tools, or one that requires a hosted tool, stays unchanged and
is refused.
"""

from typing import Any

Body = dict[str, Any]

# Their types begin with these words. In Messages they end with a date.
_HOSTED = {
    "messages": ("web_search", "web_fetch", "code_execution", "tool_search", "mcp", "advisor"),
    "responses": (
        "web_search",
        "file_search",
        "code_interpreter",
        "image_generation",
        "mcp",
        "tool_search",
    ),
}
# Tools that the client runs, although the vendor has defined some of them.
_OF_CLIENT = {
    "messages": ("custom", "bash", "text_editor", "computer", "memory"),
    "responses": ("function", "custom", "namespace", "local_shell", "apply_patch", "computer"),
}


def are_of_client(tools: Any, dialect: str) -> bool:
    """Return whether the client runs all of the tools."""
    entries = tools if isinstance(tools, list) else []
    return all(_kind(tool).startswith(_OF_CLIENT[dialect]) for tool in entries)


def left_out(body: Body, dialect: str) -> tuple[Body, tuple[str, ...]]:
    """Return a request without its hosted tools, and their paths."""
    tools, hosted = body.get("tools"), _HOSTED.get(dialect)
    if hosted is None or not isinstance(tools, list):
        return body, ()
    found = [at for at, tool in enumerate(tools) if _kind(tool).startswith(hosted)]
    if not found or len(found) == len(tools) or _is_chosen(body, [tools[at] for at in found]):
        return body, ()
    kept = [tool for at, tool in enumerate(tools) if at not in found]
    return {**body, "tools": kept}, tuple(f"tools.{at}" for at in found)


def _is_chosen(body: Body, hosted: list[Any]) -> bool:
    """Return whether the model must call one of them, by name in Messages, else by type."""
    choice = body.get("tool_choice")
    if not isinstance(choice, dict):
        return False
    named = [tool.get(key) for tool in hosted for key in ("name", "type", "server_label")]
    names = [name for name in named if isinstance(name, str)]
    return choice.get("name") in names or choice.get("type") in names


def _kind(tool: Any) -> str:
    kind = tool.get("type") if isinstance(tool, dict) else None
    return kind if isinstance(kind, str) else "custom"
