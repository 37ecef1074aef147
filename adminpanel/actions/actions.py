"""Actions of staff on users and providers: one function each, audited in the same transaction.

The actor must be above the user in rank (``core.admin.rank``), else ``PermissionDenied`` is raised.
Every action is idempotent: a repetition changes nothing and is not recorded.
"""

from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from accounts.flows import second_factor, suspension
from accounts.models import User
from accounts.sessions.revocation import sign_out_everywhere
from adminpanel.actions import audit
from billing.models import Subscription
from core.admin import rank
from core.errors import Conflict, InvalidRequest, NotFound
from llmproxy.models import ProviderState
from tokens import ledger
from tokens.ledger import allowances, open_account
from tokens.models import Tier


@transaction.atomic
def change_plan(*, staff: User, user_id: int, plan: str, reason: str) -> None:
    """Change a user's plan now, with tokens in proportion to the rest of their period.

    It renews monthly without an invoice. On the plan already, nothing happens. Raises ``NotFound``
    for an unknown user, ``InvalidRequest`` for an unknown plan, and ``Conflict`` while they pay for
    a subscription, which would put them back.
    """
    user = _locked(user_id)
    rank.require(staff, user)
    if not Tier.objects.filter(pk=plan).exists():
        raise InvalidRequest("There is no such plan.", param="plan")
    before = open_account(user_id).tier_id
    if before == plan:
        return
    if Subscription.objects.filter(user_id=user_id, ended_at=None, entitled=True).exists():
        raise Conflict("This user has a paid subscription. Change or cancel it instead.")
    allowances.change_tier(
        user_id=user_id,
        tier=plan,
        source=f"staff:{uuid4()}",
        renews_by=allowances.SCHEDULE,
        note=reason[:200],
    )
    audit.record(staff=staff, target=user, action="plan", before=before, after=plan, reason=reason)


@transaction.atomic
def grant_tokens(
    *,
    staff: User,
    user_id: int,
    amount: int,
    reason: str,
    once: UUID,
    expires_at: datetime | None = None,
) -> bool:
    """Grant bonus tokens, once for each form id; False if they were granted before.

    Raises ``NotFound``, ``Conflict`` for a deleted account, ``ValueError`` unless amount > 0.
    """
    user = _not_deleted(user_id)
    rank.require(staff, user)
    before = open_account(user_id).bonus
    source = f"staff:{once}"
    note = reason[:200]
    if not ledger.grant(
        user_id=user_id, amount=amount, source=source, expires_at=expires_at, note=note
    ):
        return False
    until = f" until {expires_at:%Y-%m-%d %H:%M}" if expires_at else ""
    after = f"{before + amount}{until}"
    audit.record(
        staff=staff, target=user, action="bonus tokens", before=before, after=after, reason=reason
    )
    return True


@transaction.atomic
def suspend(*, staff: User, user_id: int, reason: str) -> bool:
    """Suspend a user and sign them out everywhere; False if they were suspended already.

    Raises ``NotFound``; ``Conflict`` for oneself or a deleted account; ``PermissionDenied`` for who
    is not below the staff in rank.
    """
    user = _not_deleted(user_id)
    rank.require(staff, user)
    if user == staff:
        raise Conflict("You cannot suspend yourself.")
    if not user.is_active:
        return False
    suspension.suspend(user)
    _note_status(staff, user, "active", "suspended", reason)
    return True


@transaction.atomic
def resume(*, staff: User, user_id: int, reason: str) -> bool:
    """Resume a suspended user; False if they were active already. Raises as ``suspend``."""
    user = _not_deleted(user_id)
    rank.require(staff, user)
    if user.is_active:
        return False
    suspension.resume(user)
    _note_status(staff, user, "suspended", "active", reason)
    return True


@transaction.atomic
def revoke_sessions(*, staff: User, user_id: int, epoch: int, reason: str) -> bool:
    """Sign a user out everywhere; False if that was done since their epoch was ``epoch``.

    Their API keys stay good. Raises as ``suspend``.
    """
    user = _not_deleted(user_id)
    rank.require(staff, user)
    if user.epoch != epoch:
        return False
    before = user.sessions.filter(revoked_at=None).count()
    sign_out_everywhere(user)
    audit.record(staff=staff, target=user, action="sessions", before=before, after=0, reason=reason)
    return True


@transaction.atomic
def remove_second_factor(*, staff: User, user_id: int, reason: str) -> bool:
    """Remove the second factor that a user has lost, end their sessions and tell them by email.

    False when they have none. Raises as ``suspend``; ``Conflict`` for oneself.
    """
    user = _not_deleted(user_id)
    if user == staff:
        raise Conflict("Remove your own second factor on the account pages, which ask for a code.")
    rank.require(staff, user)
    before = second_factor.remove(user)
    if not before:
        return False
    audit.record(
        staff=staff, target=user, action="second factor", before=before, after=0, reason=reason
    )
    return True


@transaction.atomic
def switch_provider(*, staff: User, name: str, enabled: bool, reason: str) -> bool:
    """Switch a provider on or off; False if nothing changed.

    Every worker follows when it next reads the catalog (``CATALOG_SECONDS``, 5 by default).
    """
    ProviderState.objects.get_or_create(name=name)
    state = ProviderState.objects.select_for_update().get(name=name)
    if state.enabled == enabled:
        return False
    ProviderState.objects.filter(name=name).update(enabled=enabled, note=reason[:200])
    words = {True: "on", False: "off"}
    before, after = words[not enabled], words[enabled]
    audit.record(
        staff=staff, target=state, action="provider", before=before, after=after, reason=reason
    )
    return True


def _locked(user_id: int) -> User:
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise NotFound("There is no such user.")
    return user


def _not_deleted(user_id: int) -> User:
    user = _locked(user_id)
    if user.is_deleted:
        raise Conflict("This account was deleted.")
    return user


def _note_status(staff: User, user: User, before: str, after: str, reason: str) -> None:
    audit.record(
        staff=staff, target=user, action="status", before=before, after=after, reason=reason
    )
