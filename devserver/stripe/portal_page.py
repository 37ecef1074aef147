"""The billing portal's page: plan, card, invoices; cancel and resume."""

from datetime import UTC, datetime
from html import escape

from devserver.stripe import card_form, html, items, payment_methods, standing, subscriptions
from devserver.stripe import subscription_changes as changes
from devserver.stripe.errors import ApiError
from devserver.stripe.html import Page
from devserver.stripe.lines import every, money
from devserver.stripe.store import Obj
from devserver.stripe.world import World

Form = dict[str, str]


def show(world: World, ident: str, given: Form) -> Page:
    return _page(world, ident, message=None)


def post(world: World, ident: str, given: Form) -> Page:
    session = world.store.find("billing_portal.session", ident)
    if session is None:
        return _page(world, ident, message=None)
    try:
        _act(world, session, given)
    except ApiError as error:
        return _page(world, ident, message=error.message)
    return html.redirect(f"/p/session/{ident}")


def _act(world: World, session: Obj, given: Form) -> None:
    features = _features(world, session)
    action = given.get("action")
    if action == "card" and features["payment_method_update"]["enabled"]:
        _change_card(world, world.store.get("customer", session["customer"]), given)
        return
    subscription = world.store.get("subscription", given.get("subscription"))
    if subscription["customer"] != session["customer"]:
        raise ApiError(404, "There is no such subscription.")
    if action == "cancel" and features["subscription_cancel"]["enabled"]:
        _cancel(world, subscription, features["subscription_cancel"]["mode"])
    elif action == "resume":
        changes.update(world, {"cancel_at_period_end": False}, subscription=subscription["id"])
    elif action == "switch" and features["subscription_update"]["enabled"]:
        _switch(world, subscription, given, features["subscription_update"])


def _features(world: World, session: Obj) -> Obj:
    found: Obj = world.store.objects[session["configuration"]]["features"]
    return found


def _cancel(world: World, subscription: Obj, mode: str) -> None:
    if mode == "immediately":
        subscriptions.cancel(world, {}, subscription=subscription["id"])
    else:
        changes.update(world, {"cancel_at_period_end": True}, subscription=subscription["id"])


def _switch(world: World, subscription: Obj, given: Form, feature: Obj) -> None:
    item = items.of(world, subscription)[0]["id"]
    params = {
        "items": [{"id": item, "price": given.get("price")}],
        "proration_behavior": feature["proration_behavior"],
    }
    changes.update(world, params, subscription=subscription["id"])


def _change_card(world: World, customer: Obj, given: Form) -> None:
    method = card_form.read(world, given, email=customer["email"])
    payment_methods.attach_to(world, method, customer)
    with world.changing(customer, "customer.updated"):
        customer["invoice_settings"]["default_payment_method"] = method["id"]
    for subscription in _alive(world, customer["id"]):
        with world.changing(subscription, "customer.subscription.updated"):
            subscription["default_payment_method"] = method["id"]


def _alive(world: World, customer: str) -> list[Obj]:
    return [
        one
        for one in world.store.newest_first("subscription")
        if one["customer"] == customer and one["status"] not in standing.OVER
    ]


# The page.


def _page(world: World, ident: str, *, message: str | None) -> Page:
    session = world.store.find("billing_portal.session", ident)
    if session is None:
        body = "<h1>This link has expired.</h1><p>Go back and open the billing portal again.</p>"
        return html.page("Billing", body, status=404)
    features = _features(world, session)
    back = session["return_url"]
    link = f'<p><a href="{escape(back)}" data-testid="return">← Return</a></p>' if back else ""
    plans = "".join(_plan(world, one, features) for one in _alive(world, session["customer"]))
    customer = world.store.get("customer", session["customer"])
    body = f"""{link}<h1>Billing</h1><p class="soft">{escape(customer["email"] or "")}</p>
{html.problem(message)}<section><h2>Current plan</h2>{plans or "<p>No subscription.</p>"}</section>
{_cards(world, customer, features)}{_invoices(world, customer, features)}"""
    return html.page("Billing", body, status=402 if message else 200)


def day(moment: int) -> str:
    date = datetime.fromtimestamp(moment, UTC)
    return f"{date.day} {date:%B %Y}"


def _plan(world: World, subscription: Obj, features: Obj) -> str:
    rows = "".join(_item(world, item) for item in items.of(world, subscription))
    end = subscription["cancel_at"] or items.period_of(world, subscription)[1]
    verb = "Ends" if subscription["cancel_at"] else "Renews"
    status = subscription["status"].replace("_", " ")
    switches = _switches(world, subscription, features["subscription_update"])
    return f"""{rows}<p class="soft">{verb} on {day(end)} · {escape(status)}</p>
{_button(subscription, features)}{switches}"""


def _item(world: World, item: Obj) -> str:
    price = world.store.objects[item["price"]]
    name = world.store.objects[price["product"]]["name"]
    rate = f"{money(price['unit_amount'], price['currency'])} per {every(price['recurring'])}"
    return f'<div class="row"><strong>{escape(name)}</strong><span>{rate}</span></div>'


def _button(subscription: Obj, features: Obj) -> str:
    if subscription["cancel_at"]:
        return _action(subscription, "resume", "Don't cancel subscription")
    if features["subscription_cancel"]["enabled"]:
        return _action(subscription, "cancel", "Cancel subscription")
    return ""


def _action(subscription: Obj, action: str, words: str, *, price: str = "") -> str:
    hidden = f'<input type="hidden" name="subscription" value="{subscription["id"]}">'
    hidden += f'<input type="hidden" name="price" value="{escape(price)}">' if price else ""
    button = f'<button class="quiet" name="action" value="{action}">{escape(words)}</button>'
    return f'<form class="inline" method="post">{hidden}{button}</form> '


def _switches(world: World, subscription: Obj, feature: Obj) -> str:
    if not feature["enabled"]:
        return ""
    have = {item["price"] for item in items.of(world, subscription)}
    offered = [price for one in feature["products"] for price in one["prices"] if price not in have]
    return "".join(
        _action(subscription, "switch", f"Switch to {_offer(world, price)}", price=price)
        for price in offered
        if world.store.find("price", price)
    )


def _offer(world: World, ident: str) -> str:
    price = world.store.objects[ident]
    name = world.store.objects[price["product"]]["name"]
    return (
        f"{name}, {money(price['unit_amount'], price['currency'])} per {every(price['recurring'])}"
    )


def _cards(world: World, customer: Obj, features: Obj) -> str:
    default = customer["invoice_settings"]["default_payment_method"]
    rows = "".join(
        f'<div class="row"><span>{escape(one["card"]["brand"].title())} •••• {one["card"]["last4"]}'
        f"</span><span>{'default' if one['id'] == default else ''}</span></div>"
        for one in world.store.newest_first("payment_method")
        if one["customer"] == customer["id"]
    )
    form = ""
    if features["payment_method_update"]["enabled"]:
        form = f"""<details><summary>Update card</summary><form method="post">{html.card_fields({})}
<button class="wide" name="action" value="card">Save card</button></form>
{html.test_cards(fills=True)}</details>"""
    return f"<section><h2>Payment method</h2>{rows or '<p>No card saved.</p>'}{form}</section>"


def _invoices(world: World, customer: Obj, features: Obj) -> str:
    if not features["invoice_history"]["enabled"]:
        return ""
    rows = "".join(
        f'<tr><td><a href="{escape(one["hosted_invoice_url"])}">{day(one["created"])}</a></td>'
        f"<td>{one['status']}</td>"
        f'<td class="amount">{money(one["total"], one["currency"])}</td></tr>'
        for one in world.store.newest_first("invoice")
        if one["customer"] == customer["id"] and one["hosted_invoice_url"]
    )
    head = '<tr><th>Date</th><th>Status</th><th class="amount">Amount</th></tr>'
    table = f"<table>{head}{rows}</table>" if rows else "<p>None yet.</p>"
    return f"<section><h2>Invoices</h2>{table}</section>"
