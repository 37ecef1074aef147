"""`Idempotency-Key`: a repeated request has no further effect and gets the first response again.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/: a different body with
the same key is refused with 409. The key, the effect and the response are written in one
transaction: concurrent repetitions wait for it, and a failure leaves nothing behind. Only
successful responses are stored, so a request that was refused can be sent again.
"""

import functools
import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
from django.db import connection, transaction
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from core import encryption
from core.errors import Conflict, InvalidRequest
from tokens.models import IdempotentAnswer

KEPT = timedelta(hours=24)
HEADER = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Chosen by the caller, up to 255 characters. A repetition within 24 hours gets "
    "the same response and has no further effect.",
)

_PURPOSE = "tokens.idempotency"
_SANE_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_CLAIM = """
    INSERT INTO tokens_idempotentanswer (user_id, key, fingerprint, status, created_at)
    VALUES (%s, %s, %s, 0, %s) ON CONFLICT (user_id, key) DO NOTHING
"""

View = Callable[..., Response]


def idempotent(method: View) -> View:
    """Support the header in a view's method, whose effects must all be in the database.

    The method must raise its errors. Raises ``InvalidRequest`` for an invalid key and ``Conflict``
    for a key that was used with another request.
    """

    @functools.wraps(method)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = sane_key(request)
        if key is None:
            return method(view, request, *args, **kwargs)
        with transaction.atomic():
            return _first_answer(key, request, lambda: method(view, request, *args, **kwargs))

    return once


def sane_key(request: Request) -> str | None:
    """Return the key of a request, if any. Raises ``InvalidRequest`` for an invalid one."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _SANE_KEY.fullmatch(key):
        message = "Idempotency-Key must be 1 to 255 visible ASCII characters."
        raise InvalidRequest(message, param="Idempotency-Key")
    return key


def forget_old() -> int:
    """Delete stored responses that are older than a day; returns how many."""
    return IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def _first_answer(key: str, request: Request, act: Callable[[], Response]) -> Response:
    fingerprint, user_id = fingerprint_of(request), request.user.pk
    assert user_id is not None
    claimed = _claim(user_id, key, fingerprint)
    answer = IdempotentAnswer.objects.get(user_id=user_id, key=key)
    if not claimed:
        return again(answer, fingerprint)
    response = act()
    keep(answer, response)
    return response


def _claim(user_id: int, key: str, fingerprint: str) -> bool:
    """Mark the key as used. This waits for the transaction of a concurrent repetition."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [user_id, key, fingerprint, timezone.now()])
        return bool(cursor.rowcount)


def keep(answer: IdempotentAnswer, response: Response) -> None:
    """Store the response, encrypted, because it may contain a secret of the caller."""
    answer.status = response.status_code
    answer.body = encryption.encrypt(orjson.dumps(response.data).decode(), purpose=_PURPOSE)
    answer.save(update_fields=["status", "body"])


def again(answer: IdempotentAnswer, fingerprint: str) -> Response:
    """Return the stored response. Raises ``Conflict`` for a different request."""
    if answer.fingerprint != fingerprint:
        raise Conflict(
            "This Idempotency-Key was used with another request.", param="Idempotency-Key"
        )
    headers = {"Idempotent-Replayed": "true"}
    return Response(_body_of(answer), status=answer.status, headers=headers)


def _body_of(answer: IdempotentAnswer) -> Any:
    """Return the stored body. Raises ``Conflict`` if no key can decrypt it."""
    if not isinstance(answer.body, str):  # from an earlier version, not encrypted
        return answer.body
    try:
        return orjson.loads(encryption.decrypt(answer.body, purpose=_PURPOSE))
    except encryption.Unreadable as lost:
        raise Conflict(
            "The stored response cannot be decrypted.", param="Idempotency-Key"
        ) from lost


def fingerprint_of(request: Request) -> str:
    """Return a digest that differs for different requests."""
    path = request.path.replace("/api/v1/", "/api/", 1)  # the same API
    asked = [request.method, path, request.data]
    # Not by orjson, which refuses numbers beyond 64 bits and halves of surrogate pairs.
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
