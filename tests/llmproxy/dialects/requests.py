"""Strategies that make up requests of Messages and of Responses."""

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

# Long enough to be found in a translation by nothing but themselves.
texts = st.builds(
    "leaf-{}-{}".format,
    st.integers(10**6, 10**9),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
)
_values = st.one_of(texts, st.integers(), st.floats(allow_nan=False, allow_infinity=False))
_inputs = st.dictionaries(texts, st.one_of(_values, st.lists(_values, max_size=2)), max_size=3)
_schemas = st.fixed_dictionaries({"type": st.just("object"), "properties": _inputs})
_cached = {"cache_control": st.just({"type": "ephemeral", "ttl": "5m"})}


def _block(kind: str, *optional: dict[str, Any], **fields: Any) -> st.SearchStrategy[Json]:
    more = {name: value for one in optional for name, value in one.items()}
    return st.fixed_dictionaries({"type": st.just(kind), **fields}, optional=more)


_base64 = _block("base64", media_type=st.just("image/png"), data=texts)
_url = _block("url", url=texts)
_text = _block("text", _cached, text=texts)
_image = _block("image", _cached, source=st.one_of(_base64, _url))
_sources = st.one_of(
    _block("text", media_type=st.just("text/plain"), data=texts),
    _block("base64", media_type=st.just("application/pdf"), data=texts),
    _block("content", content=st.lists(_text, min_size=1, max_size=2)),
    _block("file", file_id=texts),
    _url,
)
_document = _block("document", _cached, {"title": texts, "context": texts}, source=_sources)
_said = st.lists(st.one_of(_text, _image, _document), min_size=1, max_size=3)


@st.composite
def _messages_turns(draw: st.DrawFn) -> list[Json]:
    turns: list[Json] = [{"role": "user", "content": draw(st.one_of(texts, _said))}]
    for turn in range(draw(st.integers(0, 2))):
        thinking = _block("thinking", thinking=texts, signature=st.one_of(st.just(""), texts))
        hidden = _block("redacted_thinking", data=texts)
        blocks = draw(st.lists(st.one_of(thinking, hidden, _text), max_size=3))
        ids = [f"toolu_{turn}_{n}" for n in range(draw(st.integers(0, 2)))]
        blocks += [
            draw(_block("tool_use", _cached, id=st.just(one), name=texts, input=_inputs))
            for one in ids
        ]
        turns.append({"role": "assistant", "content": blocks or draw(texts)})
        result = {"content": st.one_of(texts, _said), "is_error": st.booleans(), **_cached}
        answers = [draw(_block("tool_result", result, tool_use_id=st.just(one))) for one in ids]
        turns.append({"role": "user", "content": [*answers, *draw(_said)]})
    return turns


_tools = st.fixed_dictionaries(
    {"name": texts, "input_schema": _schemas},
    optional={"description": texts, "strict": st.booleans(), "type": st.just("custom"), **_cached},
)
_choices = st.one_of(
    _block("tool", {"disable_parallel_tool_use": st.booleans()}, name=texts),
    _block("any"),
    _block("auto", {"disable_parallel_tool_use": st.booleans()}),
    _block("none"),
)


def messages_requests() -> st.SearchStrategy[Json]:
    """Make up a request of Messages."""
    return st.fixed_dictionaries(
        {"model": texts, "max_tokens": st.integers(1, 9999), "messages": _messages_turns()},
        optional={
            "system": st.one_of(texts, st.lists(_text, max_size=2)),
            "tools": st.lists(_tools, min_size=1, max_size=2),
            "tool_choice": _choices,
            "stop_sequences": st.lists(texts, min_size=1, max_size=2),
            "temperature": st.floats(0, 1),
            "top_p": st.floats(0, 1),
            "top_k": st.integers(1, 99),
            "metadata": st.fixed_dictionaries({"user_id": texts}),
            "service_tier": st.just("auto"),
            "thinking": st.one_of(_block("adaptive"), _block("disabled")),
            "output_config": st.fixed_dictionaries({"effort": st.just("high")}),
            **_cached,
        },
    )


_input_text = _block("input_text", text=texts)
_input_parts = st.lists(
    st.one_of(
        _input_text,
        _block("input_image", {"detail": st.just("high")}, image_url=texts),
        _block("input_image", file_id=texts),
        _block("input_file", file_data=texts, filename=texts),
        _block("input_file", file_url=texts),
    ),
    min_size=1,
    max_size=3,
)
_output_parts = st.lists(
    st.one_of(
        _block("output_text", text=texts, annotations=st.just([])), _block("refusal", refusal=texts)
    ),
    min_size=1,
    max_size=2,
)


@st.composite
def _items(draw: st.DrawFn) -> list[Json]:
    items: list[Json] = [{"role": "user", "content": draw(st.one_of(texts, _input_parts))}]
    for turn in range(draw(st.integers(0, 2))):
        summary = st.lists(_block("summary_text", text=texts), max_size=2)
        reasoning: dict[str, Any] = {
            "content": st.lists(_block("reasoning_text", text=texts), max_size=1)
        }
        reasoning["encrypted_content"] = texts
        items.append(draw(_block("reasoning", reasoning, id=st.just("rs_1"), summary=summary)))
        items.append({"type": "message", "role": "assistant", "content": draw(_output_parts)})
        ids = [f"call_{turn}_{n}" for n in range(draw(st.integers(0, 2)))]
        custom = draw(st.booleans())
        kind = "custom_tool_call" if custom else "function_call"
        said = {"input": texts} if custom else {"arguments": st.just('{"a": "argued"}')}
        items += [draw(_block(kind, call_id=st.just(one), name=texts, **said)) for one in ids]
        outputs = st.one_of(texts, _input_parts)
        items += [
            draw(_block(f"{kind}_output", call_id=st.just(one), output=outputs)) for one in ids
        ]
    return items


_functions = _block(
    "function", {"description": texts, "strict": st.booleans()}, name=texts, parameters=_schemas
)
_grammar = _block("grammar", syntax=st.just("lark"), definition=texts)
_customs = _block("custom", {"description": texts, "format": _grammar}, name=texts)
_spaces = _block(
    "namespace",
    name=texts,
    description=texts,
    tools=st.lists(st.one_of(_functions, _customs), min_size=1, max_size=2),
)


def responses_requests() -> st.SearchStrategy[Json]:
    """Make up a request of Responses."""
    schema = _block("json_schema", {"strict": st.booleans()}, name=texts, schema=_schemas)
    return st.fixed_dictionaries(
        {"model": texts, "input": st.one_of(texts, _items())},
        optional={
            "instructions": texts,
            "tools": st.lists(st.one_of(_functions, _customs, _spaces), min_size=1, max_size=3),
            "tool_choice": st.sampled_from(["auto", "none", "required"]),
            "parallel_tool_calls": st.booleans(),
            "max_output_tokens": st.integers(16, 9999),
            "temperature": st.floats(0, 2),
            "text": st.fixed_dictionaries({"format": schema, "verbosity": st.just("low")}),
            "reasoning": st.fixed_dictionaries(
                {"effort": st.just("high")}, optional={"summary": st.just("auto")}
            ),
            "user": texts,
            "prompt_cache_key": texts,
            "store": st.just(False),
            "include": st.just(["reasoning.encrypted_content"]),
            "truncation": st.just("disabled"),
        },
    )
