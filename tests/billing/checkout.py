"""Paying on Stripe's page with a test card: by its form, or in a browser that a test has open."""

import httpx
from playwright.sync_api import Page

CARD = {
    "cardNumber": "4242 4242 4242 4242",
    "cardExpiry": "12 / 39",
    "cardCvc": "123",
    "billingName": "Ada",
}


def pay(url: str) -> str:
    """Send the form of this page; returns the address that Stripe sends the customer to."""
    answer = httpx.post(url, data={**CARD, "action": "pay"}, trust_env=False)
    return str(answer.headers["location"])


def fill(page: Page) -> None:
    """Write the card into the form, and send it."""
    for name, value in CARD.items():
        page.locator(f"[name={name}]").fill(value)
    page.locator("button[value=pay]").click()
