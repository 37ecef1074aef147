"""Reading a request field by field, so that no field is lost without a trace.

Each object of a request is read through ``Fields``, which remembers what was read. What is left
at the end is kept (``rest``) or refused (``done``): nothing disappears because nobody looked.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from core.errors import InvalidRequest

Json = dict[str, Any]

_SPOKEN = {
    str: "a string",
    int: "a whole number",
    dict: "an object",
    list: "a list",
    bool: "a boolean",
}


class Untranslatable(InvalidRequest):
    """The provider speaks chat completions only, in which this field cannot be said."""

    code = "unsupported_field"

    def __init__(self, param: str, reason: str) -> None:
        super().__init__(f"{param}: {reason}", param=param)


@dataclass(frozen=True)
class Target:
    """What a provider's chat completions understand, beyond what all of them do.

    ``reasoning``: "details" is OpenRouter's way, with a ``reasoning`` object in the request and
    ``reasoning_details`` in messages; "content" is ``reasoning_effort`` and ``reasoning_content``.
    ``hosted_tools``: whether a tool that the vendor's own servers run is refused or left out.
    """

    limit: str = "max_tokens"
    reasoning: Literal["details", "content"] = "content"
    hosted_tools: Literal["refuse", "omit"] = "refuse"
    cache_control: bool = False
    custom_tools: bool = False
    file_urls: bool = False
    metadata: bool = False


OPENROUTER = Target(reasoning="details", cache_control=True, file_urls=True, metadata=True)
PLAIN = Target()


@dataclass
class Scope:
    """One translation: for whom, and which fields were left out because they are only hints."""

    target: Target
    omitted: list[str] = field(default_factory=list)


class Fields:
    """One object of a request, at ``path`` within it. Null is as good as absent."""

    def __init__(self, value: Any, path: str, scope: Scope) -> None:
        if not isinstance(value, dict):
            raise InvalidRequest(f"{path or 'The body'} must be an object.", param=path or None)
        self.path = path
        self.scope = scope
        self._left = {name: each for name, each in value.items() if each is not None}

    def at(self, name: str) -> str:
        """Return the path of a field, as an error names it."""
        return f"{self.path}.{name}" if self.path else name

    def peek(self, name: str) -> Any:
        """Return a field's value without counting it as read."""
        return self._left.get(name)

    def take(self, name: str, *kinds: type) -> Any:
        """Return a field's value and count it as read; None when it is absent."""
        value = self._left.pop(name, None)
        if value is not None and kinds and not isinstance(value, kinds):
            spoken = " or ".join(_SPOKEN[kind] for kind in kinds)
            raise InvalidRequest(f"{self.at(name)} must be {spoken}.", param=self.at(name))
        return value

    def need(self, name: str, *kinds: type) -> Any:
        """Return a required field's value."""
        value = self.take(name, *kinds)
        if value is None:
            raise InvalidRequest(f"{self.at(name)} is required.", param=self.at(name))
        return value

    def object(self, name: str) -> "Fields | None":
        """Return an object within this one."""
        value = self.take(name, dict)
        return None if value is None else Fields(value, self.at(name), self.scope)

    def objects(self, name: str) -> "list[Fields]":
        """Return the objects of a list within this one."""
        value = self.take(name, list) or []
        return list(fields_of(value, self.at(name), self.scope))

    def accept(self, name: str, *values: Any, reason: str = "this value is not supported.") -> None:
        """Read a field whose given values ask for nothing but what happens anyway."""
        value = self.take(name)
        if value is not None and value not in values:
            self.refuse(name, reason)

    def skip(self, *names: str) -> None:
        """Read fields that only number or describe what the client sends back to us."""
        for name in names:
            self._left.pop(name, None)

    def omit(self, *names: str) -> None:
        """Leave out fields that the provider cannot use, and note that."""
        for name in names:
            if self._left.pop(name, None):
                self.scope.omitted.append(self.at(name))

    def keep(self, *names: str) -> Json:
        """Return those of the fields that are there, as they are."""
        return {name: self._left.pop(name) for name in names if name in self._left}

    def cache_control(self) -> Json:
        """Return the cache breakpoint where it is understood, else note it as left out."""
        if self.scope.target.cache_control:
            return self.keep("cache_control")
        self.omit("cache_control")
        return {}

    def rest(self) -> Json:
        """Return what nobody has read: unknown fields, to be kept as they are."""
        rest, self._left = self._left, {}
        return rest

    def done(self) -> None:
        """Refuse what nobody has read."""
        for name in self._left:
            self.refuse(name, "this field has no equivalent in chat completions.")

    def refuse(self, name: str, reason: str) -> NoReturn:
        raise Untranslatable(self.at(name) if name else self.path, reason)

    def refuse_any(self, names: Iterable[str], reason: str) -> None:
        """Refuse the first of the fields that is there and not false."""
        for name in names:
            if self.take(name):
                self.refuse(name, reason)


def fields_of(values: list[Any], path: str, scope: Scope) -> Iterator[Fields]:
    """Yield the objects of a list, each with its path."""
    for position, value in enumerate(values):
        yield Fields(value, f"{path}.{position}", scope)
