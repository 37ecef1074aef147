"""All URLs. `/api/v1/…` is the pinned version of `/api/…`; currently they are the same."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from accounts.web import error_pages
from adminpanel.site import mail_pages, pages
from config import health, metrics
from core.errors import NotFound
from core.http.rendering import error_response
from core.pages.site import theme
from llmproxy.urls import proxy


@csrf_exempt
def api_not_found(request: HttpRequest) -> HttpResponse:
    """Answer an unknown path under /api in the API's error shape, also with DEBUG on."""
    return error_response(NotFound(), request)


api: list[URLPattern | URLResolver] = [
    path("", include("accounts.urls")),
    path("", include("apikeys.urls")),
    path("", include("tokens.urls")),
    path("", include("billing.urls")),
    path("", include("llmproxy.urls")),
    path("", include("adminpanel.urls")),
    path("health", health.alive, name="alive"),
    path("health/ready", health.ready, name="ready"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    re_path(r"^.*$", api_not_found),
]

urlpatterns = [
    path("", include("portal.urls")),
    path("theme.css", theme, name="theme"),
    path("metrics", metrics.scrape, name="metrics"),
    path("admin/mails/", mail_pages.listing, name="staff-mails"),
    path("admin/mails/<str:name>/", mail_pages.preview, name="staff-mail"),
    path("admin/margin/", pages.margin, name="staff-margin"),
    path("admin/refused/", pages.refused, name="staff-refused"),
    path("admin/export/<slug:name>.csv", pages.export, name="staff-export"),
    # Django's own change would keep other sessions, and count no guesses.
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path(
        "admin/password_change/done/", RedirectView.as_view(pattern_name="account_change_password")
    ),
    path("admin/", admin.site.urls),
    path("", include("accounts.page_urls")),
    path("billing/", include("billing.page_urls")),
    path("api/", include("billing.events.djstripe_urls")),
    *proxy,
    path("api/v1/", include(api)),
    path("api/", include(api)),
    re_path(r"^api$", api_not_found),
    re_path(r"", error_pages.not_found),
]

handler400 = "accounts.web.error_pages.bad_request"
handler403 = "accounts.web.error_pages.forbidden"
handler404 = "accounts.web.error_pages.not_found"
handler429 = "accounts.web.error_pages.too_many_requests"
handler500 = "accounts.web.error_pages.server_error"
