"""The look of the admin site, and its sidebar (django-unfold)."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

from core.env import env

_ACCENT = env.str("SITE_ACCENT", "") or "#3056d3"  # as core/static/site/site.css


def _may_view(model: str) -> Callable[[HttpRequest], bool]:
    app, _, name = model.partition(".")
    return lambda request: request.user.has_perm(f"{app}.view_{name}")


def _item(title: str, icon: str, model: str) -> dict[str, Any]:
    """Return a line of the sidebar: the list of a model (`app.name`), for whoever may view it."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{model.replace('.', '_')}_changelist"),
        "permission": _may_view(model),
    }


def _group(title: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "collapsible": True, "items": list(items)}


def _shades(accent: str) -> dict[str, str]:
    """Return the shades that unfold draws with, from light to dark; 600 is the accent itself."""
    lighter = {50: 6, 100: 12, 200: 24, 300: 42, 400: 62, 500: 82}
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
    "SITE_URL": "/",
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "STYLES": [lambda request: static("adminpanel/staff.css")],
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
                _item("Users", "group", "accounts.user"),
                _item("Sessions", "devices", "accounts.session"),
                _item("API keys", "key", "apikeys.apikey"),
                _item("Email addresses", "mail", "account.emailaddress"),
                _item("Linked accounts", "link", "socialaccount.socialaccount"),
            ),
            _group(
                "Money",
                _item("Plans", "sell", "billing.plan"),
                _item("Subscriptions", "autorenew", "billing.subscription"),
                _item("Invoices", "receipt_long", "billing.invoice"),
                _item("Token packs", "package_2", "billing.pack"),
                _item("Purchases of tokens", "shopping_cart", "billing.topup"),
                _item("Customers at Stripe", "badge", "billing.customer"),
                _item("Prices at Stripe", "price_change", "billing.price"),
                _item("Stripe's subscriptions", "subscriptions", "djstripe.subscription"),
                _item("Stripe's invoices", "request_quote", "djstripe.invoice"),
                _item("Stripe's charges", "credit_card", "djstripe.charge"),
            ),
            _group(
                "Tokens",
                _item("Usage", "monitoring", "tokens.usagerecord"),
                _item("Balances", "account_balance_wallet", "tokens.balance"),
                _item("Ledger", "menu_book", "tokens.entry"),
                _item("Bonus grants", "redeem", "tokens.grant"),
                _item("Plan changes and refunds", "tune", "tokens.adjustment"),
                _item("Holds", "hourglass_top", "tokens.reservation"),
                _item("Limits and features", "speed", "tokens.tier"),
            ),
            _group(
                "Models & providers",
                _item("Providers", "dns", "llmproxy.providerstate"),
                _item("Models", "neurology", "llmproxy.model"),
                _item("Routes and prices", "alt_route", "llmproxy.route"),
                _item("Price history", "history", "llmproxy.pricechange"),
                _item("Weight history", "scale", "llmproxy.weightchange"),
                _item("Aliases", "label", "llmproxy.alias"),
                _item("Incidents", "campaign", "llmproxy.incident"),
            ),
            _group(
                "Access",
                _item("Groups of staff", "shield_person", "auth.group"),
                _item("Editors", "code", "allauth_idp_oidc.client"),
            ),
            _group(
                "Operations",
                _item("Webhook events", "webhook", "billing.stripeevent"),
                _item("Audit log", "fact_check", "admin.logentry"),
                {
                    "title": "Email",
                    "icon": "drafts",
                    "link": reverse_lazy("staff-mails"),
                    "permission": lambda request: request.user.is_staff,
                },
            ),
        ],
    },
}
