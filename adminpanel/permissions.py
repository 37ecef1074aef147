"""Which staff may do what: by Django's permissions, so by the groups that staff are in.

Migrating makes three groups (adminpanel/roles.py); whoever is in none, and no superuser, may do
nothing here.
"""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import User
from accounts.sessions import Caller
from config.errors import NotAuthenticated, PermissionDenied


class StaffOnly(BasePermission):
    """Sessions of staff who hold the permission that the view names for the method.

    A view says `permissions = {"GET": "accounts.view_user", …}`. An API key never will do.
    """

    errors = (PermissionDenied,)

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, User):
            raise NotAuthenticated
        needed = view.permissions[request.method or ""]
        is_staff = isinstance(request.auth, Caller) and request.user.is_staff
        if not is_staff or not request.user.has_perm(needed):
            raise PermissionDenied("This is for staff.", required=needed)
        return True
