"""A request to the fake Stripe API: authentication, dispatch, and idempotency."""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from devserver.stripe import forms, parameters, routes
from devserver.stripe.errors import (
    ApiError,
    bad_key,
    invalid,
    no_key,
    same_key_other_params,
    unrecognized_url,
)
from devserver.stripe.store import Obj
from devserver.stripe.world import World

_KEY = re.compile(r"(?:sk|rk)_test_[A-Za-z0-9]{8,250}")
_LONGEST_KEY = 255
_KEPT_SECONDS = 24 * 3600


@dataclass
class Request:
    """``target`` is the query of a GET or DELETE; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def params(self) -> Obj:
        given = forms.decode(self.query)
        if self.method == "POST":
            given.update(forms.decode(self._form()))
        return given

    def _form(self) -> str:
        kind = self.headers.get("content-type", "").partition(";")[0].strip()
        if self.body and kind not in ("application/x-www-form-urlencoded", ""):
            message = (
                f"Invalid request (check that your POST content type is "
                f"application/x-www-form-urlencoded, not {kind})."
            )
            raise invalid(message)
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise invalid("Invalid request body.") from None


@dataclass
class Answer:
    status: int
    body: Obj
    headers: dict[str, str]

    def bytes(self) -> bytes:
        return json.dumps(self.body, indent=2).encode()


class Api:
    """Answers requests. It never waits, so each request is complete before the next begins."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, request: Request) -> Answer:
        world = self._world
        request_id = world.store.new_id("req")
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        world.request = {"id": request_id, "idempotency_key": key}
        headers = {
            "Request-Id": request_id,
            "Stripe-Version": request.headers.get("stripe-version", world.api_version),
        }
        try:
            authenticate(request)
            status, body, more = self._once(request, key)
        except ApiError as error:
            status, body, more = error.status, error.body(request_id=request_id), {}
        finally:
            world.request = {"id": None, "idempotency_key": None}
        return Answer(status, body, {**headers, **more})

    def keep(self, request: Request, status: int, body: Obj) -> None:
        """Repeat this failure for requests with the same key, as Stripe does for a day."""
        if key := request.headers.get("idempotency-key"):
            self._keep(key, {"path": request.path, "params": request.params()}, status, body)

    def _once(self, request: Request, key: str | None) -> tuple[int, Obj, dict[str, str]]:
        if key is None:
            return (*self._perform(request, request.params()), {})
        if len(key) > _LONGEST_KEY:
            raise invalid("Idempotency keys can be at most 255 characters long.")
        params = request.params()
        asked = {"path": request.path, "params": params}
        kept = self._world.store.objects.get(f"idempotency {key}")
        if kept is not None and kept["created"] > self._world.now() - _KEPT_SECONDS:
            if kept["asked"] != asked:
                raise same_key_other_params(key)
            replayed = {"Idempotent-Replayed": "true", "Original-Request": kept["request"]}
            return kept["status"], kept["body"], {"Idempotency-Key": key, **replayed}
        status, body = self._perform(request, params)
        self._keep(key, asked, status, body)
        return status, body, {"Idempotency-Key": key}

    def _keep(self, key: str, asked: Obj, status: int, body: Obj) -> None:
        ident = f"idempotency {key}"
        answer = {"asked": asked, "status": status, "body": body}
        request = self._world.request["id"]
        fields = {"id": ident, "object": "idempotency", "created": self._world.now()}
        if ident in self._world.store.objects:
            self._world.store.objects[ident].update({**fields, **answer, "request": request})
        else:
            self._world.store.add({**fields, **answer, "request": request})

    def _perform(self, request: Request, given: Obj) -> tuple[int, Obj]:
        """Return status and body. Only errors before the operation raise; they are not stored."""
        found = routes.find(request.method, request.path)
        if found is None:
            raise unrecognized_url(request.method, request.path)
        route, path = found
        params = parameters.read(route.takes, given) if route.takes else _only_expand(given)
        if request.method != "GET":
            self._world.store.changed = True
        try:
            return 200, self._shown(route.answer(self._world, params, **path), params)
        except ApiError as error:
            if error.status != 402:
                raise
            return error.status, error.body(request_id=self._world.request["id"])

    def _shown(self, made: Obj, params: Obj) -> Obj:
        ident: Any = made.get("id")
        if self._world.store.objects.get(ident) is made:
            return self._world.show(made, params.get("expand"))
        return made


def _only_expand(given: Obj) -> Obj:
    for key in given:
        if key != "expand":
            raise invalid(f"Received unknown parameter: {key}", param=key, code="parameter_unknown")
    return given


def authenticate(request: Request) -> None:
    """Accept any secret key of test mode; raise ApiError for all others."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            secret = base64.b64decode(secret).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            secret = ""  # nosec B105  # none was given
    if not secret.strip():
        raise no_key()
    if not _KEY.fullmatch(secret.strip()):
        raise bad_key(secret.strip())
