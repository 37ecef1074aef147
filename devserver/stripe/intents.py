"""PaymentIntents and SetupIntents."""

from devserver.stripe import cards, invoices, listing, payment_methods, payments
from devserver.stripe.errors import ApiError, invalid
from devserver.stripe.metadata import merged
from devserver.stripe.store import Obj
from devserver.stripe.world import World

_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def create(world: World, params: Obj) -> Obj:
    if params["amount"] < 50:
        message = "Amount must be at least $0.50 usd"
        raise invalid(message, param="amount", code="amount_too_small")
    method = _given_method(world, params)
    intent = payments.new_intent(
        world,
        amount=params["amount"],
        currency=params["currency"].lower(),
        customer=params.get("customer"),
        description=params.get("description"),
        metadata=merged({}, params.get("metadata") or {}),
        payment_method=method["id"] if method else None,
        receipt_email=params.get("receipt_email"),
        setup_future_usage=params.get("setup_future_usage"),
    )
    if params.get("confirm"):
        _confirm(world, intent, method, params)
    return intent


def _given_method(world: World, params: Obj) -> Obj | None:
    ident = params.get("payment_method")
    if ident is None:
        return None
    method = payment_methods.resolve(world, ident, param="payment_method")
    if method["customer"] not in (None, params.get("customer")):
        message = "The PaymentMethod supplied belongs to another customer."
        raise invalid(message, param="payment_method", code="payment_method_unexpected_state")
    return method


def confirm(world: World, params: Obj, *, intent: str) -> Obj:
    found = world.store.get("payment_intent", intent)
    if found["status"] not in _CONFIRMABLE:
        message = (
            f"You cannot confirm this PaymentIntent because it has already {found['status']} after "
            "being previously confirmed."
        )
        extra = {"payment_intent": world.show(found)}
        raise ApiError(400, message, code="payment_intent_unexpected_state", extra=extra)
    given = {**params, "customer": found["customer"]}
    method = _given_method(world, given) or world.store.find(
        "payment_method", found["payment_method"]
    )
    return _confirm(world, found, method, params)


def _confirm(world: World, intent: Obj, method: Obj | None, params: Obj) -> Obj:
    if method is None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
            "either update the PaymentIntent with a payment method and then confirm it again, or "
            "confirm it again directly with a payment method or ConfirmationToken."
        )
        raise ApiError(400, message, code="payment_intent_unexpected_state",
                       extra={"payment_intent": world.show(intent)})  # fmt: skip
    intent["_return_url"] = params.get("return_url") or intent["_return_url"]
    unattended = params.get("off_session") in (True, "one_off", "recurring")
    status = payments.attempt(world, intent, method, unattended=unattended)
    after(world, intent, status, method)
    if status == "requires_payment_method":
        raise refusal(world, intent)
    return intent


def after(world: World, intent: Obj, status: str, method: Obj) -> None:
    """Save the card if requested, and update the invoice."""
    customer = world.store.find("customer", intent["customer"])
    wished = status == "succeeded" and intent["setup_future_usage"]
    if customer is not None and method["customer"] is None and wished:
        payment_methods.attach_to(world, method, customer)
    invoice = world.store.find("invoice", intent["_invoice"])
    if invoice is not None and invoice["status"] == "open":
        invoice["attempt_count"] += 1
        invoice["attempted"] = True
        invoices.follow(world, invoice, status)


def refusal(world: World, intent: Obj) -> ApiError:
    error = intent["last_payment_error"]
    extra = {
        key: error[key] for key in ("decline_code", "charge", "payment_method") if key in error
    }
    extra["payment_intent"] = world.show(intent)
    return ApiError(402, error["message"], code=error["code"], extra=extra)


def authenticate(world: World, intent: Obj, *, passes: bool) -> Obj:
    """Record that the payer passed or failed the bank's authentication."""
    if intent["status"] != "requires_action":
        raise invalid("This payment does not wait for authentication.")
    method = world.store.objects[intent["payment_method"]]
    if intent["object"] == "setup_intent":
        return finish_setup(world, intent, method) if passes else _not_set_up(world, intent)
    if passes:
        status = payments.attempt(world, intent, method, authenticated=True)
    else:
        status = payments.refuse(world, intent)
    after(world, intent, status, method)
    return intent


def update(world: World, params: Obj, *, intent: str) -> Obj:
    found = world.store.get("payment_intent", intent)
    method = _given_method(world, {**params, "customer": found["customer"]})
    if method is not None:
        found.update(payment_method=method["id"], status="requires_confirmation")
    for key in ("amount", "description", "receipt_email", "setup_future_usage"):
        if key in params:
            found[key] = params[key]
    if "metadata" in params:
        found["metadata"] = merged(found["metadata"], params["metadata"])
    return found


def cancel(world: World, params: Obj, *, intent: str) -> Obj:
    found = world.store.get("payment_intent", intent)
    if found["status"] not in _CONFIRMABLE:
        message = (
            f"You cannot cancel this PaymentIntent because it has a status of {found['status']}."
        )
        raise invalid(message, code="payment_intent_unexpected_state")
    payments.cancel(world, found, reason=params.get("cancellation_reason"))
    return found


def retrieve(world: World, params: Obj, *, intent: str) -> Obj:
    return world.store.get("payment_intent", intent)


def index(world: World, params: Obj) -> Obj:
    rows = listing.matching(world.store.newest_first("payment_intent"), params, "customer")
    return listing.page(world, rows, params, url="/v1/payment_intents")


# SetupIntents.


def create_setup(world: World, params: Obj) -> Obj:
    customer = params.get("customer")
    if customer is not None:
        world.store.get("customer", customer, param="customer")
    ident = world.store.new_id("seti")
    nothing = ("application", "cancellation_reason", "customer_account", "description",
               "excluded_payment_method_types", "flow_directions", "last_setup_error",
               "latest_attempt", "mandate", "next_action", "on_behalf_of", "payment_method",
               "payment_method_configuration_details", "single_use_mandate")  # fmt: skip
    intent = world.new(
        "setup_intent",
        "seti",
        id=ident,
        **dict.fromkeys(nothing),
        automatic_payment_methods=None,
        client_secret=world.secret_of(ident),
        customer=customer,
        metadata=merged({}, params.get("metadata") or {}),
        payment_method_options={"card": {"mandate_options": None, "network": None,
                                         "request_three_d_secure": "automatic"}},
        payment_method_types=["card"],
        status="requires_payment_method",
        usage=params.get("usage", "off_session"),
    )  # fmt: skip
    world.emit("setup_intent.created", intent)
    method = _given_method(world, params)
    if method is not None:
        intent.update(payment_method=method["id"], status="requires_confirmation")
    if params.get("confirm"):
        return confirm_setup(world, {}, intent=ident)
    return intent


def confirm_setup(world: World, params: Obj, *, intent: str) -> Obj:
    found = world.store.get("setup_intent", intent)
    if found["status"] not in _CONFIRMABLE:
        message = f"You cannot confirm this SetupIntent because it has already {found['status']}."
        raise invalid(message, code="setup_intent_unexpected_state")
    given = {**params, "customer": found["customer"]}
    method = _given_method(world, given) or world.store.find(
        "payment_method", found["payment_method"]
    )
    if method is None:
        message = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise invalid(message, code="setup_intent_unexpected_state")
    found["payment_method"] = method["id"]
    card = cards.known(method["_number"])
    if card.decline is not None and not card.attaches:
        found.update(status="requires_payment_method", payment_method=None)
        world.emit("setup_intent.setup_failed", found)
        raise card.decline.error(setup_intent=world.show(found))
    if card.authentication != "never":
        page = f"{world.base_url}/authenticate/{found['id']}"
        back = {"url": page, "return_url": params.get("return_url")}
        found.update(status="requires_action",
                     next_action={"type": "redirect_to_url", "redirect_to_url": back})  # fmt: skip
        world.emit("setup_intent.requires_action", found)
        return found
    return finish_setup(world, found, method)


def finish_setup(world: World, intent: Obj, method: Obj) -> Obj:
    customer = world.store.find("customer", intent["customer"])
    if customer is not None:
        payment_methods.attach_to(world, method, customer)
    method["_set_up"] = True
    intent.update(status="succeeded", next_action=None)
    world.emit("setup_intent.succeeded", intent)
    return intent


def _not_set_up(world: World, intent: Obj) -> Obj:
    failure = cards.NOT_AUTHENTICATED
    error = {"code": "setup_intent_authentication_failure", "message": failure.message,
             "type": "invalid_request_error"}  # fmt: skip
    intent.update(status="requires_payment_method", next_action=None, payment_method=None,
                  last_setup_error=error)  # fmt: skip
    world.emit("setup_intent.setup_failed", intent)
    return intent


def retrieve_setup(world: World, params: Obj, *, intent: str) -> Obj:
    return world.store.get("setup_intent", intent)


def cancel_setup(world: World, params: Obj, *, intent: str) -> Obj:
    found = world.store.get("setup_intent", intent)
    found.update(status="canceled", next_action=None)
    world.emit("setup_intent.canceled", found)
    return found


def list_setups(world: World, params: Obj) -> Obj:
    rows = listing.matching(
        world.store.newest_first("setup_intent"), params, "customer", "payment_method"
    )
    return listing.page(world, rows, params, url="/v1/setup_intents")
