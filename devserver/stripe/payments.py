"""Attempts to charge a card, and their outcome."""

from typing import Any

from devserver.stripe import cards
from devserver.stripe.cards import Decline
from devserver.stripe.store import Obj, scramble
from devserver.stripe.world import World

_CANCELLABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def new_intent(
    world: World, *, amount: int, currency: str, customer: str | None, **given: Any
) -> Obj:
    ident = world.store.new_id("pi")
    lacks = "requires_confirmation" if given.get("payment_method") else "requires_payment_method"
    intent = world.new(
        "payment_intent",
        "pi",
        id=ident,
        amount=amount,
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        application=None,
        application_fee_amount=None,
        automatic_payment_methods=None,
        canceled_at=None,
        cancellation_reason=None,
        capture_method="automatic",
        client_secret=world.secret_of(ident),
        confirmation_method="automatic",
        currency=currency,
        customer=customer,
        customer_account=None,
        description=given.get("description"),
        excluded_payment_method_types=None,
        last_payment_error=None,
        latest_charge=None,
        metadata=given.get("metadata") or {},
        next_action=None,
        on_behalf_of=None,
        payment_method=given.get("payment_method"),
        payment_method_configuration_details=None,
        payment_method_options={"card": {"installments": None, "mandate_options": None,
                                         "network": None, "request_three_d_secure": "automatic"}},
        payment_method_types=["card"],
        processing=None,
        receipt_email=given.get("receipt_email"),
        review=None,
        setup_future_usage=given.get("setup_future_usage"),
        shipping=None,
        source=None,
        statement_descriptor=None,
        statement_descriptor_suffix=None,
        status=lacks,
        transfer_data=None,
        transfer_group=None,
        _invoice=given.get("invoice"),
        _return_url=None,
    )  # fmt: skip
    world.emit("payment_intent.created", intent)
    return intent


def would_decline(method: Obj | None) -> Decline | None:
    """Return why an off-session charge would fail, if it would."""
    if method is None:
        return None
    if _asks(method):
        return cards.NEEDS_AUTHENTICATION
    return declined_by(method)


def declined_by(method: Obj) -> Decline | None:
    if method["_decline"]:
        return Decline("card_declined", method["_decline"], cards.CARD_DECLINED)
    return cards.known(method["_number"]).decline


def _asks(method: Obj) -> bool:
    wanted = cards.known(method["_number"]).authentication
    return wanted == "always" or (wanted == "once" and not method["_set_up"])


def attempt(
    world: World, intent: Obj, method: Obj, *, authenticated: bool = False, unattended: bool = False
) -> str:
    """Charge ``method``; return the intent's new status. Its error is in the intent.

    ``unattended`` payments cannot ask for authentication: they decline.
    """
    intent["payment_method"] = method["id"]
    if _asks(method) and not authenticated:
        if unattended:
            return _fail(world, intent, method, cards.NEEDS_AUTHENTICATION)
        return _ask(world, intent)
    decline = declined_by(method)
    if decline is not None:
        return _fail(world, intent, method, decline)
    return _succeed(world, intent, method)


def _ask(world: World, intent: Obj) -> str:
    intent["status"] = "requires_action"
    page = f"{world.base_url}/authenticate/{intent['id']}"
    if intent["_return_url"]:
        action: Obj = {
            "type": "redirect_to_url",
            "redirect_to_url": {"url": page, "return_url": intent["_return_url"]},
        }
    else:
        sdk = {"type": "three_d_secure_redirect", "stripe_js": page, "source": intent["id"]}
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": sdk}
    intent["next_action"] = action
    world.emit("payment_intent.requires_action", intent)
    return "requires_action"


def refuse(world: World, intent: Obj) -> str:
    """Record that the payer failed to authenticate."""
    method = world.store.objects[intent["payment_method"]]
    intent["status"] = "requires_payment_method"
    intent["next_action"] = None
    intent["last_payment_error"] = _error(world, cards.NOT_AUTHENTICATED, method)
    intent["payment_method"] = None
    world.emit("payment_intent.payment_failed", intent)
    return "requires_payment_method"


def _fail(world: World, intent: Obj, method: Obj, decline: Decline) -> str:
    charge = _charge(world, intent, method, decline)
    world.emit("charge.failed", charge)
    intent["latest_charge"] = charge["id"]
    intent["status"] = "requires_payment_method"
    intent["next_action"] = None
    intent["last_payment_error"] = {**_error(world, decline, method), "charge": charge["id"]}
    intent["payment_method"] = None
    world.emit("payment_intent.payment_failed", intent)
    return "requires_payment_method"


def _error(world: World, decline: Decline, method: Obj) -> Obj:
    error = {
        "code": decline.code,
        "decline_code": decline.decline_code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "payment_method": world.show(method),
        "type": "card_error",
    }
    return {key: value for key, value in error.items() if value is not None}


def _succeed(world: World, intent: Obj, method: Obj) -> str:
    charge = _charge(world, intent, method, None)
    intent["latest_charge"] = charge["id"]
    intent["amount_received"] = intent["amount"]
    intent["status"] = "succeeded"
    intent["next_action"] = None
    intent["last_payment_error"] = None
    if intent["setup_future_usage"]:
        method["_set_up"] = True
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)
    return "succeeded"


def cancel(world: World, intent: Obj, *, reason: str | None) -> None:
    if intent["status"] in _CANCELLABLE:
        intent["status"] = "canceled"
        intent["canceled_at"] = world.now()
        intent["cancellation_reason"] = reason
        intent["next_action"] = None
        world.emit("payment_intent.canceled", intent)


def _charge(world: World, intent: Obj, method: Obj, decline: Decline | None) -> Obj:
    ident = world.store.new_id("ch")
    taken = intent["amount"] if decline is None else 0
    charge = world.new(
        "charge",
        "ch",
        id=ident,
        amount=intent["amount"],
        amount_captured=taken,
        amount_refunded=0,
        application=None,
        application_fee=None,
        application_fee_amount=None,
        balance_transaction=None,
        billing_details=dict(method["billing_details"]),
        calculated_statement_descriptor="TOKENGATE",
        captured=decline is None,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        failure_balance_transaction=None,
        failure_code=decline.code if decline else None,
        failure_message=decline.message if decline else None,
        fraud_details={},
        metadata=dict(intent["metadata"]),
        on_behalf_of=None,
        outcome=_outcome(decline),
        paid=decline is None,
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details={"card": _card_details(method, intent["amount"]), "type": "card"},
        radar_options={},
        receipt_email=intent["receipt_email"],
        receipt_number=None,
        receipt_url=f"{world.base_url}/receipts/{ident}" if decline is None else None,
        refunded=False,
        review=None,
        shipping=None,
        source=None,
        source_transfer=None,
        statement_descriptor=None,
        statement_descriptor_suffix=None,
        status="succeeded" if decline is None else "failed",
        transfer_data=None,
        transfer_group=None,
    )
    if decline is None:
        charge["balance_transaction"] = balance(
            world, kind="charge", source=charge, amount=taken, fee=30 + round(taken * 29 / 1000)
        )["id"]
    return charge


def _outcome(decline: Decline | None) -> Obj:
    blocked = {
        "advice_code": "try_again_later",
        "network_advice_code": None,
        "network_decline_code": "01",
        "network_status": "declined_by_network",
        "reason": decline.decline_code if decline else None,
        "seller_message": "The bank returned the decline code above.",
        "type": "issuer_declined",
    }
    passed = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
    return {**(blocked if decline else passed), "risk_level": "normal", "risk_score": 10}


def _card_details(method: Obj, amount: int) -> Obj:
    same = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding",
            "last4", "regulated_status", "wallet")  # fmt: skip
    card = method["card"]
    return {
        **{key: card[key] for key in same},
        "amount_authorized": amount,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": scramble(method["id"], length=15).upper(),
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "three_d_secure": None,
    }


def balance(world: World, *, kind: str, source: Obj, amount: int, fee: int = 0) -> Obj:
    """Record a transaction of the account's own balance."""
    fees = [{"amount": fee, "application": None, "currency": source["currency"],
             "description": "Stripe processing fees", "type": "stripe_fee"}]  # fmt: skip
    made = world.new(
        "balance_transaction",
        "txn",
        amount=amount,
        available_on=world.in_days(2),
        balance_type="payments",
        currency=source["currency"],
        description=source.get("description"),
        exchange_rate=None,
        fee=fee,
        fee_details=fees if fee else [],
        net=amount - fee,
        reporting_category=kind,
        source=source["id"],
        status="pending",
        type=kind,
    )
    del made["livemode"]
    return made
