"""The pages of the account: what it is, checkout, portal, invoices."""

from dataclasses import dataclass, field

from tests.fakes.stripe.api import Request
from tests.fakes.stripe.world import World


@dataclass
class Page:
    html: str
    status: int = 200
    headers: dict[str, str] = field(
        default_factory=lambda: {"Content-Type": "text/html; charset=utf-8"}
    )


class Pages:
    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, request: Request) -> Page:
        return Page(
            "<!doctype html><title>Fake Stripe</title>", 200 if request.path == "/" else 404
        )
