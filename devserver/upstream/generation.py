"""Generating the tokens of a response, before anything is written.

Each of the ``n`` choices is the same text, so that a plan holds one choice and their number.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from devserver.upstream import phrases, prompts
from devserver.upstream.directives import Directive, strip
from devserver.upstream.models import Model
from devserver.upstream.scripts import step_of
from devserver.upstream.tokenizer import tokenize

_LEGACY_LIMIT = 16
_BIG = "x" * 5_000_000


class Token(NamedTuple):
    """One token of a choice: of ``reasoning``, ``content``, or a tool's ``name``/``arguments``."""

    kind: str
    text: str


@dataclass(slots=True)
class Plan:
    """One generation. ``tool`` is the name of the called tool, ``content`` then its arguments."""

    model: Model
    prompt_tokens: int
    content: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    tool: str | None = None
    finish: str = "stop"
    choices: int = 1
    cached_tokens: int = 0
    cost: str | None = None
    tells_cost: bool = False

    @property
    def per_choice(self) -> int:
        return len(self.reasoning) + (self.tool is not None) + len(self.content)

    @property
    def completion_tokens(self) -> int:
        return self.choices * self.per_choice

    def tokens(self) -> Iterator[Token]:
        """The tokens of one choice."""
        yield from (Token("reasoning", text) for text in self.reasoning)
        if self.tool is not None:
            yield Token("name", self.tool)
        kind = "content" if self.tool is None else "arguments"
        yield from (Token(kind, text) for text in self.content)

    def usd(self, completion_tokens: int) -> str:
        """The cost of the prompt and so many completion tokens."""
        if self.cost is not None:
            return self.cost
        cost = self.model.cost(prompt=self.prompt_tokens, completion=completion_tokens)
        return f"{cost.normalize():f}"


def plan_chat(body: dict[str, Any], model: Model, directive: Directive) -> Plan:
    counted = prompts.count_chat(body) if directive.prompt is None else directive.prompt
    plan = _plan(model, counted, directive)
    plan.reasoning = phrases.passage(directive.reasoning)
    plan.choices = body.get("n") or 1
    plan.tells_cost |= body.get("usage") == {"include": True}
    step = step_of(directive.script, body)
    if step is not None:
        plan.tool, plan.content = step.tool, tuple(tokenize(step.text or step.arguments))
    else:
        plan.tool = _called_tool(body, directive)
        plan.content = _chat_content(body, plan.tool, directive)
    if plan.tool is not None:
        plan.finish = "tool_calls"
    else:
        _stop(plan, body.get("stop"))
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    _limit(plan, model.max_output if "deaf" in directive.fault else asked or model.max_output)
    _swell(plan, directive)
    return plan


def plan_completion(body: dict[str, Any], model: Model, directive: Directive) -> Plan:
    asked = prompts.split_inputs(body["prompt"])
    counted = sum(map(prompts.count_input, asked))
    plan = _plan(model, counted if directive.prompt is None else directive.prompt, directive)
    plan.choices = len(asked) * (body.get("n") or 1)
    plan.content = _text(asked[0] if isinstance(asked[0], str) else "", directive)
    _stop(plan, body.get("stop"))
    default = _LEGACY_LIMIT if directive.n is None else None
    asked_for = default if body.get("max_tokens") is None else body["max_tokens"]
    _limit(plan, None if "deaf" in directive.fault else asked_for)
    _swell(plan, directive)
    return plan


def plan_embedding(body: dict[str, Any], model: Model, directive: Directive) -> Plan:
    counted = sum(map(prompts.count_input, prompts.split_inputs(body["input"])))
    return _plan(model, counted if directive.prompt is None else directive.prompt, directive)


def _plan(model: Model, prompt_tokens: int, directive: Directive) -> Plan:
    return Plan(
        model,
        prompt_tokens,
        cached_tokens=directive.cached,
        cost=directive.cost,
        tells_cost=directive.cost is not None,
    )


def _text(question: str, directive: Directive) -> tuple[str, ...]:
    if directive.n is not None:
        return phrases.passage(directive.n)
    return phrases.answer_about(strip(question))


def _chat_content(body: dict[str, Any], tool: str | None, directive: Directive) -> tuple[str, ...]:
    if tool is not None:
        return _arguments(body["tools"], tool)
    question = prompts.question(body["messages"])
    if (body.get("response_format") or {}).get("type", "text") == "text":
        return _text(question, directive)
    if directive.n is not None:
        return phrases.json_passage(directive.n)
    if schema := _schema(body["response_format"]):
        return tuple(tokenize(orjson.dumps(phrases.arguments(schema)).decode()))
    return phrases.json_answer_about(strip(question))


def _schema(response_format: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON schema that the answer has to fit: chat has it one level below the others."""
    schema = (response_format.get("json_schema") or response_format).get("schema")
    return schema if isinstance(schema, dict) else None


def _arguments(tools: list[dict[str, Any]], name: str) -> tuple[str, ...]:
    functions = [tool["function"] for tool in tools]
    schema = next(item.get("parameters") for item in functions if item["name"] == name)
    value = phrases.arguments(schema or {"type": "object"})
    return tuple(tokenize(orjson.dumps(value).decode()))


def _called_tool(body: dict[str, Any], directive: Directive) -> str | None:
    """The tool to call: when one is asked for, and the last word is not a tool's own result."""
    tools = [tool["function"]["name"] for tool in body.get("tools") or ()]
    choice = body.get("tool_choice")
    if not tools or choice == "none" or body["messages"][-1]["role"] == "tool":
        return None
    wanted = directive.tool
    if isinstance(choice, dict):
        function = choice.get("function")
        wanted = function.get("name") if isinstance(function, dict) else None
    elif choice == "required":
        wanted = wanted or ""
    if wanted is None:
        return None
    return wanted if wanted in tools else tools[0]


def _stop(plan: Plan, stop: Any) -> None:
    """End the text before the first stop sequence."""
    text = "".join(plan.content)
    sequences = [stop] if isinstance(stop, str) else stop or ()
    ends = [text.find(sequence) for sequence in sequences if sequence and sequence in text]
    if ends:
        plan.content = _until(plan.content, min(ends))


def _until(pieces: tuple[str, ...], end: int) -> tuple[str, ...]:
    kept = []
    for piece in pieces:
        if end <= 0:
            break
        kept.append(piece[:end])
        end -= len(piece)
    return tuple(kept)


def _limit(plan: Plan, most: int | None) -> None:
    """Keep at most so many tokens a choice, reasoning first."""
    if most is None or plan.per_choice <= most:
        return
    plan.finish = "length"
    plan.reasoning = plan.reasoning[:most]
    room = most - len(plan.reasoning)
    if room == 0:
        plan.tool = None
    plan.content = plan.content[: room - (plan.tool is not None)] if room else ()


def _swell(plan: Plan, directive: Directive) -> None:
    """Make the token that the fault falls on a chunk of 5 MB."""
    if "big_chunk" in directive.fault and plan.content:
        at = min(directive.after, len(plan.content) - 1)
        plan.content = (*plan.content[:at], _BIG, *plan.content[at + 1 :])
