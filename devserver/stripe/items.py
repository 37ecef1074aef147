"""The items of a subscription, and their period."""

from devserver.stripe import periods
from devserver.stripe.errors import invalid, required
from devserver.stripe.lines import Part, Period
from devserver.stripe.metadata import merged
from devserver.stripe.store import Obj
from devserver.stripe.world import World


def of(world: World, subscription: Obj) -> list[Obj]:
    return [world.store.objects[ident] for ident in subscription["_items"]]


def parts_of(world: World, subscription: Obj) -> list[Part]:
    return [
        Part(world.store.objects[item["price"]], item["quantity"], item["id"], item["metadata"])
        for item in of(world, subscription)
    ]


def period_of(world: World, subscription: Obj) -> Period:
    first = of(world, subscription)[0]
    return first["current_period_start"], first["current_period_end"]


def asked_for(world: World, given: list[Obj], *, param: str = "items") -> list[Part]:
    """Return the parts of a new subscription; raise ApiError if they are invalid."""
    if not given:
        raise required(param)
    parts = [_part(world, entry, f"{param}[{index}]") for index, entry in enumerate(given)]
    return _checked(parts)


def _part(world: World, entry: Obj, param: str) -> Part:
    if "price" not in entry:
        raise required(f"{param}[price]")
    price = world.store.get("price", entry["price"], param=f"{param}[price]")
    if not price["active"]:
        raise invalid("The price specified is inactive. This field only accepts active prices.",
                      param=f"{param}[price]")  # fmt: skip
    if price["recurring"] is None:
        message = (
            "The price specified is set to `type=one_time` but this field only accepts prices with "
            "`type=recurring`."
        )
        raise invalid(message, param=f"{param}[price]")
    return Part(price, entry.get("quantity", 1), "", merged({}, entry.get("metadata") or {}))


def _checked(parts: list[Part]) -> list[Part]:
    if len({part.price["id"] for part in parts}) < len(parts):
        raise invalid("Cannot add multiple subscription items with the same plan.", param="items")
    if len({part.price["currency"] for part in parts}) > 1:
        raise invalid("All prices of a subscription must have the same currency.", param="items")
    if len({rhythm([part]) for part in parts}) > 1:
        message = "All prices on a subscription must have the same `recurring.interval`."
        raise invalid(message, param="items")
    return parts


def rhythm(parts: list[Part]) -> tuple[str, int]:
    """Return the interval and its count."""
    recurring = parts[0].price["recurring"]
    return recurring["interval"], recurring["interval_count"]


def changed_to(world: World, subscription: Obj, given: list[Obj]) -> list[Part]:
    """Return the parts of the subscription after an update's ``items``."""
    parts = {part.item: part for part in parts_of(world, subscription)}
    added = []
    for index, entry in enumerate(given):
        param = f"items[{index}]"
        if "id" not in entry:
            added.append(_part(world, entry, param))
        elif entry["id"] not in parts:
            message = f"No such subscription item: '{entry['id']}'"
            raise invalid(message, param=f"{param}[id]", code="resource_missing")
        elif entry.get("deleted"):
            del parts[entry["id"]]
        else:
            parts[entry["id"]] = _changed(world, parts[entry["id"]], entry, param)
    together = [*parts.values(), *added]
    if not together:
        raise invalid("A subscription must have at least one active plan.", param="items")
    return _checked(together)


def _changed(world: World, part: Part, entry: Obj, param: str) -> Part:
    price = part.price
    if "price" in entry:
        price = _part(world, {"price": entry["price"]}, param).price
    metadata = merged(part.metadata, entry["metadata"]) if "metadata" in entry else part.metadata
    return Part(price, entry.get("quantity", part.quantity), part.item, metadata)


def replace(world: World, subscription: Obj, parts: list[Part]) -> None:
    """Set the subscription's ``parts`` in its current period."""
    old = {item["id"]: item for item in of(world, subscription)}
    period = period_of(world, subscription) if old else (world.now(), world.now())
    kept = {part.item for part in parts}
    for ident in old.keys() - kept:
        world.store.remove(old[ident])
    subscription["_items"] = [
        _kept(old[part.item], part)
        if part.item in old
        else _made(world, subscription, part, period)
        for part in parts
    ]


def _kept(item: Obj, part: Part) -> str:
    changes = {
        "price": part.price["id"],
        "quantity": part.quantity,
        "metadata": part.metadata or {},
    }
    item.update(changes)
    ident: str = item["id"]
    return ident


def _made(world: World, subscription: Obj, part: Part, period: Period) -> str:
    item = world.new(
        "subscription_item",
        "si",
        billed_until=period[1],
        billing_thresholds=None,
        current_period_start=period[0],
        current_period_end=period[1],
        discounts=[],
        metadata=part.metadata or {},
        price=part.price["id"],
        quantity=part.quantity,
        subscription=subscription["id"],
        tax_rates=[],
    )
    del item["livemode"]
    ident: str = item["id"]
    return ident


def set_period(world: World, subscription: Obj, start: int, end: int) -> None:
    for item in of(world, subscription):
        item.update(current_period_start=start, current_period_end=end, billed_until=end)


def start_period(world: World, subscription: Obj, start: int, *, reset: bool = False) -> Period:
    """Begin a period at ``start``; ``reset`` lays out all to come from there."""
    if reset:
        subscription["billing_cycle_anchor"] = start
    interval, count = rhythm(parts_of(world, subscription))
    anchor = subscription["billing_cycle_anchor"]
    end = periods.end_after(start, anchor=anchor, interval=interval, count=count)
    set_period(world, subscription, start, end)
    return start, end


def stored(parts: list[Part]) -> list[Obj]:
    """Return ``parts`` as plain data, to be stored in an object."""
    return [
        {"price": p.price["id"], "quantity": p.quantity, "item": p.item, "metadata": p.metadata}
        for p in parts
    ]


def stored_parts(world: World, kept: list[Obj]) -> list[Part]:
    return [
        Part(world.store.objects[one["price"]], one["quantity"], one["item"], one["metadata"])
        for one in kept
    ]
