"""The look of the admin site, and its sidebar (django-unfold)."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

from core.admin.names import NAMES
from core.env import env

_ACCENT = env.str("SITE_ACCENT", "") or "#3056d3"  # as core/static/site/site.css


def _may_view(model: str) -> Callable[[HttpRequest], bool]:
    app, _, name = model.partition(".")
    return lambda request: request.user.has_perm(f"{app}.view_{name}")


def _item(model: str, icon: str) -> dict[str, Any]:
    """Return a line of the sidebar: the list of a model (`app.name`), for whoever may view it."""
    return {
        "title": NAMES[model],
        "icon": icon,
        "link": reverse_lazy(f"admin:{model.replace('.', '_')}_changelist"),
        "permission": _may_view(model),
    }


def _page(title: str, icon: str, name: str, permission: str = "") -> dict[str, Any]:
    """Return a line of the sidebar for a page that lists no model, by the name of its URL."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(name),
        "permission": lambda request: (
            request.user.has_perm(permission) if permission else request.user.is_staff
        ),
    }


def _group(title: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "collapsible": True, "items": list(items)}


def _shades(accent: str) -> dict[str, str]:
    """Return the shades that unfold draws with, from light to dark; 600 is the accent itself."""
    lighter = {50: 6, 100: 12, 200: 24, 300: 42, 400: 62, 500: 74}
    darker = {700: 86, 800: 72, 900: 58, 950: 40}
    return {
        **{
            str(shade): f"color-mix(in oklab, {accent} {part}%, white)"
            for shade, part in lighter.items()
        },
        "600": accent,
        **{
            str(shade): f"color-mix(in oklab, {accent} {part}%, black)"
            for shade, part in darker.items()
        },
    }


UNFOLD: dict[str, Any] = {
    "COLORS": {"primary": _shades(_ACCENT)},
    "SITE_TITLE": (env.str("SITE_NAME", "") or "Tokengate"),
    "SITE_HEADER": (env.str("SITE_NAME", "") or "Tokengate"),
    "SITE_SUBHEADER": "Staff",
    "SITE_SYMBOL": "token",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: env.str("SITE_LOGO", "") or static("site/icon.svg"),
        }
    ],
    "SITE_URL": "/",
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "STYLES": [lambda request: static("adminpanel/staff.css")],
    "SCRIPTS": [lambda request: static("adminpanel/labels.js")],
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [
                    {"title": "Home", "icon": "home", "link": reverse_lazy("admin:index")},
                ],
            },
            _group(
                "Customers",
                _item("accounts.user", "group"),
                _item("accounts.session", "devices"),
                _item("accounts.browsersession", "public"),
                _item("accounts.securityevent", "gpp_maybe"),
                _item("apikeys.apikey", "key"),
                _item("account.emailaddress", "mail"),
                _item("socialaccount.socialaccount", "link"),
            ),
            _group(
                "Money",
                _page("Margin", "trending_up", "staff-margin", "billing.change_plan"),
                _item("billing.plan", "sell"),
                _item("billing.subscription", "autorenew"),
                _item("billing.invoice", "receipt_long"),
                _item("billing.pack", "package_2"),
                _item("billing.topup", "shopping_cart"),
                _item("billing.automatictopup", "autopay"),
                _item("billing.customer", "badge"),
                _item("billing.price", "price_change"),
                _item("djstripe.subscription", "subscriptions"),
                _item("djstripe.invoice", "request_quote"),
                _item("djstripe.charge", "credit_card"),
            ),
            _group(
                "Tokens",
                _item("tokens.usagerecord", "monitoring"),
                _page("Refused requests", "block", "staff-refused", "tokens.view_usagerecord"),
                _item("tokens.balance", "account_balance_wallet"),
                _item("tokens.entry", "menu_book"),
                _item("tokens.grant", "redeem"),
                _item("tokens.adjustment", "tune"),
                _item("tokens.reservation", "hourglass_top"),
                _item("tokens.tier", "speed"),
            ),
            _group(
                "Models & providers",
                _item("llmproxy.providerstate", "dns"),
                _item("llmproxy.model", "neurology"),
                _item("llmproxy.route", "alt_route"),
                _item("llmproxy.pricechange", "history"),
                _item("llmproxy.weightchange", "scale"),
                _item("llmproxy.alias", "label"),
                _item("llmproxy.incident", "campaign"),
            ),
            _group(
                "Access",
                _item("auth.group", "shield_person"),
                _item("allauth_idp_oidc.client", "code"),
            ),
            _group(
                "Operations",
                _item("billing.stripeevent", "webhook"),
                _item("admin.logentry", "fact_check"),
                _page("Email", "drafts", "staff-mails"),
            ),
        ],
    },
}
