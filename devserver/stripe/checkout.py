"""Checkout sessions: created by the API, completed on the hosted page."""

from typing import Any

from devserver.stripe import (
    cards,
    catalog,
    customers,
    discounts,
    intents,
    invoices,
    items,
    listing,
    payment_methods,
    payments,
    subscriptions,
)
from devserver.stripe.clock import DAY, HOUR
from devserver.stripe.errors import invalid, required
from devserver.stripe.lines import Part
from devserver.stripe.metadata import merged
from devserver.stripe.store import Obj
from devserver.stripe.world import World

_NOTHING = (
    "adaptive_pricing", "after_expiration", "client_secret", "collected_information", "consent",
    "consent_collection", "currency_conversion", "customer_account", "customer_creation",
    "customer_details", "integration_identifier", "invoice", "invoice_creation",
    "optional_items", "origin_context", "payment_intent", "payment_link",
    "payment_method_configuration_details", "permissions", "recovered_from", "return_url",
    "setup_intent", "shipping_address_collection", "shipping_cost", "subscription",
    "wallet_options",
)  # fmt: skip


def create(world: World, params: Obj) -> Obj:
    mode = params.get("mode")
    if mode is None:
        raise required("mode")
    if "success_url" not in params:
        raise required("success_url")
    _check_customer(world, params)
    rows = [] if mode == "setup" else _line_items(world, params, mode)
    ident = world.store.new_id("cs_test")
    return world.new(
        "checkout.session",
        "cs_test",
        id=ident,
        **dict.fromkeys(_NOTHING),
        **_amounts(world, rows, params),
        allow_promotion_codes=params.get("allow_promotion_codes"),
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        billing_address_collection=params.get("billing_address_collection"),
        branding_settings=None,
        cancel_url=params.get("cancel_url"),
        client_reference_id=params.get("client_reference_id"),
        currency=rows[0]["currency"] if rows else params.get("currency"),
        custom_fields=[],
        custom_text=dict.fromkeys(
            ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
        ),
        customer=params.get("customer"),
        customer_email=params.get("customer_email"),
        discounts=[_shown_discount(one) for one in params.get("discounts") or []],
        expires_at=_expiry(world, params),
        locale=params.get("locale"),
        metadata=merged({}, params.get("metadata") or {}),
        mode=mode,
        payment_method_collection=params.get("payment_method_collection", "always"),
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=["card"],
        payment_status="no_payment_required" if mode == "setup" else "unpaid",
        phone_number_collection={"enabled": False},
        saved_payment_method_options=None,
        shipping_options=[],
        status="open",
        submit_type=params.get("submit_type"),
        success_url=params["success_url"],
        ui_mode="hosted_page",
        url=f"{world.base_url}/c/pay/{ident}",
        _line_items=rows,
        _subscription_data=params.get("subscription_data") or {},
        _payment_data=params.get("payment_intent_data") or {},
        _promotion=None,
    )


def _check_customer(world: World, params: Obj) -> None:
    if params.get("customer") and params.get("customer_email"):
        raise invalid("You may only specify one of these parameters: customer, customer_email.")
    if params.get("customer"):
        world.store.get("customer", params["customer"], param="customer")
    if params.get("allow_promotion_codes") and params.get("discounts"):
        raise invalid(
            "You may only specify one of these parameters: allow_promotion_codes, discounts."
        )


def _expiry(world: World, params: Obj) -> int:
    at = params.get("expires_at", world.now() + DAY)
    if not world.now() + HOUR // 2 - 60 <= at <= world.now() + DAY + 60:
        message = (
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout "
            "Session creation."
        )
        raise invalid(message, param="expires_at")
    return int(at)


def _line_items(world: World, params: Obj, mode: str) -> list[Obj]:
    given = params.get("line_items")
    if not given:
        raise required("line_items")
    rows = [_line_item(world, entry, f"line_items[{at}]") for at, entry in enumerate(given)]
    recurs = any(row["price"]["recurring"] for row in rows)
    if mode == "subscription" and not recurs:
        message = "You must provide at least one recurring price in `subscription` mode."
        raise invalid(f"{message} To accept one-time payments, use `payment` mode.")
    if mode == "payment" and recurs:
        message = "You specified `payment` mode but passed a recurring price. Either switch to"
        raise invalid(f"{message} `subscription` mode or use only one-time prices.")
    return rows


def _line_item(world: World, entry: Obj, param: str) -> Obj:
    if "price_data" in entry:
        price = catalog.create_price(world, entry["price_data"])
    elif "price" in entry:
        price = world.store.get("price", entry["price"], param=f"{param}[price]")
    else:
        raise required(f"{param}[price]")
    if not price["active"]:
        raise invalid("The price specified is inactive. This field only accepts active prices.",
                      param=f"{param}[price]")  # fmt: skip
    quantity = entry.get("quantity", 1)
    amount = price["unit_amount"] * quantity
    return {
        "id": world.store.new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": world.store.objects[price["product"]]["name"],
        "metadata": {},
        "price": world.show(price),
        "quantity": quantity,
    }


def _shown_discount(given: Obj) -> Obj:
    return {"coupon": given.get("coupon"), "promotion_code": given.get("promotion_code")}


def _amounts(world: World, rows: list[Obj], params: Obj) -> Obj:
    if not rows:
        return {"amount_subtotal": None, "amount_total": None, "total_details": None}
    data = params.get("subscription_data") or {}
    trial = data.get("trial_period_days") or data.get("trial_end")
    subtotal = 0 if trial else sum(row["amount_subtotal"] for row in rows)
    given = (params.get("discounts") or [None])[0]
    off = _off(world, given, subtotal) if given else 0
    return {
        "amount_subtotal": subtotal,
        "amount_total": subtotal - off,
        "total_details": {"amount_discount": off, "amount_shipping": 0, "amount_tax": 0},
    }


def _off(world: World, given: Obj, subtotal: int) -> int:
    coupon, _ = discounts.redeemable(world, given)
    return discounts.share(coupon, [subtotal])[0]


def apply_code(world: World, session: Obj, code: str) -> None:
    """Apply the promotion code that the payer entered; raise ApiError for an invalid one."""
    if not session["allow_promotion_codes"]:
        raise invalid("This code is invalid.")
    found = discounts.promotion_by_code(world, code)
    off = _off(world, {"promotion_code": found["id"]}, session["amount_subtotal"])
    session["_promotion"] = found["id"]
    session["amount_total"] = session["amount_subtotal"] - off
    session["total_details"]["amount_discount"] = off
    session["discounts"] = [{"coupon": None, "promotion_code": found["id"]}]


def retrieve(world: World, params: Obj, *, session: str) -> Obj:
    return world.store.get("checkout.session", session)


def index(world: World, params: Obj) -> Obj:
    same = ("customer", "payment_intent", "subscription", "status")
    found = listing.matching(world.store.newest_first("checkout.session"), params, *same)
    return listing.page(world, found, params, url="/v1/checkout/sessions")


def list_lines(world: World, params: Obj, *, session: str) -> Obj:
    found = world.store.get("checkout.session", session)
    return {
        "object": "list",
        "data": found["_line_items"],
        "has_more": False,
        "url": f"/v1/checkout/sessions/{session}/line_items",
    }


def expire(world: World, params: Obj, *, session: str) -> Obj:
    found = world.store.get("checkout.session", session)
    if found["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            f"Session has a status of {found['status']}."
        )
        raise invalid(message)
    found.update(status="expired", url=None)
    world.emit("checkout.session.expired", found)
    return found


# The payer's side.


def needs_authentication(method: Obj) -> bool:
    return cards.known(method["_number"]).authentication != "never"


def complete(world: World, session: Obj, method: Obj, payer: Obj, *, authenticated: bool) -> str:
    """Pay with ``method``; return the URL for the browser. Raise ApiError for a declined card.

    If the card is declined, the session stays open. ``payer`` has email and name.
    """
    decline = payments.declined_by(method)
    if decline is not None and (
        session["amount_total"] or not cards.known(method["_number"]).attaches
    ):
        raise decline.error()
    customer = _customer(world, session, payer)
    payment_methods.attach_to(world, method, customer)
    method["_set_up"] = authenticated
    session["customer"] = customer["id"]
    _COMPLETE[session["mode"]](world, session, customer, method, authenticated)
    session.update(
        status="complete",
        url=None,
        customer_details={
            "address": None,
            "business_name": None,
            "email": payer["email"],
            "individual_name": None,
            "name": payer["name"],
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
    )
    world.emit("checkout.session.completed", session)
    target: str = session["success_url"]
    return target.replace("{CHECKOUT_SESSION_ID}", session["id"])


def _customer(world: World, session: Obj, payer: Obj) -> Obj:
    if session["customer"]:
        return world.store.get("customer", session["customer"])
    return customers.create(world, {"email": payer["email"], "name": payer["name"]})


def _subscribe(world: World, session: Obj, customer: Obj, method: Obj, authenticated: bool) -> None:
    data = session["_subscription_data"]
    entries = [
        {"price": r["price"]["id"], "quantity": r["quantity"]} for r in session["_line_items"]
    ]
    parts: list[Part] = items.asked_for(world, entries, param="line_items")
    end = subscriptions.trial_end(world, data, parts)
    start = subscriptions.Start(customer, parts, method, end, "default_incomplete")
    given: dict[str, Any] = {
        **data,
        "default_payment_method": method["id"],
        "discounts": [{k: v for k, v in one.items() if v} for one in session["discounts"]],
    }
    subscription = subscriptions.begin(world, start, given)
    subscriptions.announce(world, subscription)
    invoice = subscriptions.first_invoice(world, subscription, start)
    if invoice["status"] == "open":
        invoices.collect(world, invoice, method=method, authenticated=authenticated)
    paid = "paid" if end is None else "no_payment_required"
    session.update(subscription=subscription["id"], invoice=invoice["id"], payment_status=paid)


def _pay(world: World, session: Obj, customer: Obj, method: Obj, authenticated: bool) -> None:
    data = session["_payment_data"]
    intent = payments.new_intent(
        world,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=customer["id"],
        description=data.get("description"),
        metadata=merged({}, data.get("metadata") or {}),
        setup_future_usage=data.get("setup_future_usage"),
    )
    payments.attempt(world, intent, method, authenticated=authenticated)
    session.update(payment_intent=intent["id"], payment_status="paid")


def _set_up(world: World, session: Obj, customer: Obj, method: Obj, authenticated: bool) -> None:
    given = {"customer": customer["id"], "payment_method": method["id"]}
    intent = intents.create_setup(world, given)
    if authenticated:
        intents.finish_setup(world, intent, method)
    else:
        intents.confirm_setup(world, {}, intent=intent["id"])
    session["setup_intent"] = intent["id"]


_COMPLETE = {"subscription": _subscribe, "payment": _pay, "setup": _set_up}
