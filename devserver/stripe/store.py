"""All objects of the account, in memory, and their snapshot in a file, if one is configured.

An object is a dict in the API's form, but references are ids, and keys that start with an
underscore are internal. Lists within an object (items, lines) are built during rendering.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from devserver.stripe.errors import missing

Obj = dict[str, Any]

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHORT = frozenset({"cus", "prod"})


class Store:
    def __init__(self) -> None:
        self.objects: dict[str, Obj] = {}
        self.ids: dict[str, list[str]] = {}
        self.counts: dict[str, int] = {}
        self.changed = False

    def new_id(self, prefix: str) -> str:
        """Create a unique id. Every run creates the same ids in the same order."""
        number = self.counts[prefix] = self.counts.get(prefix, 0) + 1
        return f"{prefix}_{scramble(f'{prefix} {number}', length=14 if prefix in _SHORT else 24)}"

    def add(self, obj: Obj) -> Obj:
        self.objects[obj["id"]] = obj
        self.ids.setdefault(obj["object"], []).append(obj["id"])
        self.changed = True
        return obj

    def remove(self, obj: Obj) -> None:
        del self.objects[obj["id"]]
        self.ids[obj["object"]].remove(obj["id"])

    def newest_first(self, kind: str) -> Iterator[Obj]:
        return (self.objects[ident] for ident in reversed(self.ids.get(kind, [])))

    def oldest_first(self, kind: str) -> list[Obj]:
        return [self.objects[ident] for ident in self.ids.get(kind, [])]

    def count(self, kind: str) -> int:
        return len(self.ids.get(kind, []))

    def find(self, kind: str, ident: Any) -> Obj | None:
        obj = self.objects.get(ident) if isinstance(ident, str) else None
        return obj if obj is not None and obj["object"] == kind else None

    def get(self, kind: str, ident: Any, *, param: str | None = None) -> Obj:
        """Return the object, or raise resource_missing: 404 for a path, 400 for a parameter."""
        obj = self.find(kind, ident)
        if obj is None or obj.get("deleted"):
            noun = (
                kind.rpartition(".")[2].replace("_", " ")
                if kind != "payment_method"
                else "PaymentMethod"
            )
            raise missing(
                _NOUNS.get(kind, noun),
                str(ident),
                param=param or "id",
                status=400 if param else 404,
            )
        return obj

    def clear(self) -> None:
        """Delete everything except the counter of ids, so that none is used again."""
        self.objects.clear()
        self.ids.clear()
        self.changed = True

    def dump(self) -> Obj:
        return {"objects": list(self.objects.values()), "counts": self.counts}

    def load(self, saved: Obj) -> None:
        self.counts = saved["counts"]
        for obj in saved["objects"]:
            self.add(obj)
        self.changed = False


_NOUNS = {
    "payment_method": "PaymentMethod",
    "payment_intent": "payment_intent",
    "setup_intent": "setupintent",
    "checkout.session": "checkout.session",
    "promotion_code": "promotion code",
    "webhook_endpoint": "webhook endpoint",
}


def scramble(text: str, *, length: int) -> str:
    """Return letters and digits that depend only on ``text``."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest() * 2, "big")
    made = ""
    while len(made) < length:
        number, digit = divmod(number, len(_DIGITS))
        made += _DIGITS[digit]
    return made
