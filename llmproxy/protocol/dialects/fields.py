"""Reading a request field by field, so that no field is lost silently.

Each object of a request is read through ``Fields``, which records the fields that were read. The
others are kept (``rest``) or refused (``done``) at the end.
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
    """The provider supports only chat completions, which have no equivalent of this field."""

    code = "unsupported_field"

    def __init__(self, param: str, reason: str) -> None:
        super().__init__(f"{param}: {reason}", param=param)


@dataclass(frozen=True)
class Target:
    """The features of a provider's chat completions beyond the common ones.

    ``reasoning``: "details" is OpenRouter's form, with a ``reasoning`` object in the request and
    ``reasoning_details`` in messages; "content" is ``reasoning_effort`` and ``reasoning_content``.
    ``hosted_tools``: whether tools that the vendor's servers run are refused or left out.
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
    """One translation: its target, and the fields that were left out because they are hints."""

    target: Target
    omitted: list[str] = field(default_factory=list)


class Fields:
    """One object of a request, at ``path`` within it. Null is equivalent to absent."""

    def __init__(self, value: Any, path: str, scope: Scope) -> None:
        if not isinstance(value, dict):
            raise InvalidRequest(f"{path or 'The body'} must be an object.", param=path or None)
        self.path = path
        self.scope = scope
        self._left = {name: each for name, each in value.items() if each is not None}

    def at(self, name: str) -> str:
        """Return the path of a field, for error messages."""
        return f"{self.path}.{name}" if self.path else name

    def peek(self, name: str) -> Any:
        """Return a field's value without marking it as read."""
        return self._left.get(name)

    def take(self, name: str, *kinds: type) -> Any:
        """Return a field's value and mark it as read; None if it is absent."""
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
        value = self.take(name)
        return None if value is None else Fields(value, self.at(name), self.scope)

    def objects(self, name: str) -> "list[Fields]":
        """Return the objects of a list within this one."""
        value = self.take(name, list) or []
        return list(fields_of(value, self.at(name), self.scope))

    def accept(self, name: str, *values: Any, reason: str = "this value is not supported.") -> None:
        """Read a field, and refuse every value that would change the default behavior."""
        value = self.take(name)
        if value is not None and value not in values:
            self.refuse(name, reason)

    def skip(self, *names: str) -> None:
        """Read and ignore fields that only number or describe content of earlier answers."""
        for name in names:
            self._left.pop(name, None)

    def omit(self, *names: str) -> None:
        """Leave out fields that the provider cannot use, and record their paths."""
        for name in names:
            if self._left.pop(name, None):
                self.scope.omitted.append(self.at(name))

    def keep(self, *names: str) -> Json:
        """Return the fields that are present, unchanged."""
        return {name: self._left.pop(name) for name in names if name in self._left}

    def cache_control(self) -> Json:
        """Return the cache breakpoint if the target supports it, else record it as left out."""
        if self.scope.target.cache_control:
            return self.keep("cache_control")
        self.omit("cache_control")
        return {}

    def rest(self) -> Json:
        """Return the fields that were not read, to be kept unchanged."""
        rest, self._left = self._left, {}
        return rest

    def done(self) -> None:
        """Refuse the first field that was not read."""
        for name in self._left:
            self.refuse(name, "this field has no equivalent in chat completions.")

    def refuse(self, name: str, reason: str) -> NoReturn:
        raise Untranslatable(self.at(name) if name else self.path, reason)

    def refuse_any(self, names: Iterable[str], reason: str) -> None:
        """Refuse the first of the fields that is present and not false."""
        for name in names:
            if self.take(name):
                self.refuse(name, reason)


def fields_of(values: list[Any], path: str, scope: Scope) -> Iterator[Fields]:
    """Yield the objects of a list, each with its path."""
    for position, value in enumerate(values):
        yield Fields(value, f"{path}.{position}", scope)
