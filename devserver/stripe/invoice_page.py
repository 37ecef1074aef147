"""Hosted invoices: reading, printing and paying them, and the bank's authentication page."""

from html import escape

from devserver.stripe import card_form, html, intents, invoices, payment_methods
from devserver.stripe.checkout_page import challenge
from devserver.stripe.errors import ApiError
from devserver.stripe.html import Page
from devserver.stripe.lines import money
from devserver.stripe.portal_page import day
from devserver.stripe.store import Obj
from devserver.stripe.world import World

Form = dict[str, str]


def _find(world: World, token: str) -> Obj | None:
    for invoice in world.store.newest_first("invoice"):
        if (invoice["hosted_invoice_url"] or "").endswith(f"/{token}"):
            return invoice
    return None


def show(world: World, token: str, given: Form) -> Page:
    invoice = _find(world, token)
    return _page(world, invoice, None) if invoice else _missing()


def _missing() -> Page:
    return html.page("Invoice", "<h1>There is no such invoice.</h1>", status=404)


def post(world: World, token: str, given: Form) -> Page:
    invoice = _find(world, token)
    if invoice is None:
        return _missing()
    if invoice["status"] == "open":
        try:
            _pay(world, invoice, given)
        except ApiError as error:
            return _page(world, invoice, error.message)
    intent = world.store.find("payment_intent", invoice["_intent"])
    if intent is not None and intent["status"] == "requires_action":
        return html.redirect(f"/authenticate/{intent['id']}")
    return html.redirect(invoice["hosted_invoice_url"])


def _pay(world: World, invoice: Obj, given: Form) -> None:
    customer = world.store.get("customer", invoice["customer"])
    method = card_form.read(world, given, email=customer["email"])
    payment_methods.attach_to(world, method, customer)
    if invoices.collect(world, invoice, method=method) == "requires_payment_method":
        raise invoices.decline_of(world, invoice)


def _page(world: World, invoice: Obj, message: str | None) -> Page:
    currency = invoice["currency"]
    rows = "".join(
        f"<tr><td>{escape(row['description'] or '')}</td>"
        f'<td class="amount">{money(row["amount"], currency)}</td></tr>'
        for row in invoices.lines_of(world, invoice)
    )
    off = invoice["total"] - invoice["subtotal"]
    totals = _total("Discount", off, currency) if off else ""
    totals += _total("Total", invoice["total"], currency)
    totals += _total("Amount due", invoice["amount_remaining"], currency)
    body = f"""<h1>Invoice {escape(invoice["number"])}</h1>
<p class="soft">{day(invoice["created"])} · {escape(invoice["customer_email"] or "")} ·
<strong>{invoice["status"]}</strong></p>
<section><table>{rows}{totals}</table></section>{_payment(invoice, message)}"""
    return html.page(f"Invoice {invoice['number']}", body, status=402 if message else 200)


def _total(words: str, amount: int, currency: str) -> str:
    shown = f"<strong>{money(amount, currency)}</strong>"
    return f'<tr><td><strong>{words}</strong></td><td class="amount">{shown}</td></tr>'


def _payment(invoice: Obj, message: str | None) -> str:
    if invoice["status"] != "open":
        return ""
    return f"""<section><h2>Pay this invoice</h2>{html.problem(message)}<form method="post">
{html.card_fields({})}<button class="wide">Pay</button></form></section>
<section><details><summary>Test cards</summary>{html.test_cards(fills=True)}</details></section>"""


def show_challenge(world: World, ident: str, given: Form) -> Page:
    intent = world.store.objects.get(ident)
    if intent is None or intent.get("status") != "requires_action":
        return html.page("Authentication", "<h1>Nothing to authenticate.</h1>", status=404)
    method = intent["payment_method"]
    return html.page("Authentication", challenge(f"/authenticate/{ident}", method))


def post_challenge(world: World, ident: str, given: Form) -> Page:
    intent = world.store.objects.get(ident)
    if intent is None or intent.get("status") != "requires_action":
        return show_challenge(world, ident, given)
    action = intent["next_action"].get("redirect_to_url") or {}
    passes = given.get("passes") == "1"
    intents.authenticate(world, intent, passes=passes)
    if back := action.get("return_url"):
        mark = "&" if "?" in back else "?"
        secret = intent["client_secret"]
        return html.redirect(
            f"{back}{mark}{intent['object']}={ident}&{intent['object']}_client_secret={secret}"
        )
    words = "Authenticated. You can close this page." if passes else "Authentication failed."
    return html.page("Authentication", f"<h1>{words}</h1>")
