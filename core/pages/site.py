"""What every page knows of the site: its name, logo and colors, from the settings."""

from dataclasses import dataclass
from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe

THEMES = ("light", "dark")
THEME_COOKIE = "theme"


@dataclass(frozen=True)
class Site:
    """``theme`` is what the visitor has chosen; empty: as their system."""

    name: str
    logo: str
    icon: str
    contact: str
    theme: str
    theme_url: str


def context(request: HttpRequest) -> dict[str, Site]:
    """Context processor: `brand` in every template. django-allauth has a `site` of its own."""
    return {"brand": site_of(request)}


def site_of(request: HttpRequest) -> Site:
    """Describe the site to a visitor, without the database."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return Site(
        name=settings.SITE_NAME,
        logo=settings.SITE_LOGO,
        icon=settings.SITE_LOGO or static("site/icon.svg"),
        contact=settings.SITE_CONTACT,
        theme=chosen if chosen in THEMES else "",
        theme_url=f"{reverse('theme')}?v={_version()}" if settings.SITE_ACCENT else "",
    )


def theme_rules() -> str:
    """Return the CSS of the operator's colors; empty with the default ones."""
    light = settings.SITE_ACCENT
    if not light:
        return ""
    dark = settings.SITE_ACCENT_DARK or f"color-mix(in oklab, {light} 55%, white)"
    return f":root {{ --accent: light-dark({light}, {dark}); }}\n"


@require_safe
def theme(request: HttpRequest) -> HttpResponse:
    """GET /theme.css. Its URL carries a digest, so browsers may keep it."""
    response = HttpResponse(theme_rules(), content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def _version() -> str:
    return sha256(theme_rules().encode()).hexdigest()[:12]
