"""Signed-in browsers: which there are, and signing one out from another place.

The data of a browser's cookie name its row. A row that was revoked ends the browser's next request.
"""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth import logout
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import security_log
from accounts.device_names import device_name
from accounts.models import BrowserSession, User
from core.http.client import client_of

_NAME = "browser"
_NONE = UUID(int=0)
_TOUCH_EVERY = timedelta(minutes=1)


def begin(request: HttpRequest, user: User) -> None:
    """Note the browser that was signed in; one that was signed in before is replaced."""
    end(request)
    client = client_of(request)
    row = BrowserSession.objects.create(
        user=user,
        epoch=user.epoch,
        agent=device_name(given="", user_agent=client.agent),
        network=client.network,
    )
    request.session[_NAME] = str(row.pk)


def check(request: HttpRequest) -> None:
    """Sign the browser out if it was revoked, else note that it is used.

    A browser that a former version has signed in gets a row now. Only browsers whose cookie is good
    are looked at: ``request.user`` is signed in.
    """
    user = request.user
    if not isinstance(user, User):
        return
    row = BrowserSession.objects.filter(pk=current(request), user=user).first()
    if row is None and _NAME not in request.session:
        begin(request, user)
    elif row is None or row.revoked_at:
        logout(request)
    elif row.last_used_at <= timezone.now() - _TOUCH_EVERY or row.epoch != user.epoch:
        network = client_of(request).network
        BrowserSession.objects.filter(pk=row.pk).update(
            last_used_at=timezone.now(), epoch=user.epoch, network=network
        )


def end(request: HttpRequest) -> None:
    """Forget the browser, which signs out."""
    BrowserSession.objects.filter(pk=current(request)).delete()


def active(user: User) -> QuerySet[BrowserSession]:
    """Return the user's signed-in browsers, the last used first."""
    now = timezone.now()
    unused = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    alive = user.browser_sessions.filter(
        revoked_at=None,
        epoch=user.epoch,
        last_used_at__gt=now - unused,
        created_at__gt=now - settings.SESSION_MAX_AGE,
    )
    return alive.order_by("-last_used_at")


def revoke(user: User, browser: UUID) -> bool:
    """Sign a browser of the user out; False if there is none."""
    rows = user.browser_sessions.filter(pk=browser, revoked_at=None)
    row = rows.first()
    if row is None or not rows.update(revoked_at=timezone.now()):
        return False
    security_log.note("browser_signed_out", user_id=user.pk, detail=row.agent)
    return True


def revoke_others(user: User, *, except_: UUID) -> None:
    """Sign all browsers of the user out but one."""
    user.browser_sessions.filter(revoked_at=None).exclude(pk=except_).update(
        revoked_at=timezone.now()
    )


def current(request: HttpRequest) -> UUID:
    """Return the id of the browser of a request; the nil UUID before it has one."""
    try:
        return UUID(request.session.get(_NAME, ""))
    except ValueError:
        return _NONE


def forget_expired() -> None:
    """Delete the rows of browsers that are signed in no more."""
    now = timezone.now()
    unused = now - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    BrowserSession.objects.filter(last_used_at__lt=unused).delete()
    BrowserSession.objects.filter(created_at__lt=now - settings.SESSION_MAX_AGE).delete()
