"""What a session may change, by how it began. The only place with this rule.

A user who enters their password proves who they are. A user who clicks Allow for an editor or a
device may have been tricked into it, so that session can spend tokens but cannot change how the
account is signed in to. Browser pages use cookies and have no ``Session``; what starts there can do
everything that the pages offer, after their own checks.
"""

from typing import Any

from rest_framework.permissions import SAFE_METHODS

from accounts.errors import AppNotAllowed
from accounts.models import Session

Origin = Session.Origin

# Whether a session of this origin may change the account, act as staff, and count as a recent
# sign-in of the user.
CHANGES_THE_ACCOUNT: dict[str, bool] = {
    Origin.PASSWORD: True,
    Origin.OAUTH: False,
    Origin.DEVICE: False,
    Origin.UNKNOWN: False,
}
TRUSTED = tuple(origin for origin, trusted in CHANGES_THE_ACCOUNT.items() if trusted)


def apps_may(view: Any, method: str) -> bool:
    """Tell whether a view lets sessions of apps call it by this method.

    They may read. Whatever changes something is closed to them, unless the view says otherwise
    in `apps_may`, such as `("POST",)`: a new route is closed until somebody decides.
    """
    return method in SAFE_METHODS or method in getattr(view, "apps_may", ())


def require_right(origin: str, view: Any, method: str) -> None:
    """Raise ``AppNotAllowed`` where the view is closed to sessions that began like this."""
    if not apps_may(view, method):
        require_trusted(origin)


def require_trusted(origin: str) -> None:
    """Raise ``AppNotAllowed`` unless a session that began like this may change the account."""
    if not CHANGES_THE_ACCOUNT[origin]:
        raise AppNotAllowed
