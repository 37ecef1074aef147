"""The hosted Checkout page."""

from html import escape

from devserver.stripe import card_form, checkout, html
from devserver.stripe.errors import ApiError
from devserver.stripe.html import Page
from devserver.stripe.lines import TIMES, every, money
from devserver.stripe.store import Obj
from devserver.stripe.world import World

Form = dict[str, str]


def show(world: World, ident: str, given: Form) -> Page:
    session = world.store.find("checkout.session", ident)
    if session is None:
        return html.page("Checkout", "<h1>There is no such Checkout session.</h1>", status=404)
    if session["status"] != "open":
        return _over(session)
    return _form(world, session, {}, None)


def _over(session: Obj) -> Page:
    words = {
        "complete": "You have already completed this checkout.",
        "expired": "This Checkout session has expired. Go back and start again.",
    }
    link = _link(session["cancel_url"])
    return html.page("Checkout", f"<h1>{words[session['status']]}</h1>{link}", status=410)


def _link(url: str | None) -> str:
    return f'<p><a href="{escape(url)}">← Back</a></p>' if url else ""


def post(world: World, ident: str, given: Form) -> Page:
    """Apply a promotion code, pay, or ask for authentication first."""
    session = world.store.find("checkout.session", ident)
    if session is None or session["status"] != "open":
        return show(world, ident, {})
    try:
        if given.get("action") == "promotion":
            checkout.apply_code(world, session, given.get("promotionCode", ""))
            return _form(world, session, given, None)
        email = _email(world, session, given)
        method = card_form.read(world, given, email=email)
        if checkout.needs_authentication(method):
            return _challenge(session, method)
        return _pay(world, session, method, authenticated=False)
    except ApiError as error:
        return _form(world, session, given, error.message)


def _email(world: World, session: Obj, given: Form) -> str | None:
    if session["customer"]:
        email: str | None = world.store.get("customer", session["customer"])["email"]
        return email
    email = session["customer_email"] or given.get("email", "").strip()
    if not email or "@" not in email:
        raise ApiError(400, "Your email is incomplete.", param="email")
    return email


def _pay(world: World, session: Obj, method: Obj, *, authenticated: bool) -> Page:
    details = method["billing_details"]
    payer = {"email": details["email"], "name": details["name"]}
    return html.redirect(
        checkout.complete(world, session, method, payer, authenticated=authenticated)
    )


def _challenge(session: Obj, method: Obj) -> Page:
    return html.page(
        "Authentication", challenge(f"/c/pay/{session['id']}/authenticate", method["id"])
    )


def challenge(action: str, method: str) -> str:
    """Return the page of the bank, on which the authentication passes or fails."""
    return f"""<h1>Your bank asks: is it you?</h1><section>
<p class="soft">This stands for 3D Secure. A real bank would send a code to your phone.</p>
<form method="post" action="{action}"><input type="hidden" name="method" value="{escape(method)}">
<button name="passes" value="1">Complete authentication</button>
<button name="passes" value="0" class="quiet">Fail authentication</button></form></section>"""


def authenticate(world: World, ident: str, given: Form) -> Page:
    session = world.store.find("checkout.session", ident)
    method = world.store.find("payment_method", given.get("method"))
    if session is None or session["status"] != "open" or method is None:
        return show(world, ident, {})
    if given.get("passes") != "1":
        message = "We are unable to authenticate your payment method. Please choose another one."
        return _form(world, session, {}, message)
    try:
        return _pay(world, session, method, authenticated=True)
    except ApiError as error:
        return _form(world, session, {}, error.message)


# The form.


def _form(world: World, session: Obj, given: Form, message: str | None) -> Page:
    title = {"subscription": "Subscribe", "payment": "Pay", "setup": "Save your card"}[
        session["mode"]
    ]
    back = _link(session["cancel_url"])
    body = f"""{back}<h1>{title}</h1>{_summary(world, session)}{_promotion(world, session)}
<section><h2>Pay with card</h2>{html.problem(message)}<form method="post">
{_email_field(world, session, given)}{html.card_fields(given)}
<button class="wide" name="action" value="pay">{title}</button>
</form></section>
<section><details><summary>Test cards</summary>{html.test_cards(fills=True)}</details></section>"""
    return html.page(title, body, status=402 if message else 200)


def _summary(world: World, session: Obj) -> str:
    rows = "".join(_row(row) for row in session["_line_items"])
    if not rows:
        return ""
    currency = session["currency"]
    total = money(session["amount_total"], currency)
    days = session["_subscription_data"].get("trial_period_days")
    trial = f'<p class="good">{days} days free, then as below.</p>' if days else ""
    off = session["total_details"]["amount_discount"]
    less = (
        f'<div class="row"><span>Discount</span><span>{money(-off, currency)}</span></div>'
        if off
        else ""
    )
    due = f'<div class="row"><strong>Due today</strong><strong>{total}</strong></div>'
    return f'<section><p class="big">{total}</p>{trial}{rows}{less}{due}</section>'


def _row(row: Obj) -> str:
    rate = money(row["amount_subtotal"], row["currency"])
    recurring = row["price"]["recurring"]
    often = f" per {every(recurring)}" if recurring else ""
    many = f"{row['quantity']} {TIMES} " if row["quantity"] != 1 else ""
    name = f"{many}{escape(row['description'])}"
    return f'<div class="row"><span>{name}</span><span>{rate}{often}</span></div>'


def _promotion(world: World, session: Obj) -> str:
    if not session["allow_promotion_codes"]:
        return ""
    if session["_promotion"]:
        code = world.store.objects[session["_promotion"]]
        coupon = world.store.objects[code["_coupon"]]
        return f'<p class="good">{escape(code["code"])}: {_worth(coupon)}</p>'
    field = html.entry("Promotion code", "promotionCode")
    button = '<p></p><button class="quiet" name="action" value="promotion">Apply</button>'
    return f'<section><form method="post">{field}{button}</form></section>'


def _worth(coupon: Obj) -> str:
    if coupon["percent_off"] is not None:
        return f"{coupon['percent_off']:g} % off"
    return f"{money(coupon['amount_off'], coupon['currency'])} off"


def _email_field(world: World, session: Obj, given: Form) -> str:
    known = session["customer_email"]
    if session["customer"]:
        known = world.store.get("customer", session["customer"])["email"]
    if known:
        return html.entry("Email", "email", value=known, more="readonly")
    value = given.get("email", "")
    return html.entry(
        "Email", "email", value=value, more='type="email" required autocomplete="email"'
    )
