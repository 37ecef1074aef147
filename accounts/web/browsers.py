"""Response headers of the pages, and how browsers return to an editor."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from accounts.web.error_pages import refused

# No script and no style but files of this site. HTMX asks this site only.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none';"
    " form-action 'self'"
)
# The admin site and the API's documentation bring scripts, all of them files, and write style
# attributes. The admin site's Alpine evaluates attributes as code: hence 'unsafe-eval'.
_WITH_SCRIPTS = (
    "default-src 'none'; script-src 'self'{eval}; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none';"
    " frame-ancestors 'none'; form-action 'self'"
)
_ADMIN_POLICY = _WITH_SCRIPTS.format(eval=" 'unsafe-eval'")
_DOCS_POLICY = _WITH_SCRIPTS.format(eval="")
# These bring pages and scripts of their own.
_NOT_OURS = ("/admin/", "/api/")
_THIS_MACHINE = re.compile(r"(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?")


def page_policy(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: pages load nothing from elsewhere, run no script but files, are not framed."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        _restore_origin(request)
        response = _led_out(request, get_response(request))
        if _is_page(response):
            response.headers["Content-Security-Policy"] = _policy_for(request.path)
        if _is_our_page(request, response):
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
    error = parse_qs(urlsplit(location).query).get("error", [""])[0]
    context = {
        "location": location,
        "client": client,
        "cancelled": error == "access_denied",
        "failed": error not in ("", "access_denied"),
    }
    return render(request, "accounts/handed_over.html", context)


def _led_out(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Send a form on to another site, such as a sign-in provider, by a page that says so.

    Not by a redirect: see ``hand_over``. And no list of sites could be complete, for a provider may
    redirect on, or have its pages elsewhere than where its settings are.
    """
    location = response.headers.get("Location", "")
    host = urlsplit(location).netloc
    stays = not host or host == request.get_host()
    if stays or request.method != "POST" or request.path.startswith(_NOT_OURS):
        return response
    page = render(request, "accounts/leaving.html", {"location": location, "host": host})
    page.cookies = response.cookies
    return page


def _restore_origin(request: HttpRequest) -> None:
    """Let the CSRF check see that a form came from here.

    Under `Referrer-Policy: no-referrer` browsers say `Origin: null` even to the site itself. But
    they also say `Sec-Fetch-Site`, which no page can forge. Over https, old ones do not (Safari
    before 16.4): there the form's token has to suffice.
    """
    site = request.headers.get("Sec-Fetch-Site")
    trusted = site == "same-origin" or (site is None and request.is_secure())
    if request.headers.get("Origin") == "null" and trusted:
        request.META["HTTP_ORIGIN"] = f"{request.scheme}://{request.get_host()}"


def _tells_where_forms_come_from(request: HttpRequest) -> bool:
    """Browsers send `Sec-Fetch-Site` to https and to this machine only."""
    host = request.META.get("HTTP_HOST", "")
    return request.is_secure() or bool(_THIS_MACHINE.fullmatch(host))


def _policy_for(path: str) -> str:
    if path.startswith("/admin/"):
        return _ADMIN_POLICY
    return _DOCS_POLICY if path.startswith("/api/") else _POLICY


def _is_page(response: HttpResponseBase) -> bool:
    if not response.headers.get("Content-Type", "").startswith("text/html"):
        return False
    is_django_debug_page = settings.DEBUG and response.status_code == 500
    return not is_django_debug_page


def _is_our_page(request: HttpRequest, response: HttpResponseBase) -> bool:
    return _is_page(response) and not request.path.startswith(_NOT_OURS)
