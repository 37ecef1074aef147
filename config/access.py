"""Which caller can call which route, read from the views, for docs/permissions.md and its test.

A new route, or a view that declares something else, changes the table.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import URLPattern, URLResolver, get_resolver, resolve
from drf_spectacular.generators import SchemaGenerator
from rest_framework.permissions import AllowAny

from accounts.sessions.origins import apps_may
from adminpanel.access import roles
from adminpanel.access.permissions import StaffOnly
from apikeys.auth import required_scope
from apikeys.models import Scope

KEYS = {f"key `{scope}`": scope.value for scope in Scope}
CALLERS = ("anonymous", "user", "app", "suspended", *KEYS, "staff", *roles.ROLES)
_METHODS = ("get", "post", "put", "patch", "delete")
# Paths need ids to be resolved, or called: these belong to nobody.
_NOBODYS = {"uuid": str(UUID(int=0)), "integer": "0", "string": "nothing"}


_PARAMETER = re.compile(r"<[^>]*>|{[^}]*}")
_CATCH_ALL = ("^.*$", "^api$", "(?P<url>.*)$")  # what answers 404, or adds a slash
_PAGE = """\
# Who may do what

What each caller gets from each route. `manage.py list_permissions --write` writes this page from
the views, and tests call every route as every caller.

- **yes**: the caller may use the route. The object can still be missing (404), and the request can
  still be refused (402, 409, 429).
- **401**, **403**: the request is refused before its content is read.
- Objects of other users (keys, sessions, receipts, reservations, linked accounts) are answered as
  missing: 404. This includes staff, who see them in `/api/admin/` and in the admin site.
- *app*: the session of an editor or a device. *suspended*: the session of a user whom staff have
  suspended. *staff*: a member of staff who is in no group. Staff are users, too, and their keys
  have no further rights.

## The API

{head}
{rule}
{rows}

`/api/v1/…` is the same API.

## Everything else

| route | who |
| --- | --- |
{beyond}
"""


@dataclass(frozen=True)
class Route:
    """A route of the API: an OpenAPI operation."""

    method: str
    path: str
    sample: str  # the path, with ids that are nobody's

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


# Routes that take neither sessions nor keys.
OTHER_CREDENTIALS = {"/api/auth/extension/token": "an editor's access token with scope `api`"}
# Routes outside the OpenAPI document, as Django spells them, by the beginning of their pattern.
# The first that fits says who may come.
OUTSIDE: dict[str, str] = {
    "metrics": "whoever has `METRICS_TOKEN`; without one nobody (with `DEBUG`: this machine); "
    "others: 404",
    "admin/": "staff, with their second factor; each page by Django's permissions (groups support, "
    "finance, admin)",
    "accounts/2fa/authenticate/": "who has given the password, and has a second factor",
    "accounts/2fa/": "who is signed in",
    "accounts/password/change/": "who is signed in",
    "accounts/password/set/": "who is signed in, a moment ago",
    "accounts/email/": "who is signed in",
    "accounts/devices/": "who is signed in",
    "accounts/link/": "who has a ticket from `POST /api/users/oauth-accounts`",
    "accounts/3rdparty/login/": "everyone",
    "accounts/3rdparty/signup/": "everyone, on the way in from a provider",
    "accounts/3rdparty/": "who is signed in",
    "accounts/social/login/": "everyone",
    "accounts/social/signup/": "everyone, on the way in from a provider",
    "accounts/social/connections/": "who is signed in",
    "accounts/reauthenticate/": "who is signed in",
    "accounts/github/": "everyone, where the provider is set up",
    "accounts/google/": "everyone, where the provider is set up",
    "accounts/oidc/": "everyone, where the provider is set up",
    "accounts/": "everyone; the start page: who is signed in",
    ".well-known/": "everyone",
    "identity/o/authorize": "who is signed in",
    "identity/o/device": "who is signed in",
    "identity/o/logout": "everyone",
    "identity/o/api/userinfo": "an editor's access token",
    "identity/o/api/": "the editor's client, with its own code or token",
    "billing/success/": "everyone: where Stripe leads back to",
    "billing/cancelled/": "everyone: where Stripe leads back to",
    "billing/": "everyone: it leads to the plan in the portal",
    "portal/": "who is signed in",
    "docs": "everyone; pages for operators: staff, without `DOCS_OPERATOR_PAGES`",
    "pricing": "everyone",
    "models": "everyone",
    "status": "everyone",
    "terms": "everyone",
    "privacy": "everyone",
    "preferences/": "everyone: it sets the language and colors of the browser",
    "theme.css": "everyone",
    "api/stripe/webhook/": "Stripe, by its signature; others: 400",
    "api/llm": "everyone: 404 that names the endpoints (`HEAD`: 200)",
    "v1": "as the same path below `/api/llm`",
    "api/v1/": "as the same path without `v1/`",
    "api/schema/": "everyone",
    "api/docs/": "everyone",
    "": "everyone",
}


def routes() -> Iterator[Route]:
    """Yield every operation of the OpenAPI document, by path."""
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                sample = _sample(path, operations[method].get("parameters", []))
                yield Route(method.upper(), path, sample)


def allowed(route: Route) -> dict[str, str]:
    """Return what each of ``CALLERS`` meets with: `yes`, `401` or `403`."""
    view = getattr(resolve(route.sample).func, "view_class", None)
    if view is None:
        is_proxy = resolve(route.sample).func.__module__.startswith("llmproxy.api.")
        return _by_key_scope(Scope.LLM) if is_proxy else dict.fromkeys(CALLERS, "yes")
    authenticators, permissions = view.authentication_classes, view.permission_classes
    if route.path in OTHER_CREDENTIALS:
        return dict.fromkeys(CALLERS, "401")
    if not authenticators:
        return dict.fromkeys(CALLERS, "yes")
    app = "yes" if apps_may(view, route.method) else "403"
    if StaffOnly in permissions:
        return _by_role(view.permissions[route.method])
    if AllowAny in permissions:
        return dict.fromkeys(CALLERS, "yes") | {"suspended": "401"}
    return _by_key_scope(required_scope(view, route.method)) | {"app": app}


def outside() -> list[tuple[str, str]]:
    """Return the beginnings of the routes outside the document that there are, and who may come.

    Raises ``LookupError`` for a route that no line of ``OUTSIDE`` speaks of.
    """
    inside = {_bare(route.path.lstrip("/")) for route in routes()}
    every = set(_patterns(get_resolver().url_patterns))
    found = {_line(each) for each in every if _bare(each) not in inside}
    return [(beginning, who) for beginning, who in OUTSIDE.items() if beginning in found]


def table() -> str:
    """Return docs/permissions.md."""
    lines = [
        f"| `{route}` | {_note(route)} | {' | '.join(allowed(route).values())} |"
        for route in routes()
    ]
    heads = ("route", "", *CALLERS)
    beyond = [f"| {_spelled(beginning)} | {who} |" for beginning, who in outside()]
    return _PAGE.format(
        head=_row(heads),
        rule=_row(["---"] * len(heads)),
        rows="\n".join(lines),
        beyond="\n".join(beyond),
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _note(route: Route) -> str:
    """Say whose objects a path with an id can name."""
    if route.path in OTHER_CREDENTIALS:
        return OTHER_CREDENTIALS[route.path]
    is_of_users = "{" in route.path and not route.path.startswith(("/api/admin/", "/api/llm/"))
    return "own only, else 404" if is_of_users else ""


def _spelled(beginning: str) -> str:
    return f"`/{beginning}{'…' if beginning.endswith('/') else ''}`"


def _patterns(nodes: Iterable[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for node in nodes:
        path = before + str(node.pattern)
        if isinstance(node, URLResolver):
            yield from _patterns(node.url_patterns, path)
        elif not path.endswith(_CATCH_ALL):
            yield path


def _bare(path: str) -> str:
    return _PARAMETER.sub("{}", path)


def _line(pattern: str) -> str:
    for beginning in OUTSIDE:
        if pattern == beginning or (beginning and pattern.startswith(beginning)):
            return beginning
    raise LookupError(f"config/access.py does not say who may call {pattern}")


def _sample(path: str, parameters: list[dict[str, Any]]) -> str:
    for each in parameters:
        if each["in"] == "path":
            kind = each["schema"].get("format") or each["schema"]["type"]
            path = path.replace(f"{{{each['name']}}}", _NOBODYS[kind])
    return path


def _by_key_scope(scope: str | None) -> dict[str, str]:
    answers = dict.fromkeys(CALLERS, "yes") | {"anonymous": "401", "suspended": "401"}
    return answers | {key: "yes" if of_key == scope else "403" for key, of_key in KEYS.items()}


def _by_role(permission: str) -> dict[str, str]:
    answers = dict.fromkeys(CALLERS, "403") | {"anonymous": "401", "suspended": "401"}
    for role, beginnings in roles.ROLES.items():
        answers[role] = "yes" if permission.startswith(beginnings) else "403"
    return answers
