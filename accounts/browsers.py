"""What browsers are told about our pages, and how they are led back to an editor."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from accounts.error_pages import refused

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none';"
    " frame-ancestors 'none'; form-action "
)
# These bring pages and scripts of their own.
_NOT_OURS = ("/admin/", "/api/")
_PROVIDERS = {"github": "https://github.com", "google": "https://accounts.google.com"}


def page_policy(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: our pages run no script, load nothing from elsewhere, and are never framed."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        _restore_origin(request)
        response = get_response(request)
        if _is_our_page(request, response):
            response.headers["Content-Security-Policy"] = _POLICY + " ".join(_form_targets())
            response.headers["X-Frame-Options"] = "DENY"
            response.headers["Cache-Control"] = "no-store"
        if not _tells_where_forms_come_from(request):
            response.headers["Referrer-Policy"] = "same-origin"
        return response

    def process_exception(request: HttpRequest, exc: Exception) -> HttpResponseBase | None:
        return None if request.path.startswith("/api/") else refused(request, exc)

    middleware.process_exception = process_exception  # type: ignore[attr-defined]
    return middleware


def hand_over(request: HttpRequest, location: str, *, client: str) -> HttpResponse:
    """Lead the browser to an address of the editor, by way of a page of ours.

    Not by a redirect: browsers hold one that follows a form against the page's `form-action`, and
    it would leave a blank tab behind.
    """
    cancelled = "error" in parse_qs(urlsplit(location).query)
    context = {"location": location, "client": client, "cancelled": cancelled}
    return render(request, "accounts/handed_over.html", context)


def _restore_origin(request: HttpRequest) -> None:
    """Let the CSRF check see that a form came from here.

    Under `Referrer-Policy: no-referrer` browsers say `Origin: null` even to the site itself. But
    they also say `Sec-Fetch-Site`, which no page can forge.
    """
    told = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if told == ("null", "same-origin"):
        request.META["HTTP_ORIGIN"] = f"{request.scheme}://{request.get_host()}"


def _tells_where_forms_come_from(request: HttpRequest) -> bool:
    """Browsers send `Sec-Fetch-Site` to https and to this machine only."""
    host = urlsplit(f"//{request.META.get('HTTP_HOST', '')}").hostname or ""
    return request.is_secure() or host in ("localhost", "::1") or host.startswith("127.")


def _is_our_page(request: HttpRequest, response: HttpResponseBase) -> bool:
    if not response.headers.get("Content-Type", "").startswith("text/html"):
        return False
    is_django_debug_page = settings.DEBUG and response.status_code == 500
    return not request.path.startswith(_NOT_OURS) and not is_django_debug_page


def _form_targets() -> list[str]:
    """Return where a form may lead: here, and to the sign-in providers that are set up."""
    providers = [
        _PROVIDERS.get(name) or _origin(app["settings"]["server_url"])
        for name, provider in settings.SOCIALACCOUNT_PROVIDERS.items()
        for app in provider["APPS"]
    ]
    return ["'self'", *providers]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
