"""Refusing invalid requests as OpenAI does: status, ``param``, ``code`` and message."""

from collections.abc import Iterable
from typing import Any

import orjson

from devserver.upstream.errors import ApiError, unknown_model
from devserver.upstream.models import CATALOG, Model

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_FORMATS = ("text", "json_object", "json_schema")
_MOST_STOPS = 4
_MOST_CHOICES = 128


def parse(raw: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        message = "We could not parse the JSON body of your request."
        raise ApiError(400, message) from None
    if not isinstance(body, dict):
        raise _wrong_type("body", "an object", body)
    return body


def chat(body: dict[str, Any]) -> Model:
    model = _model(body)
    if model.embeds:
        raise ApiError(
            404,
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint.",
            param="model",
        )
    _messages(body)
    _generation(body)
    _tools(body)
    _response_format(body)
    return model


def completion(body: dict[str, Any]) -> Model:
    model = _model(body)
    if model.embeds:
        raise ApiError(404, "This is not a completion model.", param="model")
    _required(body, "prompt")
    _text_or_tokens(body, "prompt")
    _generation(body, least_tokens=0)
    return model


def embedding(body: dict[str, Any]) -> Model:
    model = _model(body)
    if not model.embeds:
        message = "You are not allowed to generate embeddings from this model"
        raise ApiError(403, message)
    _required(body, "input")
    _text_or_tokens(body, "input")
    _integer(body, "dimensions", 1, 3072)
    _one_of(body, "encoding_format", ("float", "base64"))
    return model


def _model(body: dict[str, Any]) -> Model:
    name = body.get("model")
    if name is None:
        raise ApiError(400, "you must provide a model parameter")
    if not isinstance(name, str):
        raise _wrong_type("model", "a string", name)
    if name not in CATALOG:
        raise unknown_model(name)
    return CATALOG[name]


def _messages(body: dict[str, Any]) -> None:
    _required(body, "messages")
    messages = body["messages"]
    if not isinstance(messages, list):
        raise _wrong_type("messages", "an array of objects", messages)
    if not messages:
        message = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        raise ApiError(400, message, param="messages", code="empty_array")
    for position, message in enumerate(messages):
        _message(message, f"messages[{position}]")


def _message(message: Any, where: str) -> None:
    if not isinstance(message, dict):
        raise _wrong_type(where, "an object", message)
    if "role" not in message:
        raise _missing(f"{where}.role")
    if message["role"] not in _ROLES:
        raise _wrong_value(f"{where}.role", message["role"], _ROLES)
    content = message.get("content")
    if content is None and message["role"] != "assistant":
        raise _missing(f"{where}.content")
    if isinstance(content, list):
        _parts(content, f"{where}.content")
    elif not isinstance(content, str | None):
        raise _wrong_type(f"{where}.content", "one of a string or array of objects", content)


def _parts(parts: list[Any], where: str) -> None:
    for position, part in enumerate(parts):
        if not isinstance(part, dict):
            raise _wrong_type(f"{where}[{position}]", "an object", part)
        if not isinstance(part.get("type"), str):
            raise _missing(f"{where}[{position}].type")
        if part["type"] == "text" and not isinstance(part.get("text"), str):
            raise _missing(f"{where}[{position}].text")


def _generation(body: dict[str, Any], *, least_tokens: int = 1) -> None:
    _integer(body, "max_tokens", least_tokens, None)
    _integer(body, "max_completion_tokens", least_tokens, None)
    _integer(body, "n", 1, _MOST_CHOICES)
    _temperature(body)
    _stop(body)
    _stream(body)
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        raise ApiError(
            400,
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            code="invalid_parameter_combination",
        )


def _temperature(body: dict[str, Any]) -> None:
    value = body.get("temperature")
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type("temperature", "a decimal", value)
    if not 0 <= value <= 2:
        raise _out_of_range("temperature", "a value between 0 and 2", value)


def _stop(body: dict[str, Any]) -> None:
    stop = body.get("stop")
    if stop is None or isinstance(stop, str):
        return
    if not isinstance(stop, list) or not all(isinstance(item, str) for item in stop):
        raise _wrong_type("stop", "a string or an array of strings", stop)
    if len(stop) > _MOST_STOPS:
        message = f"Invalid 'stop': array too long. Expected at most {_MOST_STOPS} items."
        raise ApiError(400, message, param="stop", code="array_above_max_length")


def _stream(body: dict[str, Any]) -> None:
    if not isinstance(body.get("stream"), bool | None):
        raise _wrong_type("stream", "a boolean", body["stream"])
    options = body.get("stream_options")
    if not isinstance(options, dict | None):
        raise _wrong_type("stream_options", "an object", options)
    if options is not None and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise ApiError(400, message, param="stream_options")


def _tools(body: dict[str, Any]) -> None:
    tools = body.get("tools")
    if not isinstance(tools, list | None):
        raise _wrong_type("tools", "an array of objects", tools)
    for position, tool in enumerate(tools or ()):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise _missing(f"tools[{position}].function.name")
    if body.get("tool_choice") is not None and not tools:
        message = "'tool_choice' is only allowed when 'tools' are specified."
        raise ApiError(400, message, param="tool_choice")


def _response_format(body: dict[str, Any]) -> None:
    value = body.get("response_format")
    if value is None:
        return
    if not isinstance(value, dict):
        raise _wrong_type("response_format", "an object", value)
    if value.get("type") not in _FORMATS:
        raise _wrong_value("response_format.type", value.get("type"), _FORMATS)


def _text_or_tokens(body: dict[str, Any], key: str) -> None:
    value = body[key]
    if isinstance(value, str) and (value or key == "prompt"):
        return
    if isinstance(value, list) and value and _alike(value):
        return
    message = f"'$.{key}' is invalid. Please check the API reference."
    raise ApiError(400, message, param=key)


def _alike(value: list[Any]) -> bool:
    kinds = {type(item) for item in value}
    if kinds == {list}:
        return all(item and {type(number) for number in item} == {int} for item in value)
    return kinds in ({str}, {int})


def _integer(body: dict[str, Any], key: str, low: int, high: int | None) -> None:
    value = body.get(key)
    if value is None:
        return
    if type(value) is not int:
        raise _wrong_type(key, "an integer", value)
    if value < low:
        raise _out_of_range(key, f"a value >= {low}", value)
    if high is not None and value > high:
        raise _out_of_range(key, f"a value <= {high}", value)


def _one_of(body: dict[str, Any], key: str, values: Iterable[str]) -> None:
    if body.get(key) is not None and body[key] not in values:
        raise _wrong_value(key, body[key], values)


def _required(body: dict[str, Any], key: str) -> None:
    if body.get(key) is None:
        raise _missing(key)


def _missing(param: str) -> ApiError:
    message = f"Missing required parameter: '{param}'."
    return ApiError(400, message, param=param, code="missing_required_parameter")


_NAMES = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def _wrong_type(param: str, expected: str, value: Any) -> ApiError:
    got = _NAMES[type(value)]
    message = f"Invalid type for '{param}': expected {expected}, but got {got} instead."
    return ApiError(400, message, param=param, code="invalid_type")


def _wrong_value(param: str, value: Any, supported: Iterable[str]) -> ApiError:
    names = ", ".join(f"'{name}'" for name in supported)
    message = f"Invalid value: '{value}'. Supported values are: {names}."
    return ApiError(400, message, param=param, code="invalid_value")


def _out_of_range(param: str, expected: str, value: float) -> ApiError:
    message = f"Invalid '{param}': expected {expected}, but got {value} instead."
    below = "below_min_value" if value < 1 else "above_max_value"
    return ApiError(400, message, param=param, code=f"{_NAMES[type(value)].split()[1]}_{below}")
