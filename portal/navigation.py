"""The menus of the portal and of the public pages."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True)
class Item:
    """An entry of a menu. ``under``: the names of the URLs that belong to it, by beginning."""

    label: Any
    name: str
    icon: str = ""
    under: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return reverse(self.name)


@dataclass(frozen=True)
class Shown:
    label: str
    url: str
    icon: str
    current: bool


PORTAL = (
    Item(_("Overview"), "portal_overview", "home"),
    Item(_("Usage"), "portal_usage", "bar-chart", ("portal_usage", "portal_receipt")),
    Item(_("API keys"), "portal_keys", "key", ("portal_key",)),
    Item(_("Plan"), "portal_plan", "credit-card", ("portal_plan", "billing_")),
    Item(_("Buy tokens"), "portal_tokens", "coins", ("portal_tokens", "portal_automatic")),
    Item(_("Devices"), "portal_devices", "monitor", ("account_devices",)),
    Item(
        pgettext_lazy("menu", "Security"),
        "portal_security",
        "shield",
        ("portal_security", "account_", "mfa_", "socialaccount_"),
    ),
    Item(_("Profile"), "portal_profile", "settings", ("portal_profile", "portal_deletion")),
)
MORE = (
    Item(_("Models"), "models", "layers"),
    Item(_("Status"), "status", "activity"),
    Item(_("Documentation"), "docs_home", "file", ("docs_",)),
    Item(_("API reference"), "docs", "terminal"),
)
PUBLIC = (
    Item(_("Pricing"), "pricing"),
    Item(_("Models"), "models"),
    Item(_("Status"), "status"),
    Item(_("Documentation"), "docs_home", under=("docs_",)),
)
FOOT = (
    Item(_("Documentation"), "docs_home"),
    Item(_("API reference"), "docs"),
    Item(_("Pricing"), "pricing"),
    Item(_("Status"), "status"),
    Item(_("Terms"), "terms"),
    Item(_("Privacy"), "privacy"),
)


def context(request: HttpRequest) -> dict[str, Callable[[], list[Shown]]]:
    """Context processor: the menus, built where a template draws them."""
    menus = {"portal_menu": PORTAL, "more_menu": MORE, "public_menu": PUBLIC, "foot_menu": FOOT}
    return {name: partial(_shown, request, items) for name, items in menus.items()}


def _shown(request: HttpRequest, items: tuple[Item, ...]) -> list[Shown]:
    match = request.resolver_match
    here = (match.url_name or "") if match else ""
    current = next((item for item in items if _is_here(item, here)), None)
    return [Shown(str(item.label), item.url, item.icon, item is current) for item in items]


def _is_here(item: Item, here: str) -> bool:
    return here == item.name or (bool(item.under) and here.startswith(item.under))
