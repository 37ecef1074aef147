"""Shared code of the proxy's views: authentication and JSON responses."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from apikeys.models import Scope
from llmproxy.relay.callers import Caller, identify

View = TypeVar("View", bound=Callable[..., Awaitable[HttpResponseBase]])


def without_csrf(view: View) -> View:
    """Mark a view like ``csrf_exempt``, but without another coroutine for each request."""
    view.csrf_exempt = True  # type: ignore[attr-defined]
    return view


async def authenticated(request: HttpRequest) -> Caller:
    """Return the caller: a session, or a key with the scope `llm`."""
    caller = await identify(request)
    caller.require(Scope.LLM)
    return caller


def json_answer(value: Any) -> HttpResponse:
    return HttpResponse(orjson.dumps(value), content_type="application/json")
