"""Lists, newest first, page by page; and searches."""

import re
from collections.abc import Iterable
from typing import Any

from devserver.stripe import rendering
from devserver.stripe.errors import invalid, missing
from devserver.stripe.store import Obj
from devserver.stripe.world import World

_COMPARE = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def page(world: World, found: Iterable[Obj], params: Obj, *, url: str) -> Obj:
    """Return the page of ``found`` (newest first) for ``limit`` and the two cursors."""
    rows = [row for row in found if _made_then(row, params.get("created"))]
    rows, more = _window(rows, params)
    expand = _of_each(params.get("expand"))
    data = [world.show(row, expand) for row in rows]
    return rendering.listing(data, url=url, has_more=more)


def _window(rows: list[Obj], params: Obj) -> tuple[list[Obj], bool]:
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise invalid("This value must be between 1 and 100 (inclusive).", param="limit")
    if before := params.get("ending_before"):
        rows = rows[: _position(rows, before, "ending_before")]
        return rows[-limit:], len(rows) > limit
    if after := params.get("starting_after"):
        rows = rows[_position(rows, after, "starting_after") + 1 :]
    return rows[:limit], len(rows) > limit


def _position(rows: list[Obj], ident: str, param: str) -> int:
    for index, row in enumerate(rows):
        if row["id"] == ident:
            return index
    raise missing("object", ident, param=param, status=400)


def _made_then(row: Obj, created: Any) -> bool:
    if created is None:
        return True
    if isinstance(created, int | str):
        return bool(row["created"] == int(created))
    return all(_COMPARE[key](row["created"], int(value)) for key, value in created.items())


def _of_each(expand: list[str] | None) -> list[str]:
    for path in expand or []:
        if not path.startswith("data."):
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    return [path.removeprefix("data.") for path in expand or []]


def matching(rows: Iterable[Obj], params: Obj, *fields: str) -> Iterable[Obj]:
    """Return the rows whose ``fields`` equal the parameters of the same name, if given."""
    wanted = {field: params[field] for field in fields if params.get(field) is not None}
    return (row for row in rows if all(row.get(key) == value for key, value in wanted.items()))


_CLAUSE = re.compile(
    r"""(-?)(\w+)(?:\[['"](.+?)['"]\])?\s*([:~])\s*(?:['"]((?:[^'"\\]|\\.)*)['"]|(null|\w+))"""
)


def search(world: World, rows: Iterable[Obj], params: Obj, *, url: str) -> Obj:
    """Answer Stripe's query language: ``email:'a@b.c' AND metadata['user']:'7'``."""
    clauses = [_CLAUSE.fullmatch(part.strip()) for part in re.split(r"\sAND\s", params["query"])]
    if not all(clauses):
        raise invalid(
            f"We were unable to parse your search query: {params['query']}", param="query"
        )
    found = [row for row in rows if all(_fits(row, clause) for clause in clauses if clause)]
    limit = params.get("limit", 10)
    data = [world.show(row, _of_each(params.get("expand"))) for row in found[:limit]]
    more = len(found) > limit
    answer = {"object": "search_result", "data": data, "has_more": more, "url": url}
    return {**answer, "next_page": None, "total_count": len(found)}


def _fits(row: Obj, clause: "re.Match[str]") -> bool:
    minus, field, key, operator, quoted, bare = clause.groups()
    value = row.get(field)
    if key is not None:
        value = (value or {}).get(key)
    wanted = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    if wanted == "null" and quoted is None:
        found = value is None
    elif operator == "~":
        found = wanted.lower() in str(value or "").lower()
    else:
        found = value is not None and _text(value).lower() == wanted.lower()
    return found != bool(minus)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
