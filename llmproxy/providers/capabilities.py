"""The capabilities of models that providers list: modalities and supported parameters. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

Entry = dict[str, Any]

_LONGEST = 64
_MOST = 100


@dataclass(frozen=True)
class Capabilities:
    """Capabilities in OpenRouter's terms; empty if the provider does not list them."""

    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()
    supported_parameters: tuple[str, ...] = ()

    def as_json(self) -> dict[str, list[str]]:
        """Return the capabilities in the form that the catalog stores."""
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def from_json(cls, names: Any) -> "Capabilities":
        """Read the stored form, or a provider's entry with these fields."""
        known = names if isinstance(names, dict) else {}
        return cls(*(_names(known.get(name)) for name in cls.__dataclass_fields__))


UNKNOWN = Capabilities()


def of_openrouter(entry: Entry) -> Capabilities:
    """Read ``architecture`` and ``supported_parameters``.

    https://openrouter.ai/docs/api-reference/list-available-models
    """
    architecture = entry.get("architecture")
    names = architecture if isinstance(architecture, dict) else {}
    return Capabilities.from_json(
        {**names, "supported_parameters": entry.get("supported_parameters")}
    )


def of_glama(entry: Entry) -> Capabilities:
    """Read ``capabilities``, such as ``input:image`` and ``function_calling``."""
    names = _names(entry.get("capabilities"))
    return Capabilities(
        tuple(name.removeprefix("input:") for name in names if name.startswith("input:")),
        tuple(name.removeprefix("output:") for name in names if name.startswith("output:")),
        _parameters(tools="function_calling" in names, reasoning="reasoning" in names),
    )


def of_requesty(entry: Entry) -> Capabilities:
    """Read flags such as ``supports_vision``. Every model has text input and output."""

    def can(name: str) -> bool:
        return entry.get(f"supports_{name}") is True

    if not any(name.startswith("supports_") for name in entry):
        return UNKNOWN
    return Capabilities(
        ("text", "image") if can("vision") else ("text",),
        ("text", "image") if can("image_generation") else ("text",),
        _parameters(tools=can("tool_calling"), reasoning=can("reasoning")),
    )


def _parameters(*, tools: bool, reasoning: bool) -> tuple[str, ...]:
    found = (("tools", "tool_choice") if tools else ()) + (("reasoning",) if reasoning else ())
    return ("max_tokens", *found) if found else ()


def _names(value: Any) -> tuple[str, ...]:
    """Return the names in a list, without values that are not names."""
    listed = value if isinstance(value, list) else []
    sane = (isinstance(one, str) and one.isprintable() and len(one) <= _LONGEST for one in listed)
    return tuple(one for one, is_sane in zip(listed, sane, strict=True) if is_sane)[:_MOST]
