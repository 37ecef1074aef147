"""A scripted conversation: what the model answers in each turn, so that an agent does a real task.

``script=…`` is a JSON list in base64url, in a prompt's directive or set through the control API. A
step is ``{"tool": name, "arguments": {…}}`` or ``{"text": "…"}``. The turn is the number of tools'
results in the conversation; behind the last step the answer is the usual text. So it is where a
step's tool is not offered: agents ask for titles and the like beside their task.
"""

import base64
import binascii
from typing import Any, NamedTuple

import orjson


class Step(NamedTuple):
    """The answer of one turn: the call of a tool, or else a text."""

    tool: str | None
    arguments: str
    text: str


Script = tuple[Step, ...]


def write_script(steps: list[dict[str, Any]]) -> str:
    """Return the value of the directive."""
    return base64.urlsafe_b64encode(orjson.dumps(steps)).decode().rstrip("=")


def read_script(value: str) -> Script:
    """Read the value of the directive. Raises ``ValueError``."""
    padded = value + "=" * (-len(value) % 4)
    try:
        steps = orjson.loads(base64.urlsafe_b64decode(padded))
        return tuple(_step(step) for step in steps)
    except (binascii.Error, AttributeError, TypeError) as error:
        raise ValueError(value) from error


def _step(step: dict[str, Any]) -> Step:
    arguments = orjson.dumps(step.get("arguments", {})).decode()
    return Step(step.get("tool"), arguments, str(step.get("text", "")))


def step_of(script: Script, body: dict[str, Any]) -> Step | None:
    """Return the step of the conversation's turn, if there is one that the request allows."""
    turn = sum(message.get("role") == "tool" for message in body["messages"])
    step = script[turn] if turn < len(script) else None
    if step is None or step.tool is None:
        return step
    offered = [tool["function"]["name"] for tool in body.get("tools") or ()]
    return step if step.tool in offered else None
