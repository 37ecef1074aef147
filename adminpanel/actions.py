"""What staff do to users' plans and tokens: one function each, audited in the same transaction."""

from uuid import uuid4

from django.db import transaction

from accounts.models import User
from adminpanel import audit
from billing.models import Subscription
from config.errors import Conflict, InvalidRequest, NotFound
from tokens import allowances
from tokens.ledger import open_account
from tokens.models import Tier


@transaction.atomic
def change_plan(*, staff: User, user_id: int, plan: str, reason: str) -> None:
    """Put a user on a plan from now on, with the tokens of the rest of his period.

    It renews monthly without an invoice. On the plan already, nothing happens. Raises ``NotFound``
    for an unknown user, ``InvalidRequest`` for an unknown plan, and ``Conflict`` while he pays for
    a subscription, which would put him back.
    """
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise NotFound("There is no such user.")
    if not Tier.objects.filter(pk=plan).exists():
        raise InvalidRequest("There is no such plan.", param="plan")
    before = open_account(user_id).tier_id
    if before == plan:
        return
    if Subscription.objects.filter(user_id=user_id, ended_at=None, entitled=True).exists():
        raise Conflict("This user pays for a subscription: change or cancel that.")
    allowances.change_tier(
        user_id=user_id,
        tier=plan,
        source=f"staff:{uuid4()}",
        renews_by=allowances.SCHEDULE,
        note=reason[:200],
    )
    audit.record(staff=staff, target=user, action="plan", before=before, after=plan, reason=reason)
