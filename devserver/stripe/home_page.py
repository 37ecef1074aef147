"""The page at ``/``: an introduction and the test cards."""

from html import escape

from devserver.stripe import html
from devserver.stripe.html import Page
from devserver.stripe.world import World


def show(world: World, _: str, given: dict[str, str]) -> Page:
    counts = {
        "customers": "customer",
        "subscriptions": "subscription",
        "invoices": "invoice",
        "events": "event",
    }
    rows = "".join(
        f'<div class="row"><span>{name}</span><span>{world.store.count(kind)}</span></div>'
        for name, kind in counts.items()
    )
    endpoints = "".join(
        f'<div class="row"><code>{escape(one["url"])}</code><span>{one["status"]}</span></div>'
        for one in world.store.oldest_first("webhook_endpoint")
    )
    body = f"""<h1>A stand-in for Stripe</h1>
<p>It speaks Stripe's API (version <code>{world.api_version}</code>), shows checkout, portal and
invoices, and sends signed webhooks. It runs on this machine only, and no money moves. Set
<code>STRIPE_SECRET_KEY</code> to use Stripe itself.</p>
<section><h2>Test cards</h2><p class="soft">Any date to come, any three digits as CVC.</p>
{html.test_cards(fills=False)}</section>
<section><h2>Kept here</h2>{rows}</section>
<section><h2>Webhooks go to</h2>{endpoints or "<p>Nobody yet.</p>"}</section>"""
    return html.page("A stand-in for Stripe", body)
