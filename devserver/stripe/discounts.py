"""Coupons, promotion codes, and the discounts of customers."""

import contextlib
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from devserver.stripe import listing, periods
from devserver.stripe.errors import ApiError, invalid, required
from devserver.stripe.metadata import merged
from devserver.stripe.store import Obj, scramble
from devserver.stripe.world import World


def create_coupon(world: World, params: Obj) -> Obj:
    percent, amount = params.get("percent_off"), params.get("amount_off")
    if (percent is None) == (amount is None):
        raise invalid("You must pass either `percent_off` or `amount_off`, and not both.")
    if amount is not None and "currency" not in params:
        raise required("currency")
    if percent is not None and not 0 < percent <= 100:
        raise invalid("percent_off must be greater than 0 and at most 100.", param="percent_off")
    ident = params.get("id") or scramble(world.store.new_id("coupon"), length=8)
    if ident in world.store.objects:
        raise invalid("Coupon already exists.", code="resource_already_exists", param="id")
    duration = params.get("duration", "once")
    if duration == "repeating" and "duration_in_months" not in params:
        raise required("duration_in_months")
    coupon = world.new(
        "coupon",
        "coupon",
        id=ident,
        amount_off=amount,
        currency=params["currency"].lower() if amount is not None else None,
        duration=duration,
        duration_in_months=params.get("duration_in_months"),
        max_redemptions=params.get("max_redemptions"),
        metadata=merged({}, params.get("metadata") or {}),
        name=params.get("name"),
        percent_off=percent,
        redeem_by=params.get("redeem_by"),
        times_redeemed=0,
        valid=True,
        _products=(params.get("applies_to") or {}).get("products", []),
    )
    world.emit("coupon.created", coupon)
    return coupon


def retrieve_coupon(world: World, params: Obj, *, coupon: str) -> Obj:
    return world.store.get("coupon", coupon)


def update_coupon(world: World, params: Obj, *, coupon: str) -> Obj:
    found = world.store.get("coupon", coupon)
    with world.changing(found, "coupon.updated"):
        found["name"] = params.get("name", found["name"])
        if "metadata" in params:
            found["metadata"] = merged(found["metadata"], params["metadata"])
    return found


def delete_coupon(world: World, params: Obj, *, coupon: str) -> Obj:
    found = world.store.get("coupon", coupon)
    world.emit("coupon.deleted", found)
    found["valid"] = False
    found["deleted"] = True
    return {"id": coupon, "object": "coupon", "deleted": True}


def list_coupons(world: World, params: Obj) -> Obj:
    alive = (one for one in world.store.newest_first("coupon") if not one.get("deleted"))
    return listing.page(world, alive, params, url="/v1/coupons")


def create_promotion_code(world: World, params: Obj) -> Obj:
    given = params["promotion"]
    if "coupon" not in given:
        raise required("promotion[coupon]")
    coupon = world.store.get("coupon", given["coupon"], param="promotion[coupon]")
    code = params.get("code") or scramble(world.store.new_id("code"), length=8).upper()
    if any(one["active"] for one in _with_code(world, code)):
        message = f"An active promotion code with `code: {code}` already exists."
        raise invalid(message, param="code")
    restrictions = params.get("restrictions") or {}
    made = world.new(
        "promotion_code",
        "promo",
        active=params.get("active", True),
        code=code,
        customer=params.get("customer"),
        customer_account=None,
        expires_at=params.get("expires_at"),
        max_redemptions=params.get("max_redemptions"),
        metadata=merged({}, params.get("metadata") or {}),
        restrictions={
            "first_time_transaction": restrictions.get("first_time_transaction", False),
            "minimum_amount": restrictions.get("minimum_amount"),
            "minimum_amount_currency": restrictions.get("minimum_amount_currency"),
        },
        times_redeemed=0,
        _coupon=coupon["id"],
    )
    world.emit("promotion_code.created", made)
    return made


def _with_code(world: World, code: str) -> list[Obj]:
    rows = world.store.newest_first("promotion_code")
    return [row for row in rows if row["code"].lower() == code.lower()]


def retrieve_promotion_code(world: World, params: Obj, *, promotion_code: str) -> Obj:
    return world.store.get("promotion_code", promotion_code)


def update_promotion_code(world: World, params: Obj, *, promotion_code: str) -> Obj:
    found = world.store.get("promotion_code", promotion_code)
    with world.changing(found, "promotion_code.updated"):
        found["active"] = params.get("active", found["active"])
        if "metadata" in params:
            found["metadata"] = merged(found["metadata"], params["metadata"])
    return found


def list_promotion_codes(world: World, params: Obj) -> Obj:
    rows = listing.matching(
        world.store.newest_first("promotion_code"), params, "active", "customer"
    )
    if code := params.get("code"):
        rows = [row for row in rows if row["code"].lower() == code.lower()]
    if coupon := params.get("coupon"):
        rows = [row for row in rows if row["_coupon"] == coupon]
    return listing.page(world, rows, params, url="/v1/promotion_codes")


def promotion_by_code(world: World, code: str) -> Obj:
    """Return the active promotion code that a payer entered; raise ApiError if there is none."""
    for found in _with_code(world, code.strip()):
        with contextlib.suppress(ApiError):
            _check_promotion(world, found)
            return found
    raise invalid("This code is invalid.", param="promotion_code")


# The discount of one customer or subscription.


def create(world: World, given: Obj, *, customer: str, subscription: str | None = None) -> Obj:
    """Redeem ``given`` (a coupon, promotion code or discount); raise ApiError if it is invalid."""
    if known := given.get("discount"):
        return world.store.get("discount", known, param="discounts")
    coupon, promotion = redeemable(world, given)
    _count(world, coupon, promotion)
    made = world.new(
        "discount",
        "di",
        checkout_session=None,
        customer=customer,
        customer_account=None,
        end=_end(coupon, world.now()),
        invoice=None,
        invoice_item=None,
        promotion_code=promotion["id"] if promotion else None,
        source={"coupon": coupon["id"], "type": "coupon"},
        start=world.now(),
        subscription=subscription,
        subscription_item=None,
    )
    for key in ("created", "livemode"):
        del made[key]
    world.emit("customer.discount.created", made)
    return made


def redeemable(world: World, given: Obj) -> tuple[Obj, Obj | None]:
    """Return the coupon and the promotion code, if any; raise ApiError if it is invalid."""
    if ident := given.get("promotion_code"):
        promotion = world.store.get("promotion_code", ident, param="discounts[0][promotion_code]")
        _check_promotion(world, promotion)
        return world.store.objects[promotion["_coupon"]], promotion
    if "coupon" not in given:
        raise required("discounts[0][coupon]")
    coupon = world.store.get("coupon", given["coupon"], param="discounts[0][coupon]")
    _check_coupon(world, coupon)
    return coupon, None


def _check_promotion(world: World, promotion: Obj) -> None:
    over = promotion["expires_at"] is not None and promotion["expires_at"] <= world.now()
    if not promotion["active"] or over or _used_up(promotion):
        message = (
            f"This promotion code cannot be redeemed because it is not active: {promotion['code']}"
        )
        raise invalid(message, param="promotion_code")
    _check_coupon(world, world.store.objects[promotion["_coupon"]])


def _check_coupon(world: World, coupon: Obj) -> None:
    over = coupon["redeem_by"] is not None and coupon["redeem_by"] <= world.now()
    if not coupon["valid"] or over or _used_up(coupon):
        raise invalid(f"Coupon {coupon['id']} is expired and cannot be applied.", param="coupon",
                      code="coupon_expired")  # fmt: skip


def _used_up(row: Obj) -> bool:
    most = row["max_redemptions"]
    return most is not None and row["times_redeemed"] >= most


def _count(world: World, coupon: Obj, promotion: Obj | None) -> None:
    for row in filter(None, (coupon, promotion)):
        row["times_redeemed"] += 1
    coupon["valid"] = not _used_up(coupon)


def _end(coupon: Obj, start: int) -> int | None:
    if coupon["duration"] != "repeating":
        return None
    return periods.step(start, interval="month", count=coupon["duration_in_months"])


def in_force(world: World, subscription: Obj, customer: Obj) -> list[Obj]:
    """Return the discounts of the next invoice: the subscription's, or else the customer's."""
    own = subscription["discounts"] or list(filter(None, [customer["discount"]]))
    found = [world.store.objects[ident] for ident in own]
    return [one for one in found if one["end"] is None or one["end"] > world.now()]


def coupon_of(world: World, discount: Obj) -> Obj:
    return world.store.objects[discount["source"]["coupon"]]


def share(coupon: Obj, amounts: list[int]) -> list[int]:
    """Return the coupon's reduction of each of ``amounts`` (in cents; negative for credits)."""
    if coupon["percent_off"] is not None:
        rate = Decimal(str(coupon["percent_off"])) / 100
        return [int((amount * rate).quantize(Decimal(1), ROUND_HALF_UP)) for amount in amounts]
    left, taken = min(coupon["amount_off"], max(sum(amounts), 0)), []
    for amount in amounts:
        part = min(max(amount, 0), left)
        taken.append(part)
        left -= part
    return taken


def end_once(world: World, subscription: Obj, used: list[Obj]) -> None:
    """End the discounts that apply to one invoice only."""
    spent = {one["id"] for one in used if coupon_of(world, one)["duration"] == "once"}
    if spent & set(subscription["discounts"]):
        with world.changing(subscription, "customer.subscription.updated"):
            subscription["discounts"] = [
                one for one in subscription["discounts"] if one not in spent
            ]
    for ident in spent:
        world.emit("customer.discount.deleted", world.store.objects[ident])


Shares = list[tuple[Obj, list[int]]]


def shares(world: World, found: list[Obj], amounts: list[int]) -> Shares:
    """Return each discount's reduction of each amount, applied in sequence."""
    result: Shares = []
    left = list(amounts)
    for discount in found:
        taken = share(coupon_of(world, discount), left)
        left = [amount - part for amount, part in zip(left, taken, strict=True)]
        result.append((discount, taken))
    return result


def redeem_all(world: World, given: list[Obj] | None, subscription: Obj) -> list[str]:
    owner: dict[str, Any] = {
        "customer": subscription["customer"],
        "subscription": subscription["id"],
    }
    return [create(world, one, **owner)["id"] for one in given or []]
