"""GET /docs/…: the pages of the documentation."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from portal.docs import contents, library, searching
from portal.docs.contents import Audience
from portal.docs.rendering import Rendered


@dataclass(frozen=True)
class Entry:
    """A page in the menu."""

    title: str
    url: str
    current: bool


@require_safe
def show(request: HttpRequest, name: str = contents.INDEX) -> HttpResponse:
    """Show a page, with the ones before and after it. Unknown ones are a 404."""
    names = library.names(_audience(request))
    if name not in names:
        raise Http404
    at = names.index(name)
    page = library.page(name)
    facts = {
        "page": page,
        # Rendered from the files of this repository, which nobody but its authors writes.
        "html": mark_safe(page.html),  # noqa: S308 # nosec B308 B703
        "before": _entry(names[at - 1], name) if at else None,
        "after": _entry(names[at + 1], name) if at + 1 < len(names) else None,
        **_menu(request, name),
    }
    return render(request, "portal/docs/page.html", facts)


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """GET /docs/search/?q=: the places with all of these words."""
    text = request.GET.get("q", "").strip()[:200]
    facts = {"q": text, "found": searching.search(text, _audience(request)), **_menu(request, "")}
    return render(request, "portal/docs/search.html", facts)


def _audience(request: HttpRequest) -> Audience:
    """Staff see every section; others, without DOCS_OPERATOR_PAGES, those for users."""
    staff = request.user.is_authenticated and request.user.is_staff
    return Audience.EVERYONE if staff or settings.DOCS_OPERATOR_PAGES else Audience.USERS


def _menu(request: HttpRequest, current: str) -> dict[str, Any]:
    sections = library.sections(_audience(request))
    return {
        "sections": [(each.title, [_entry(n, current) for n in each.pages()]) for each in sections]
    }


def _entry(name: str, current: str) -> Entry:
    page: Rendered = library.page(name)
    return Entry(contents.title_of(name, page.title), library.url_of(name), name == current)
