"""The heading of a page of the admin site: where it is, by the names of the menu."""

from typing import Any

from django import template
from django.template.context import RequestContext
from django.urls import reverse

from core.admin.names import name_of

register = template.Library()


@register.inclusion_tag("unfold/helpers/header_title.html", takes_context=True)
def staff_title(context: RequestContext) -> dict[str, list[dict[str, Any]]]:
    """Name the list, and the row or the page below it; other pages by their title."""
    opts, title = context.get("opts"), context.get("title") or context.get("content_title")
    if opts is None:
        return {"parts": [{"title": title}]}
    listing = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    if context.get("cl") or title == name_of(opts):
        return {"parts": [{"title": name_of(opts)}]}
    row = context.get("original") or context.get("object")
    below = title if row is None or isinstance(row, str) else row
    return {"parts": [{"title": name_of(opts), "link": listing}, {"title": below}]}
