"""Routing of the pages for browsers."""

import re
from collections.abc import Callable

from devserver.stripe import checkout_page, home_page, html, invoice_page, portal_page
from devserver.stripe.api import Request
from devserver.stripe.errors import ApiError
from devserver.stripe.html import Page
from devserver.stripe.world import World

Answer = Callable[[World, str, dict[str, str]], Page]

_TABLE: tuple[tuple[str, str, Answer], ...] = (
    ("GET", r"/()", home_page.show),
    ("GET", r"/c/pay/(\w+)", checkout_page.show),
    ("POST", r"/c/pay/(\w+)", checkout_page.post),
    ("POST", r"/c/pay/(\w+)/authenticate", checkout_page.authenticate),
    ("GET", r"/p/session/(\w+)", portal_page.show),
    ("POST", r"/p/session/(\w+)", portal_page.post),
    ("GET", r"/i/\w+/(\w+)", invoice_page.show),
    ("POST", r"/i/\w+/(\w+)", invoice_page.post),
    ("GET", r"/i/\w+/(\w+)/pdf", invoice_page.show),
    ("GET", r"/authenticate/(\w+)", invoice_page.show_challenge),
    ("POST", r"/authenticate/(\w+)", invoice_page.post_challenge),
)


class Pages:
    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, request: Request) -> Page:
        for method, pattern, answer in _TABLE:
            found = re.fullmatch(pattern, request.path)
            if found is not None and method == request.method.replace("HEAD", "GET"):
                return self._made(answer, found[1], request)
        return html.page("Not found", "<h1>There is no such page.</h1>", status=404)

    def _made(self, answer: Answer, ident: str, request: Request) -> Page:
        try:
            given = {key: str(value) for key, value in request.params().items()}
            return answer(self._world, ident, given)
        except ApiError as error:
            return html.page("Refused", html.problem(error.message), status=error.status)
        finally:
            self._world.store.changed = True
