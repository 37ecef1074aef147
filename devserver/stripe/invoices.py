"""Invoices: drafted, finalized, collected, retried, paid or voided."""

from collections.abc import Sequence
from typing import Any

from devserver.stripe import discounts, lines, payments, standing
from devserver.stripe.clock import DAY
from devserver.stripe.errors import ApiError, invalid
from devserver.stripe.lines import Line, Period
from devserver.stripe.store import Obj, scramble
from devserver.stripe.world import ACCOUNT_ID, World

_SMALLEST = 50  # cents; smaller amounts are carried over to the next invoice


def draft(
    world: World,
    customer: Obj,
    wanted: Sequence[Line],
    *,
    reason: str,
    currency: str,
    subscription: Obj | None = None,
    period: Period | None = None,
    **given: Any,
) -> Obj:
    """Create a draft without an event. ``period`` is the period of usage: the previous one."""
    start, end = period or (world.now(), world.now())
    invoice = world.new(
        "invoice",
        "in",
        **_blank(world, customer),
        billing_reason=reason,
        collection_method=given.get("collection_method", "charge_automatically"),
        currency=currency,
        customer=customer["id"],
        default_payment_method=given.get("default_payment_method"),
        description=given.get("description"),
        metadata=given.get("metadata") or {},
        parent=_parent(subscription, given.get("proration_date")),
        period_start=start,
        period_end=end,
    )
    for line in wanted:
        lines.write(world, invoice, line, subscription=subscription["id"] if subscription else None)
    used = given.get("discounts")
    if used is None:
        used = discounts.in_force(world, subscription, customer) if subscription else []
    _discount(world, invoice, used)
    add_up(world, invoice)
    return invoice


def _parent(subscription: Obj | None, proration_date: int | None) -> Obj | None:
    if subscription is None:
        return None
    details: Obj = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    if proration_date is not None:
        details["subscription_proration_date"] = proration_date
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}


def _blank(world: World, customer: Obj) -> Obj:
    nothing = (
        "account_tax_ids", "application", "automatically_finalizes_at", "custom_fields",
        "customer_account", "customer_shipping", "default_source", "due_date", "effective_at",
        "ending_balance", "footer", "from_invoice", "hosted_invoice_url", "invoice_pdf",
        "last_finalization_error", "latest_revision", "next_payment_attempt", "number",
        "on_behalf_of", "receipt_number", "shipping_cost", "shipping_details",
        "statement_descriptor", "test_clock", "webhooks_delivered_at",
    )  # fmt: skip
    zero = ("amount_due", "amount_overpaid", "amount_paid", "amount_remaining", "amount_shipping",
            "attempt_count", "post_payment_credit_notes_amount", "pre_payment_credit_notes_amount",
            "subtotal", "total")  # fmt: skip
    return {
        **dict.fromkeys(nothing),
        **dict.fromkeys(zero, 0),
        "account_country": world.country,
        "account_name": "Tokengate",
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None,
                          "provider": None, "status": None},
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "default_tax_rates": [],
        "discounts": [],
        "issuer": {"type": "self"},
        "payment_settings": {"default_mandate": None, "payment_method_options": None,
                             "payment_method_types": None},
        "rendering": None,
        "starting_balance": customer["balance"],
        "status": "draft",
        "status_transitions": dict.fromkeys(
            ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
        ),
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "_lines": [],
        "_payments": [],
        "_intent": None,
        "_retries": 0,
        "_retry": True,
    }  # fmt: skip


def lines_of(world: World, invoice: Obj) -> list[Obj]:
    return [world.store.objects[ident] for ident in invoice["_lines"]]


def _discount(world: World, invoice: Obj, used: list[Obj]) -> None:
    rows = lines_of(world, invoice)
    for discount, parts in discounts.shares(world, used, [row["amount"] for row in rows]):
        invoice["discounts"].append(discount["id"])
        total = {"amount": sum(parts), "discount": discount["id"]}
        invoice["total_discount_amounts"].append(total)
        for row, part in zip(rows, parts, strict=True):
            row["discount_amounts"].append({"amount": part, "discount": discount["id"]})


def add_up(world: World, invoice: Obj) -> None:
    """Compute the totals, including the customer's balance (a credit is negative)."""
    subtotal = sum(row["amount"] for row in lines_of(world, invoice))
    total = subtotal - sum(one["amount"] for one in invoice["total_discount_amounts"])
    due = max(total + invoice["starting_balance"], 0)
    due = due if due >= _SMALLEST else 0
    invoice.update(subtotal=subtotal, subtotal_excluding_tax=subtotal, total=total)
    invoice.update(total_excluding_tax=total, amount_due=due, amount_remaining=due)


def announce(world: World, invoice: Obj, *, finalizes_in: int | None = None) -> None:
    """Send the event of a draft, and set when it is finalized."""
    if finalizes_in is not None:
        invoice["automatically_finalizes_at"] = world.now() + finalizes_in
    world.emit("invoice.created", invoice)


def finalize(world: World, invoice: Obj, *, intends: bool = True) -> None:
    """Assign the number and the PaymentIntent. An invoice of 0 is paid at once."""
    if invoice["status"] != "draft":
        message = "This invoice is already finalized, you can't re-finalize a non-draft invoice."
        raise invalid(message, code="invoice_not_editable")
    customer = world.store.get("customer", invoice["customer"])
    invoice["starting_balance"] = customer["balance"]
    add_up(world, invoice)
    _use_balance(world, invoice, customer)
    number = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] = number + 1
    page = f"{world.base_url}/i/{ACCOUNT_ID}/test_{scramble(invoice['id'], length=40)}"
    invoice.update(
        automatically_finalizes_at=None,
        effective_at=world.now(),
        hosted_invoice_url=page,
        invoice_pdf=f"{page}/pdf",
        number=f"{customer['invoice_prefix']}-{number:04d}",
        status="open",
    )
    invoice["status_transitions"]["finalized_at"] = world.now()
    if invoice["amount_due"]:
        _intend(world, invoice, customer)
    world.emit("invoice.finalized", invoice)
    if not invoice["amount_due"]:
        mark_paid(world, invoice)


def _use_balance(world: World, invoice: Obj, customer: Obj) -> None:
    ending = invoice["total"] + customer["balance"] - invoice["amount_due"]
    invoice["ending_balance"] = ending
    if ending != customer["balance"]:
        with world.changing(customer, "customer.updated"):
            customer["balance"] = ending


def _intend(world: World, invoice: Obj, customer: Obj) -> None:
    intent = payments.new_intent(
        world,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=customer["id"],
        description="Subscription update"
        if invoice["billing_reason"] == "subscription_update"
        else "Subscription creation",
        invoice=invoice["id"],
        payment_method=_method_id(world, invoice, customer),
        setup_future_usage="off_session",
    )
    payment = world.new(
        "invoice_payment",
        "inpay",
        amount_paid=None,
        amount_requested=invoice["amount_due"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"payment_intent": intent["id"], "type": "payment_intent"},
        status="open",
        status_transitions={"canceled_at": None, "paid_at": None},
    )
    invoice["_intent"] = intent["id"]
    invoice["_payments"].append(payment["id"])


def _method_id(world: World, invoice: Obj, customer: Obj) -> str | None:
    subscription = standing.of_invoice(world, invoice)
    own = subscription["default_payment_method"] if subscription else None
    default = customer["invoice_settings"]["default_payment_method"]
    found: str | None = invoice["default_payment_method"] or own or default
    return found


def method_of(world: World, invoice: Obj) -> Obj | None:
    """Return the card to charge: the invoice's, else the subscription's, else the customer's."""
    customer = world.store.get("customer", invoice["customer"])
    return world.store.find("payment_method", _method_id(world, invoice, customer))


def collect(
    world: World, invoice: Obj, *, method: Obj | None = None, authenticated: bool = False
) -> str:
    """Charge it, and apply the consequences; return the PaymentIntent's status."""
    method = method or method_of(world, invoice)
    invoice["attempt_count"] += 1
    invoice["attempted"] = True
    if method is None:
        return follow(world, invoice, "requires_payment_method")
    intent = world.store.objects[invoice["_intent"]]
    return follow(
        world, invoice, payments.attempt(world, intent, method, authenticated=authenticated)
    )


def follow(world: World, invoice: Obj, status: str) -> str:
    """Apply the new ``status`` of the PaymentIntent of an open invoice."""
    if status == "succeeded":
        mark_paid(world, invoice)
        return status
    _plan_retry(world, invoice)
    if status == "requires_action":
        world.emit("invoice.payment_action_required", invoice)
    world.emit("invoice.payment_failed", invoice)
    customer = world.store.get("customer", invoice["customer"])
    with world.changing(customer, "customer.updated"):
        customer["delinquent"] = True
    standing.failed(world, invoice)
    return status


def _plan_retry(world: World, invoice: Obj) -> None:
    days, done = world.settings.retry_days, invoice["_retries"]
    again = invoice["_retry"] and done < len(days)
    invoice["next_payment_attempt"] = world.now() + int(days[done] * DAY) if again else None


def mark_paid(world: World, invoice: Obj, *, outside: bool = False) -> None:
    """Mark it as paid: by its PaymentIntent, by the balance, or ``outside`` of Stripe."""
    invoice.update(
        status="paid",
        attempted=True,
        auto_advance=False,
        amount_paid=invoice["amount_due"],
        amount_paid_off_stripe=invoice["amount_due"] if outside else 0,
        amount_remaining=0,
        next_payment_attempt=None,
    )
    invoice["status_transitions"]["paid_at"] = world.now()
    method = _settle_payments(world, invoice, paid=not outside)
    for kind in ("invoice.paid", "invoice.payment_succeeded"):
        world.emit(kind, invoice)
    _clear_delinquency(world, invoice)
    standing.paid(world, invoice, method=method)


def _settle_payments(world: World, invoice: Obj, *, paid: bool) -> str | None:
    method = None
    for payment in (world.store.objects[ident] for ident in invoice["_payments"]):
        intent = world.store.objects[invoice["_intent"]]
        if paid:
            payment.update(status="paid", amount_paid=invoice["amount_paid"])
            payment["status_transitions"]["paid_at"] = world.now()
            method = intent["payment_method"]
            world.emit("invoice_payment.paid", payment)
        else:
            payment["status"] = "canceled"
            payment["status_transitions"]["canceled_at"] = world.now()
            payments.cancel(world, intent, reason="void_invoice")
    return method


def _clear_delinquency(world: World, invoice: Obj) -> None:
    customer = world.store.get("customer", invoice["customer"])
    owed = any(
        one["status"] == "open" and one["customer"] == customer["id"] and one["attempted"]
        for one in world.store.newest_first("invoice")
    )
    with world.changing(customer, "customer.updated"):
        customer["delinquent"] = customer["delinquent"] and owed


def void(world: World, invoice: Obj) -> None:
    if invoice["status"] not in ("open", "uncollectible"):
        raise invalid("You can only pass in open or uncollectible invoices.",
                      code="invoice_not_editable")  # fmt: skip
    invoice.update(status="void", auto_advance=False, next_payment_attempt=None)
    invoice["status_transitions"]["voided_at"] = world.now()
    _settle_payments(world, invoice, paid=False)
    world.emit("invoice.voided", invoice)


def decline_of(world: World, invoice: Obj) -> ApiError:
    """Return the 402 of the last attempt to pay."""
    intent = world.store.objects[invoice["_intent"]]
    if intent["status"] == "requires_action":
        message = (
            "Payment for this invoice requires additional user action before it can be completed "
            "successfully. Payment can be completed using the PaymentIntent associated with the "
            "invoice."
        )
        code = "invoice_payment_intent_requires_action"
        return ApiError(402, message, code=code, extra={"payment_intent": world.show(intent)})
    error = intent["last_payment_error"]
    extra = {
        key: error[key] for key in ("decline_code", "charge", "payment_method") if key in error
    }
    extra["payment_intent"] = world.show(intent)
    return ApiError(402, error["message"], code=error["code"], extra=extra)
