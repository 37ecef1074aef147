"""Every endpoint of the API: method, path, function, parameters.

The last name is the request type of the `stripe` package that checks the parameters. Without one,
only ``expand`` is accepted.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from devserver.stripe import (
    account,
    catalog,
    checkout,
    customers,
    discounts,
    intents,
    invoice_endpoints,
    payment_methods,
    portal,
    refunds,
    schedules,
    subscription_changes,
    subscriptions,
)
from devserver.stripe.store import Obj

Endpoint = Callable[..., Obj]


@dataclass(frozen=True)
class Route:
    method: str
    pattern: "re.Pattern[str]"
    answer: Endpoint
    takes: str | None


def _route(line: tuple[str, str, Endpoint, str | None]) -> Route:
    method, path, answer, takes = line
    pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path)
    return Route(method, re.compile(f"/v1/{pattern}"), answer, takes)


_TABLE: tuple[tuple[str, str, Endpoint, str | None], ...] = (
    ("GET", "account", account.retrieve, None),
    ("GET", "accounts/{account}", account.retrieve_by_id, None),
    ("GET", "events", account.list_events, "EventList"),
    ("GET", "events/{event}", account.retrieve_event, None),
    ("POST", "webhook_endpoints", account.create_endpoint, "WebhookEndpointCreate"),
    ("GET", "webhook_endpoints", account.list_endpoints, "WebhookEndpointList"),
    ("GET", "webhook_endpoints/{endpoint}", account.retrieve_endpoint, None),
    ("POST", "webhook_endpoints/{endpoint}", account.update_endpoint, "WebhookEndpointUpdate"),
    ("DELETE", "webhook_endpoints/{endpoint}", account.delete_endpoint, None),
    ("POST", "products", catalog.create_product, "ProductCreate"),
    ("GET", "products", catalog.list_products, "ProductList"),
    ("GET", "products/search", catalog.search_products, "ProductSearch"),
    ("GET", "products/{product}", catalog.retrieve_product, None),
    ("POST", "products/{product}", catalog.update_product, "ProductUpdate"),
    ("DELETE", "products/{product}", catalog.delete_product, None),
    ("POST", "prices", catalog.create_price, "PriceCreate"),
    ("GET", "prices", catalog.list_prices, "PriceList"),
    ("GET", "prices/search", catalog.search_prices, "PriceSearch"),
    ("GET", "prices/{price}", catalog.retrieve_price, None),
    ("POST", "prices/{price}", catalog.update_price, "PriceUpdate"),
    ("POST", "coupons", discounts.create_coupon, "CouponCreate"),
    ("GET", "coupons", discounts.list_coupons, "CouponList"),
    ("GET", "coupons/{coupon}", discounts.retrieve_coupon, None),
    ("POST", "coupons/{coupon}", discounts.update_coupon, "CouponUpdate"),
    ("DELETE", "coupons/{coupon}", discounts.delete_coupon, None),
    ("POST", "promotion_codes", discounts.create_promotion_code, "PromotionCodeCreate"),
    ("GET", "promotion_codes", discounts.list_promotion_codes, "PromotionCodeList"),
    ("GET", "promotion_codes/{promotion_code}", discounts.retrieve_promotion_code, None),
    ("POST", "promotion_codes/{promotion_code}", discounts.update_promotion_code,
     "PromotionCodeUpdate"),
    ("POST", "customers", customers.create, "CustomerCreate"),
    ("GET", "customers", customers.index, "CustomerList"),
    ("GET", "customers/search", customers.search, "CustomerSearch"),
    ("GET", "customers/{customer}", customers.retrieve, None),
    ("POST", "customers/{customer}", customers.update, "CustomerUpdate"),
    ("DELETE", "customers/{customer}", customers.delete, None),
    ("GET", "customers/{customer}/payment_methods", payment_methods.index_of_customer,
     "CustomerPaymentMethodList"),
    ("GET", "customers/{customer}/payment_methods/{payment_method}",
     payment_methods.retrieve_of_customer, None),
    ("POST", "payment_methods", payment_methods.create, "PaymentMethodCreate"),
    ("GET", "payment_methods", payment_methods.index, "PaymentMethodList"),
    ("GET", "payment_methods/{payment_method}", payment_methods.retrieve, None),
    ("POST", "payment_methods/{payment_method}", payment_methods.update, "PaymentMethodUpdate"),
    ("POST", "payment_methods/{payment_method}/attach", payment_methods.attach,
     "PaymentMethodAttach"),
    ("POST", "payment_methods/{payment_method}/detach", payment_methods.detach, None),
    ("POST", "payment_intents", intents.create, "PaymentIntentCreate"),
    ("GET", "payment_intents", intents.index, "PaymentIntentList"),
    ("GET", "payment_intents/{intent}", intents.retrieve, "PaymentIntentRetrieve"),
    ("POST", "payment_intents/{intent}", intents.update, "PaymentIntentUpdate"),
    ("POST", "payment_intents/{intent}/confirm", intents.confirm, "PaymentIntentConfirm"),
    ("POST", "payment_intents/{intent}/cancel", intents.cancel, "PaymentIntentCancel"),
    ("POST", "setup_intents", intents.create_setup, "SetupIntentCreate"),
    ("GET", "setup_intents", intents.list_setups, "SetupIntentList"),
    ("GET", "setup_intents/{intent}", intents.retrieve_setup, "SetupIntentRetrieve"),
    ("POST", "setup_intents/{intent}/confirm", intents.confirm_setup, "SetupIntentConfirm"),
    ("POST", "setup_intents/{intent}/cancel", intents.cancel_setup, "SetupIntentCancel"),
    ("GET", "charges", refunds.list_charges, "ChargeList"),
    ("GET", "charges/{charge}", refunds.retrieve_charge, None),
    ("POST", "refunds", refunds.create, "RefundCreate"),
    ("GET", "refunds", refunds.index, "RefundList"),
    ("GET", "refunds/{refund}", refunds.retrieve, None),
    ("GET", "disputes", refunds.list_disputes, "DisputeList"),
    ("GET", "disputes/{dispute}", refunds.retrieve_dispute, None),
    ("GET", "balance_transactions", refunds.list_balance_transactions, "BalanceTransactionList"),
    ("GET", "balance_transactions/{transaction}", refunds.retrieve_balance_transaction, None),
    ("POST", "subscriptions", subscriptions.create, "SubscriptionCreate"),
    ("GET", "subscriptions", subscriptions.index, "SubscriptionList"),
    ("GET", "subscriptions/search", subscriptions.search, "SubscriptionSearch"),
    ("GET", "subscriptions/{subscription}", subscriptions.retrieve, None),
    ("POST", "subscriptions/{subscription}", subscription_changes.update, "SubscriptionUpdate"),
    ("DELETE", "subscriptions/{subscription}", subscriptions.cancel, "SubscriptionCancel"),
    ("GET", "subscription_items", subscriptions.list_items, "SubscriptionItemList"),
    ("GET", "subscription_items/{item}", subscriptions.retrieve_item, None),
    ("POST", "subscription_schedules", schedules.create, "SubscriptionScheduleCreate"),
    ("GET", "subscription_schedules", schedules.index, "SubscriptionScheduleList"),
    ("GET", "subscription_schedules/{schedule}", schedules.retrieve, None),
    ("POST", "subscription_schedules/{schedule}", schedules.update, "SubscriptionScheduleUpdate"),
    ("POST", "subscription_schedules/{schedule}/release", schedules.release,
     "SubscriptionScheduleRelease"),
    ("POST", "subscription_schedules/{schedule}/cancel", schedules.cancel,
     "SubscriptionScheduleCancel"),
    ("POST", "checkout/sessions", checkout.create, "checkout.SessionCreate"),
    ("GET", "checkout/sessions", checkout.index, "checkout.SessionList"),
    ("GET", "checkout/sessions/{session}", checkout.retrieve, None),
    ("GET", "checkout/sessions/{session}/line_items", checkout.list_lines,
     "checkout.SessionLineItemList"),
    ("POST", "checkout/sessions/{session}/expire", checkout.expire, None),
    ("POST", "billing_portal/sessions", portal.create_session, "billing_portal.SessionCreate"),
    ("POST", "billing_portal/configurations", portal.create_configuration,
     "billing_portal.ConfigurationCreate"),
    ("GET", "billing_portal/configurations", portal.list_configurations,
     "billing_portal.ConfigurationList"),
    ("GET", "billing_portal/configurations/{configuration}", portal.retrieve_configuration, None),
    ("POST", "billing_portal/configurations/{configuration}", portal.update_configuration,
     "billing_portal.ConfigurationUpdate"),
    ("GET", "invoices", invoice_endpoints.index, "InvoiceList"),
    ("GET", "invoices/search", invoice_endpoints.search, "InvoiceSearch"),
    ("POST", "invoices/create_preview", invoice_endpoints.preview, "InvoiceCreatePreview"),
    ("GET", "invoices/{invoice}", invoice_endpoints.retrieve, None),
    ("POST", "invoices/{invoice}", invoice_endpoints.update, "InvoiceUpdate"),
    ("GET", "invoices/{invoice}/lines", invoice_endpoints.list_lines, "InvoiceLineItemList"),
    ("POST", "invoices/{invoice}/finalize", invoice_endpoints.finalize, "InvoiceFinalizeInvoice"),
    ("POST", "invoices/{invoice}/pay", invoice_endpoints.pay, "InvoicePay"),
    ("POST", "invoices/{invoice}/void", invoice_endpoints.void, "InvoiceVoidInvoice"),
    ("POST", "invoices/{invoice}/mark_uncollectible", invoice_endpoints.mark_uncollectible,
     "InvoiceMarkUncollectible"),
    ("GET", "invoice_payments", invoice_endpoints.list_payments, "InvoicePaymentList"),
    ("GET", "invoice_payments/{payment}", invoice_endpoints.retrieve_payment, None),
    ("GET", "invoiceitems", invoice_endpoints.list_items, "InvoiceItemList"),
    ("GET", "invoiceitems/{item}", invoice_endpoints.retrieve_item, None),
)  # fmt: skip

_ROUTES = tuple(_route(line) for line in _TABLE)


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    for route in _ROUTES:
        match = route.pattern.fullmatch(path) if route.method == method else None
        if match is not None:
            return route, match.groupdict()
    return None
