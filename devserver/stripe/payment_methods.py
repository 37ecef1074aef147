"""Payment methods: created from a test card's number, id or token."""

from datetime import UTC, datetime
from typing import Any

from devserver.stripe import cards, listing
from devserver.stripe.cards import Card
from devserver.stripe.errors import invalid, missing, required
from devserver.stripe.metadata import merged
from devserver.stripe.store import Obj, scramble
from devserver.stripe.world import World

_NO_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def make(world: World, card: Card, **given: Any) -> Obj:
    """Create a payment method of ``card`` without a customer."""
    year = datetime.fromtimestamp(world.now(), UTC).year
    return world.new(
        "payment_method",
        "pm",
        allow_redisplay="unspecified",
        billing_details=_billing_details(given.get("billing_details")),
        card=_card(card, given.get("exp_month") or 12, given.get("exp_year") or year + 5),
        customer=None,
        customer_account=None,
        metadata=merged({}, given.get("metadata") or {}),
        type="card",
        _number=card.number,
        _set_up=False,
        _decline=None,
    )


def _billing_details(given: Obj | None) -> Obj:
    details = {"address": _NO_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None}
    given = given or {}
    address = {**_NO_ADDRESS, **(given.get("address") or {})}
    return {**details, **given, "address": address}


def _card(card: Card, month: int, year: int) -> Obj:
    return {
        "brand": card.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": "US",
        "display_brand": card.brand,
        "exp_month": month,
        "exp_year": year,
        "fingerprint": scramble(card.number, length=16),
        "funding": card.funding,
        "generated_from": None,
        "last4": card.number[-4:],
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def resolve(world: World, ident: str, *, param: str) -> Obj:
    """Return the payment method. A test id creates a new one each time, as at Stripe."""
    card = cards.by_magic_id(ident)
    if card is not None:
        return make(world, card)
    return world.store.get("payment_method", ident, param=param)


def owned(world: World, ident: str, customer: Obj, *, param: str) -> Obj:
    """Return the customer's payment method; raise ApiError for one that isn't attached to them."""
    if cards.by_magic_id(ident) is None:
        method = world.store.get("payment_method", ident, param=param)
        if method["customer"] == customer["id"]:
            return method
    message = (
        f"The customer does not have a payment method with the ID {ident}. The payment method "
        "must be attached to the customer."
    )
    raise invalid(message, param=param, code="resource_missing")


def attach_to(world: World, method: Obj, customer: Obj) -> Obj:
    """Save the card to the customer; raise ApiError if the bank refuses it."""
    if method["customer"] == customer["id"]:
        return method
    if method["customer"] is not None:
        raise invalid("The payment method you provided has already been attached to a customer.",
                      code="payment_method_unexpected_state")  # fmt: skip
    card = cards.known(method["_number"])
    if card.decline is not None and not card.attaches:
        raise card.decline.error(payment_method=world.show(method))
    method["customer"] = customer["id"]
    world.emit("payment_method.attached", method)
    return method


def detach_from_owner(world: World, method: Obj) -> Obj:
    former = method["customer"]
    method["customer"] = None
    customer = world.store.find("customer", former)
    if customer is not None and not customer.get("deleted"):
        with world.changing(customer, "customer.updated"):
            settings = customer["invoice_settings"]
            if settings["default_payment_method"] == method["id"]:
                settings["default_payment_method"] = None
    for subscription in world.store.oldest_first("subscription"):
        if subscription["default_payment_method"] == method["id"]:
            with world.changing(subscription, "customer.subscription.updated"):
                subscription["default_payment_method"] = None
    world.emit("payment_method.detached", method, previous={"customer": former})
    return method


# The endpoints.


def create(world: World, params: Obj) -> Obj:
    given = params.get("card")
    if params.get("type") != "card" or given is None:
        raise required("card" if params.get("type") == "card" else "type")
    return make(world, _given_card(world, given), **{**params, **_expiry(given)})


def _given_card(world: World, given: Obj) -> Card:
    if token := given.get("token"):
        card = cards.by_magic_id(token)
        if card is None:
            raise missing("token", token, param="card[token]", status=400)
        return card
    if "number" not in given:
        raise required("card[number]")
    today = datetime.fromtimestamp(world.now(), UTC)
    cards.check_expiry(given["exp_month"], given["exp_year"], today=(today.year, today.month))
    return cards.by_number(given["number"])


def _expiry(given: Obj) -> Obj:
    return {"exp_month": given.get("exp_month"), "exp_year": given.get("exp_year")}


def retrieve(world: World, params: Obj, *, payment_method: str) -> Obj:
    return resolve(world, payment_method, param="")


def update(world: World, params: Obj, *, payment_method: str) -> Obj:
    method = world.store.get("payment_method", payment_method)
    with world.changing(method, "payment_method.updated"):
        if "metadata" in params:
            method["metadata"] = merged(method["metadata"], params["metadata"])
        if "billing_details" in params:
            method["billing_details"] = _billing_details(
                {**method["billing_details"], **(params["billing_details"] or {})}
            )
        method["card"].update({k: v for k, v in (params.get("card") or {}).items() if k in _EXPIRY})
    return method


_EXPIRY = ("exp_month", "exp_year")


def attach(world: World, params: Obj, *, payment_method: str) -> Obj:
    if "customer" not in params:
        raise required("customer")
    customer = world.store.get("customer", params["customer"], param="customer")
    return attach_to(world, resolve(world, payment_method, param=""), customer)


def detach(world: World, params: Obj, *, payment_method: str) -> Obj:
    method = world.store.get("payment_method", payment_method)
    if method["customer"] is None:
        message = (
            "The payment method you provided is not attached to a customer so detachment is "
            "impossible."
        )
        raise invalid(message)
    return detach_from_owner(world, method)


def index(world: World, params: Obj) -> Obj:
    rows = world.store.newest_first("payment_method")
    attached = (row for row in rows if row["customer"] is not None)
    found = listing.matching(attached, params, "customer", "type")
    return listing.page(world, found, params, url="/v1/payment_methods")


def index_of_customer(world: World, params: Obj, *, customer: str) -> Obj:
    world.store.get("customer", customer)
    rows = listing.matching(world.store.newest_first("payment_method"), params, "type")
    found = (row for row in rows if row["customer"] == customer)
    return listing.page(world, found, params, url=f"/v1/customers/{customer}/payment_methods")


def retrieve_of_customer(world: World, params: Obj, *, customer: str, payment_method: str) -> Obj:
    owner = world.store.get("customer", customer)
    return owned(world, payment_method, owner, param="payment_method")
