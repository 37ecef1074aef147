"""The audit log of staff actions: who, on whom, the values before and after, and the reason.

It is stored in Django's admin log, so actions in the admin and in the API are both in the history
of the object. It is also written to the structured log.
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
    """Record an action, in the transaction that performs it."""
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
