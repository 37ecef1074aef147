"""Security events in the words of the pages."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import SecurityEvent

NAMES = {
    "browser_signed_in": _("Signed in with a browser"),
    "browser_signed_out": _("Browser signed out"),
    "browsers_signed_out": _("All other browsers signed out"),
    "session_began": _("Editor, device or program signed in"),
    "device_signed_out": _("Device signed out"),
    "devices_signed_out": _("All devices signed out"),
    "login_failed": _("Failed sign-in"),
    "wrong_password": _("Wrong password"),
    "second_factor_failed": _("Wrong code of the second factor"),
    "second_factor_unreadable": _("Second factor could not be read"),
    "password_changed": _("Password changed"),
    "second_factor_added": _("Second factor added"),
    "second_factor_removed": _("Second factor removed"),
    "second_factor_reset": _("Recovery codes replaced"),
    "second_factor_removed_by_staff": _("Second factor removed by our staff"),
    "account_linked": _("Account of another site linked"),
    "account_unlinked": _("Account of another site unlinked"),
    "refresh_token_reused": _("Copied session found, and signed out"),
    "key_created": _("API key created"),
    "key_rotated": _("API key rotated"),
    "key_revoked": _("API key revoked"),
    "data_exported": _("Copy of the data downloaded"),
    "deletion_asked": _("Deletion of the account begun"),
    "account_deleted": _("Account deleted"),
}
_TO_CHECK = frozenset(
    [
        "login_failed",
        "wrong_password",
        "second_factor_failed",
        "second_factor_removed_by_staff",
        "refresh_token_reused",
    ]
)


@dataclass(frozen=True)
class Shown:
    """An event as the pages show it. ``check``: whether the user should look at it."""

    event: SecurityEvent
    name: Any
    check: bool


def shown(event: SecurityEvent) -> Shown:
    """Return an event in words; by its code, if it is one of another version."""
    name = NAMES.get(event.event, event.event)
    return Shown(event, name, event.event in _TO_CHECK)
