"""Short forms of model names: without the vendor or the date, dashes instead of dots. Pure.

`claude-sonnet-4-5-20250929`, `claude-sonnet-4.5` and `anthropic/claude-sonnet-4.5` are one model.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

_DATE = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2}|latest)$")
_MOST_COMPARED = 100


def short_form(name: str) -> str:
    """Return a name without vendor and date, in lower case, with dashes instead of dots."""
    bare = name.lower().rpartition("/")[2]
    return _DATE.sub("", bare).replace(".", "-")


def short_forms(models: Iterable[str], aliases: Mapping[str, str]) -> dict[str, str]:
    """Return models by the short form of their names and aliases, without ambiguous forms.

    A name without a date has precedence over one with a date: it is the vendor's newest model.
    """
    found: dict[str, set[str]] = {}
    for name in models:
        found.setdefault(short_form(name), set()).add(name)
    for alias, name in aliases.items():
        found.setdefault(short_form(alias), set()).add(name)
    chosen = ((form, _undated(names)) for form, names in found.items())
    return {form: name for form, name in chosen if name}


def nearest(name: str, models: Iterable[str]) -> list[str]:
    """Return the three names that are most similar to an unknown one."""
    by_form: dict[str, str] = {}
    for model in models:
        by_form.setdefault(short_form(model), model)
    wanted = short_form(name[:_MOST_COMPARED])
    return [by_form[form] for form in get_close_matches(wanted, by_form, n=3, cutoff=0.4)]


def _undated(names: set[str]) -> str | None:
    undated = [name for name in names if not _DATE.search(name.lower())]
    candidates = undated or sorted(names)
    return candidates[0] if len(candidates) == 1 else None
