"""Validating a Stripe event: a signed body can still have any content. Pure.

Only ids are kept: everything else is read from Stripe again, and no names are stored.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from billing.stripe import readings as read

_ID = re.compile(r"[!-~]{1,255}")
_TYPE = re.compile(r"[a-z0-9_.]{1,100}")
_LATEST = 253_402_300_799  # the end of the year 9999
# Their events call for a look at the subscription that they are of.
_OF_A_SUBSCRIPTION = ("invoice", "checkout.session")


class InvalidEvent(ValueError):
    """The body is no event, or says something that no event of Stripe's would."""


@dataclass(frozen=True)
class Event:
    """An event, and the ids of what it is about (`id`, `object`, `customer`, `subscription`)."""

    id: str
    type: str
    created_at: datetime
    about: dict[str, str]


def parse(body: bytes, *, needing_id: tuple[str, ...]) -> Event:
    """Read an event. The types in ``needing_id`` have to be about an object with an id."""
    found = _json(body)
    if not isinstance(found, dict) or found.get("object") != "event":
        raise InvalidEvent("object")
    kind = _fitting(_TYPE, found, "type")
    data = found.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    if not isinstance(about, dict):
        raise InvalidEvent("data")
    ids = _ids(about)
    if kind in needing_id and "id" not in ids:
        raise InvalidEvent("data.object.id")
    return Event(_fitting(_ID, found, "id"), kind, _moment(found.get("created")), ids)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError) as odd:
        raise InvalidEvent("json") from odd


def _fitting(pattern: re.Pattern[str], found: read.Obj, name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise InvalidEvent(name)
    return value


def _moment(seconds: Any) -> datetime:
    if type(seconds) is not int or not 0 <= seconds <= _LATEST:
        raise InvalidEvent("created")
    return datetime.fromtimestamp(seconds, UTC)


def _ids(about: read.Obj) -> dict[str, str]:
    named = {name: about.get(name) for name in ("id", "object", "customer")}
    if about.get("object") in _OF_A_SUBSCRIPTION:
        try:
            named["subscription"] = read.subscription_of(about)
        except (AttributeError, KeyError, TypeError) as odd:
            raise InvalidEvent("data.object.subscription") from odd
    return {name: _id(name, value) for name, value in named.items() if value is not None}


def _id(name: str, found: Any) -> str:
    """Return an id, of an object that may be expanded."""
    return _fitting(_ID, found if isinstance(found, dict) else {"id": found}, "id")
