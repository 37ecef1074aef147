"""Permission checks for staff, by Django's permissions and groups.

The migrations create three groups (adminpanel/access/roles.py). Staff who are in no group, and are
not superusers, have no permissions.
"""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.errors import AppNotAllowed, SecondFactorRequired
from accounts.flows.second_factor import require_of_staff
from accounts.models import User
from accounts.sessions.origins import require_trusted
from accounts.sessions.session_pairs import Caller
from core.errors import NotAuthenticated, PermissionDenied


class StaffOnly(BasePermission):
    """Sessions of staff who hold the permission that the view names for the method.

    A view says `permissions = {"GET": "accounts.view_user", …}`; of another method than those all
    staff may hear that there is none. An API key never will do, nor a session of an editor.
    """

    errors = (PermissionDenied, AppNotAllowed, SecondFactorRequired)

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, User):
            raise NotAuthenticated
        needed = view.permissions.get("GET" if request.method == "HEAD" else request.method)
        session = request.auth if isinstance(request.auth, Caller) else None
        holds = needed is None or request.user.has_perm(needed)
        if not (session and request.user.is_staff and holds):
            raise PermissionDenied("Only staff can do this.", required=needed)
        require_trusted(session.origin)
        require_of_staff(request.user, given=session.second_factor)
        return True
