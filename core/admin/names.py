"""What the pages of the admin site are called, in its menu and in their titles.

A model that is not in this table has the name that its ``Meta`` gives it. The models of libraries
cannot be renamed there: that would change their migrations.
"""

from typing import Any

NAMES = {
    "accounts.user": "Users",
    "accounts.session": "Sessions",
    "accounts.browsersession": "Browsers",
    "accounts.securityevent": "Security events",
    "apikeys.apikey": "API keys",
    "account.emailaddress": "Email addresses",
    "socialaccount.socialaccount": "Linked accounts",
    "mfa.authenticator": "Second factors",
    "billing.plan": "Plans",
    "billing.subscription": "Subscriptions",
    "billing.invoice": "Invoices",
    "billing.pack": "Token packs",
    "billing.topup": "Purchases of tokens",
    "billing.automatictopup": "Automatic top-ups",
    "billing.customer": "Customers at Stripe",
    "billing.price": "Prices at Stripe",
    "billing.stripeevent": "Webhook events",
    "djstripe.subscription": "Stripe's subscriptions",
    "djstripe.invoice": "Stripe's invoices",
    "djstripe.charge": "Stripe's charges",
    "tokens.usagerecord": "Usage",
    "tokens.balance": "Balances",
    "tokens.entry": "Ledger",
    "tokens.grant": "Bonus grants",
    "tokens.adjustment": "Plan changes and refunds",
    "tokens.reservation": "Holds",
    "tokens.tier": "Limits and features",
    "llmproxy.providerstate": "Providers",
    "llmproxy.model": "Models",
    "llmproxy.route": "Routes and prices",
    "llmproxy.pricechange": "Price history",
    "llmproxy.weightchange": "Weight history",
    "llmproxy.alias": "Aliases",
    "llmproxy.incident": "Incidents",
    "auth.group": "Groups of staff",
    "allauth_idp_oidc.client": "Editors",
    "admin.logentry": "Audit log",
}


def name_of(opts: Any) -> str:
    """Return the name of a model's pages, by the model's ``_meta``."""
    name = NAMES.get(opts.label_lower) or str(opts.verbose_name_plural)
    return name[:1].upper() + name[1:]
