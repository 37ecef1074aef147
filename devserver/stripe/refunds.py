"""Charges, refunds and disputes."""

from devserver.stripe import listing, payments
from devserver.stripe.errors import invalid, required
from devserver.stripe.metadata import merged
from devserver.stripe.store import Obj
from devserver.stripe.world import World

_FEE = 1500  # of a dispute
_BACK_TO_CARD = {
    "reference": "8012345678901234",
    "reference_status": "available",
    "reference_type": "acquirer_reference_number",
    "type": "refund",
}
_DISPUTED_CARD = {
    "brand": "visa",
    "case_type": "chargeback",
    "network": "visa",
    "network_reason_code": "10",
}


def retrieve_charge(world: World, params: Obj, *, charge: str) -> Obj:
    return world.store.get("charge", charge)


def list_charges(world: World, params: Obj) -> Obj:
    rows = world.store.newest_first("charge")
    found = listing.matching(rows, params, "customer", "payment_intent")
    return listing.page(world, found, params, url="/v1/charges")


def create(world: World, params: Obj) -> Obj:
    charge = _charge_of(world, params)
    left = charge["amount"] - charge["amount_refunded"]
    amount = params.get("amount", left)
    _check(charge, amount, left)
    refund = world.new(
        "refund",
        "re",
        amount=amount,
        balance_transaction=None,
        charge=charge["id"],
        currency=charge["currency"],
        customer=charge["customer"],
        destination_details={"card": dict(_BACK_TO_CARD), "type": "card"},
        metadata=merged({}, params.get("metadata") or {}),
        payment_intent=charge["payment_intent"],
        payment_method=charge["payment_method"],
        reason=params.get("reason"),
        receipt_number=None,
        source_transfer_reversal=None,
        status="succeeded",
        transfer_reversal=None,
    )  # fmt: skip
    del refund["livemode"]
    moved = payments.balance(world, kind="refund", source=refund, amount=-amount)
    refund["balance_transaction"] = moved["id"]
    with world.changing(charge, "charge.refunded"):
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.emit("refund.created", refund)
    return refund


def _charge_of(world: World, params: Obj) -> Obj:
    if ident := params.get("charge"):
        return world.store.get("charge", ident, param="charge")
    if "payment_intent" not in params:
        raise required("charge")
    intent = world.store.get("payment_intent", params["payment_intent"], param="payment_intent")
    if intent["status"] != "succeeded":
        message = (
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        )
        raise invalid(message, param="payment_intent")
    return world.store.objects[intent["latest_charge"]]


def _check(charge: Obj, amount: int, left: int) -> None:
    if charge["disputed"]:
        raise invalid(f"Charge {charge['id']} has been charged back; cannot issue a refund.",
                      code="charge_disputed")  # fmt: skip
    if charge["refunded"]:
        raise invalid(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if not charge["paid"]:
        raise invalid(f"Charge {charge['id']} failed; it cannot be refunded.")
    if amount < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if amount > left:
        message = (
            f"Refund amount (${amount / 100:.2f}) is greater than unrefunded amount on charge "
            f"(${left / 100:.2f})"
        )
        raise invalid(message, param="amount")


def retrieve(world: World, params: Obj, *, refund: str) -> Obj:
    return world.store.get("refund", refund)


def index(world: World, params: Obj) -> Obj:
    rows = world.store.newest_first("refund")
    found = listing.matching(rows, params, "charge", "payment_intent")
    return listing.page(world, found, params, url="/v1/refunds")


def dispute(
    world: World, charge: Obj, *, reason: str = "fraudulent", amount: int | None = None
) -> Obj:
    """Dispute a charge, as a payer does at the bank: the amount and a fee are withdrawn."""
    taken = charge["amount"] - charge["amount_refunded"] if amount is None else amount
    made = world.new(
        "dispute",
        "du",
        amount=taken,
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence=_no_evidence(),
        evidence_details={
            "due_by": world.in_days(9),
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        is_charge_refundable=False,
        metadata={},
        network_reason_code="10",
        payment_intent=charge["payment_intent"],
        payment_method_details={"card": dict(_DISPUTED_CARD), "type": "card"},
        reason=reason,
        status="needs_response",
    )  # fmt: skip
    moved = payments.balance(world, kind="adjustment", source=made, amount=-taken, fee=_FEE)
    made["balance_transactions"] = [world.show(moved)]
    with world.changing(charge, "charge.updated"):
        charge["disputed"] = True
    world.emit("charge.dispute.created", made)
    world.emit("charge.dispute.funds_withdrawn", made)
    return made


def close_dispute(world: World, made: Obj, *, status: str) -> Obj:
    """Close the dispute: ``won`` (the amount is returned) or ``lost``."""
    if status not in ("won", "lost"):
        raise invalid("A dispute is won or lost.", param="status")
    with world.changing(made, "charge.dispute.closed"):
        made["status"] = status
    if status == "won":
        moved = payments.balance(world, kind="adjustment", source=made, amount=made["amount"])
        made["balance_transactions"].append(world.show(moved))
        world.emit("charge.dispute.funds_reinstated", made)
    return made


def _no_evidence() -> Obj:
    nothing = (
        "access_activity_log", "billing_address", "cancellation_policy",
        "cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication",
        "customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature",
        "duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id",
        "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
        "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address",
        "shipping_carrier", "shipping_date", "shipping_documentation", "shipping_tracking_number",
        "uncategorized_file", "uncategorized_text",
    )  # fmt: skip
    return {**dict.fromkeys(nothing), "enhanced_evidence": {}}


def retrieve_dispute(world: World, params: Obj, *, dispute: str) -> Obj:
    return world.store.get("dispute", dispute)


def list_disputes(world: World, params: Obj) -> Obj:
    rows = world.store.newest_first("dispute")
    found = listing.matching(rows, params, "charge", "payment_intent")
    return listing.page(world, found, params, url="/v1/disputes")


def retrieve_balance_transaction(world: World, params: Obj, *, transaction: str) -> Obj:
    return world.store.get("balance_transaction", transaction)


def list_balance_transactions(world: World, params: Obj) -> Obj:
    rows = world.store.newest_first("balance_transaction")
    found = listing.matching(rows, params, "type", "source", "currency")
    return listing.page(world, found, params, url="/v1/balance_transactions")
