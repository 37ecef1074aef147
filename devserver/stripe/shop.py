"""A small shop on the fake Stripe, for its tests: the package's client, two plans, a customer."""

from typing import Any

from stripe import Customer, Price, StripeClient, Subscription

from tests.fakes.stripe_process import StripeProcess


class Shop:
    """``pro`` costs 20.00 and ``max`` 80.00 a month, ``year`` 200.00 a year."""

    def __init__(self, fake: StripeProcess, **options: Any) -> None:
        self.client = StripeClient(
            fake.api_key, base_addresses={"api": fake.base_url}, max_network_retries=0, **options
        )
        self.v1 = self.client.v1

    def stock(self) -> "Shop":
        """Create the plans."""
        self.pro = self._price("Pro", 2000, "month")
        self.max = self._price("Max", 8000, "month")
        self.year = self._price("Pro", 20000, "year")
        return self

    def _price(self, name: str, amount: int, interval: str) -> Price:
        return self.v1.prices.create(
            {
                "currency": "usd",
                "lookup_key": f"{name}_{interval}".lower(),
                "product_data": {"name": name},
                "recurring": {"interval": interval},
                "unit_amount": amount,
            }
        )

    def customer(self, card: str | None = "pm_card_visa") -> Customer:
        """Create a customer with the default card ``card``."""
        if card is None:
            return self.v1.customers.create({"email": "a@example.com"})
        return self.v1.customers.create(
            {
                "email": "a@example.com",
                "payment_method": card,
                "invoice_settings": {"default_payment_method": card},
            }
        )

    def subscribe(
        self, customer: Customer, price: Price | None = None, **params: Any
    ) -> Subscription:
        items = [{"price": (price or self.pro).id}]
        given: Any = {"customer": customer.id, "items": items, **params}
        return self.v1.subscriptions.create(given)

    def switch(self, subscription: Subscription, price: Price, **params: Any) -> Subscription:
        items = [{"id": subscription["items"].data[0].id, "price": price.id}]
        given: Any = {"items": items, **params}
        return self.v1.subscriptions.update(subscription.id, given)

    def totals(self, customer: Customer) -> list[tuple[int, str | None]]:
        """Return total and status of their invoices, oldest first."""
        found = self.v1.invoices.list({"customer": customer.id, "limit": 100}).data
        return [(invoice.total, invoice.status) for invoice in reversed(found)]
