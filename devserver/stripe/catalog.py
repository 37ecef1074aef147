"""Products and prices."""

from typing import Any

from devserver.stripe import listing
from devserver.stripe.errors import ApiError, invalid, required
from devserver.stripe.metadata import merged
from devserver.stripe.store import Obj
from devserver.stripe.world import World

_PRODUCT = ("active", "description", "name", "images", "marketing_features", "statement_descriptor",
            "tax_code", "unit_label", "url", "shippable", "package_dimensions")  # fmt: skip


def create_product(world: World, params: Obj) -> Obj:
    ident = params.get("id")
    if ident and ident in world.store.objects:
        raise invalid(
            f"Product already exists: {ident}", code="resource_already_exists", param="id"
        )
    blank = dict.fromkeys(_PRODUCT)
    product = world.new(
        "product",
        "prod",
        id=ident,
        **{**blank, "active": True, "images": [], "marketing_features": []},
        default_price=None,
        metadata={},
        type="service",
        updated=world.now(),
    )
    _write_product(world, product, params)
    world.emit("product.created", product)
    if data := params.get("default_price_data"):
        price = create_price(world, {**data, "product": product["id"]})
        product["default_price"] = price["id"]
    return product


def _write_product(world: World, product: Obj, params: Obj) -> None:
    product.update({key: params[key] for key in _PRODUCT if key in params})
    if "metadata" in params:
        product["metadata"] = merged(product["metadata"], params["metadata"])
    if "default_price" in params:
        product["default_price"] = (
            params["default_price"]
            and world.store.get("price", params["default_price"], param="default_price")["id"]
        )
    product["updated"] = world.now()


def retrieve_product(world: World, params: Obj, *, product: str) -> Obj:
    return world.store.get("product", product)


def update_product(world: World, params: Obj, *, product: str) -> Obj:
    found = world.store.get("product", product)
    with world.changing(found, "product.updated"):
        _write_product(world, found, params)
    return found


def delete_product(world: World, params: Obj, *, product: str) -> Obj:
    found = world.store.get("product", product)
    if any(price["product"] == product for price in world.store.newest_first("price")):
        raise invalid(
            "This product cannot be deleted because it has one or more user-created prices."
        )
    world.store.remove(found)
    world.emit("product.deleted", _adopted(world, found))
    return {"id": product, "object": "product", "deleted": True}


def _adopted(world: World, obj: Obj) -> Obj:
    return obj


def list_products(world: World, params: Obj) -> Obj:
    found = listing.matching(world.store.newest_first("product"), params, "active", "url")
    if ids := params.get("ids"):
        found = (row for row in found if row["id"] in ids)
    return listing.page(world, found, params, url="/v1/products")


def search_products(world: World, params: Obj) -> Obj:
    rows = world.store.newest_first("product")
    return listing.search(world, rows, params, url="/v1/products/search")


# Prices.


def create_price(world: World, params: Obj) -> Obj:
    amount = _amount(params)
    product = _product_of(world, params)
    if key := params.get("lookup_key"):
        _claim(world, key, transfer=params.get("transfer_lookup_key", False))
    recurring = params.get("recurring")
    price = world.new(
        "price",
        "price",
        active=params.get("active", True),
        billing_scheme=params.get("billing_scheme", "per_unit"),
        currency=params["currency"].lower(),
        custom_unit_amount=None,
        lookup_key=params.get("lookup_key"),
        metadata=merged({}, params.get("metadata") or {}),
        nickname=params.get("nickname"),
        product=product["id"],
        recurring=_recurring(recurring) if recurring else None,
        tax_behavior=params.get("tax_behavior", "unspecified"),
        tiers_mode=None,
        transform_quantity=None,
        type="recurring" if recurring else "one_time",
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )
    world.emit("price.created", price)
    return price


def _amount(params: Obj) -> int:
    amount = params.get("unit_amount")
    if amount is None and "unit_amount_decimal" in params:
        amount = int(params["unit_amount_decimal"])
    if amount is None:
        raise required("unit_amount")
    if amount < 0:
        raise invalid("Invalid non-negative integer", param="unit_amount",
                      code="parameter_invalid_integer")  # fmt: skip
    return int(amount)


def _product_of(world: World, params: Obj) -> Obj:
    if data := params.get("product_data"):
        return create_product(world, data)
    if "product" not in params:
        raise required("product")
    return world.store.get("product", params["product"], param="product")


def _recurring(given: Obj) -> Obj:
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": given.get("meter"),
        "trial_period_days": given.get("trial_period_days"),
        "usage_type": given.get("usage_type", "licensed"),
    }


def _claim(world: World, key: str, *, transfer: bool) -> None:
    for price in world.store.newest_first("price"):
        if price["lookup_key"] != key:
            continue
        if not transfer:
            message = (
                f"A price ({price['id']}) already uses that lookup key. If you want to transfer "
                "this key to the new price, set `transfer_lookup_key=true`."
            )
            raise ApiError(400, message, param="lookup_key")
        with world.changing(price, "price.updated"):
            price["lookup_key"] = None


def retrieve_price(world: World, params: Obj, *, price: str) -> Obj:
    return world.store.get("price", price)


def update_price(world: World, params: Obj, *, price: str) -> Obj:
    found = world.store.get("price", price)
    key = params.get("lookup_key")
    if key and key != found["lookup_key"]:
        _claim(world, key, transfer=params.get("transfer_lookup_key", False))
    with world.changing(found, "price.updated"):
        for name in ("active", "lookup_key", "nickname", "tax_behavior"):
            if name in params:
                found[name] = params[name]
        if "metadata" in params:
            found["metadata"] = merged(found["metadata"], params["metadata"])
    return found


def list_prices(world: World, params: Obj) -> Obj:
    same = ("active", "currency", "product", "type")
    found = listing.matching(world.store.newest_first("price"), params, *same)
    if "lookup_keys" in params:
        found = (row for row in found if row["lookup_key"] in params["lookup_keys"])
    if wanted := params.get("recurring"):
        found = (row for row in found if _recurs_as(row, wanted))
    return listing.page(world, found, params, url="/v1/prices")


def _recurs_as(price: Obj, wanted: dict[str, Any]) -> bool:
    recurring = price["recurring"] or {}
    return all(recurring.get(key) == value for key, value in wanted.items())


def search_prices(world: World, params: Obj) -> Obj:
    return listing.search(world, world.store.newest_first("price"), params, url="/v1/prices/search")
