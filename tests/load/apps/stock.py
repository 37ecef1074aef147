"""What one writes at first: an async view on Django's own handler and middleware, and httpx."""

import os
from collections.abc import AsyncIterator

import httpx
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of no use",
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
)

_URL = os.environ["UPSTREAM_BASE_URL"] + "/chat/completions"
_HEADERS = {"Authorization": "Bearer any", "Content-Type": "application/json"}
_client = httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=1000))


@csrf_exempt
async def chat_completions(request: HttpRequest) -> HttpResponseBase:
    """Relay a request, and its answer as it comes."""
    asked = _client.build_request("POST", _URL, headers=_HEADERS, content=request.body)
    answer = await _client.send(asked, stream=True)
    kind = answer.headers["content-type"]
    if not kind.startswith("text/event-stream"):
        return HttpResponse(await answer.aread(), content_type=kind, status=answer.status_code)
    return StreamingHttpResponse(_relay(answer), content_type=kind)


async def _relay(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for data in answer.aiter_raw():
            yield data
    finally:
        await answer.aclose()


urlpatterns = [path("v1/chat/completions", chat_completions)]
application = get_asgi_application()
