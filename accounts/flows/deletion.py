"""Deleting an account: personal data is erased, accounting data is kept."""

from functools import partial
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import security_log
from accounts.errors import ReauthenticationRequired
from accounts.flows import passwords
from accounts.models import User
from accounts.sessions import session_pairs
from accounts.sessions.revocation import sign_out_everywhere
from accounts.signals import account_deleted
from core.queue import enqueue

# The address of a deleted account is unique and cannot be registered: it has no top-level domain.
_PLACEHOLDER = "deleted-{id}@invalid"


def delete_own(request: HttpRequest, user: User, *, password: str | None, session_id: UUID) -> None:
    """Delete the caller's account after they have authenticated again.

    By their password; without one, by having signed in a moment ago. Raises ``WrongPassword``,
    ``ReauthenticationRequired`` or ``RateLimited``.
    """
    if user.has_usable_password():
        if password is None:
            raise ReauthenticationRequired("Send your password.")
        passwords.prove(request, user, password=password)
    else:
        session_pairs.require_recent(session_id)
    delete(user)


def delete(user: User) -> None:
    """Delete the account in one transaction. Idempotent.

    Usage and balances keep pointing to the row, which no longer says whose it was.
    """
    with transaction.atomic():
        owner = User.objects.select_for_update().get(pk=user.pk)
        if owner.is_deleted:
            return
        account_deleted.send(sender=User, user=owner)
        goodbye = partial(enqueue, "accounts.tasks.say_goodbye", owner.email, owner.language)
        transaction.on_commit(goodbye, robust=True)
        _forget(owner)
        security_log.note("account_deleted", user_id=owner.pk)


def _forget(user: User) -> None:
    sign_out_everywhere(user)
    user.sessions.all().delete()  # their names are those of the user's devices
    user.browser_sessions.all().delete()
    security_log.forget(user)
    SocialAccount.objects.filter(user=user).delete()
    EmailAddress.objects.filter(user=user).delete()
    Authenticator.objects.filter(user=user).delete()
    user.groups.clear()
    user.user_permissions.clear()
    _forget_in_admin_log(user)
    User.objects.filter(pk=user.pk).update(
        email=_placeholder(user),
        name="",
        language="",
        time_zone="",
        password=make_password(None),
        last_login=None,
        is_active=False,
        is_staff=False,
        is_superuser=False,
        deleted_at=timezone.now(),
    )


def mark_deleted() -> int:
    """Mark accounts that an older version has deleted during an upgrade; return how many."""
    return User.objects.filter(deleted_at=None, email__endswith="@invalid").update(
        deleted_at=timezone.now()
    )


def _forget_in_admin_log(user: User) -> None:
    """Remove the address from the admin log, which stores the text of the object."""
    users = ContentType.objects.get_for_model(User)
    entries = LogEntry.objects.filter(content_type=users, object_id=str(user.pk))
    entries.update(object_repr=_placeholder(user))


def _placeholder(user: User) -> str:
    return _PLACEHOLDER.format(id=user.pk)
