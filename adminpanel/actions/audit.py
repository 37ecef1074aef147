"""What staff did: who, to whom, what it was before and is now, and why.

It is written to Django's admin log, so it stands in the history of the object, whether it was done
in the admin or by the API; and to the log, for those who keep that.
"""

from typing import Any

import structlog
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from accounts.models import User

log = structlog.get_logger("tokengate.staff")


def record(
    *, staff: User, target: Model, action: str, before: Any, after: Any, reason: str
) -> None:
    """Note one action, in the transaction that does it."""
    kind = ContentType.objects.get_for_model(target)
    LogEntry.objects.create(
        user=staff,
        content_type=kind,
        object_id=str(target.pk),
        object_repr=str(target)[:200],
        action_flag=CHANGE,
        change_message=f"{action}: {before} → {after}. Reason: {reason}",
    )
    log.info(
        "staff_action",
        staff_id=staff.pk,
        action=action,
        target=f"{kind.app_label}.{kind.model} {target.pk}",
        before=before,
        after=after,
    )
