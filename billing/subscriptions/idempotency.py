"""`Idempotency-Key` for endpoints that call Stripe, without a long transaction.

Like ``tokens.idempotency``, but the key is stored in a transaction of its own before the view runs,
and the response is added afterwards. If the process dies in between, the key expires and the
request can be repeated: subscriptions are locked, and calls to Stripe have their own idempotency
keys.
"""

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.errors import SubscriptionBusy
from tokens.idempotency import again, fingerprint_of, keep, sane_key
from tokens.models import IdempotentAnswer

_ABANDONED = timedelta(minutes=5)

View = Callable[..., Response]


def idempotent(method: View) -> View:
    """Apply the header to a view's method. A refused request can be repeated.

    Raises ``InvalidRequest`` for an unfit key, ``Conflict`` for one that came with another request,
    and ``SubscriptionBusy`` while the first request runs.
    """

    @functools.wraps(method)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = sane_key(request)
        if key is None:
            return method(view, request, *args, **kwargs)
        mark, fresh = _mark(request, key)
        if not fresh:
            return _repeated(mark, request)
        try:
            response = method(view, request, *args, **kwargs)
        except BaseException:
            mark.delete()
            raise
        keep(mark, response)
        return response

    return once


def _mark(request: Request, key: str) -> tuple[IdempotentAnswer, bool]:
    assert request.user.pk is not None
    marks = IdempotentAnswer.objects.filter(user_id=request.user.pk, key=key)
    marks.filter(status=0, created_at__lt=timezone.now() - _ABANDONED).delete()
    return IdempotentAnswer.objects.get_or_create(
        user_id=request.user.pk, key=key, defaults={"fingerprint": fingerprint_of(request)}
    )


def _repeated(mark: IdempotentAnswer, request: Request) -> Response:
    response = again(mark, fingerprint_of(request))
    if mark.status == 0:
        raise SubscriptionBusy
    return response
