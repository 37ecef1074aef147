"""A user's page in the admin, with the actions of staff."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action as untyped_action

from accounts.admin import UserAdmin
from accounts.models import User
from adminpanel.actions import actions
from adminpanel.reports import customer
from adminpanel.site.action_pages import ask_and_do, staff_of
from adminpanel.site.forms import ActionForm, GrantForm, PlanForm, RevokeForm

Page = Callable[..., HttpResponse]


def action(title: str, *, icon: str, permission: str) -> Callable[[Page], Page]:
    """Make a method a button on the object's page, for whoever holds the permission."""
    made: Callable[[Page], Page] = untyped_action(
        description=title, icon=icon, permissions=[permission]
    )
    return made


admin.site.unregister(User)


@admin.register(User)
class CustomerAdmin(UserAdmin):
    """Every action needs its own permission, asks for a reason, and is audited."""

    change_form_outer_before_template = "adminpanel/customer.html"
    actions_detail = (
        "grant_tokens",
        "change_plan",
        "suspend",
        "resume",
        "revoke_sessions",
        "remove_second_factor",
    )
    list_display = ("email", "name", "plan", "available", "is_active", "is_staff", "date_joined")
    list_select_related = ("balance__tier",)
    list_filter = ("is_active", "is_staff", "balance__tier", "date_joined")

    @admin.display(description="Plan")
    def plan(self, user: User) -> str:
        return str(user.balance.tier) if hasattr(user, "balance") else "-"

    @admin.display(description="Available")
    def available(self, user: User) -> str:
        return f"{user.balance.available:,}" if hasattr(user, "balance") else "-"

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only users delete their account; accounting needs the row."""
        return False

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer either to suspend or to resume; nothing for a user who is not below the reader."""
        user = self.get_object(request, unquote(str(object_id)))
        if not self.is_in_reach(request, user):
            return []
        idle = "accounts_user_resume" if user and user.is_active else "accounts_user_suspend"
        offered = super().get_actions_detail(request, object_id)
        return [button for button in offered if button.action_name != idle]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        user = self.get_object(request, unquote(object_id))
        seen = user if user and self.has_view_permission(request, user) else None
        panel = {"customer": customer.overview(seen, reader=staff_of(request)) if seen else None}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **panel})

    @action("Grant tokens", icon="redeem", permission="tokens.add_grant")
    def grant_tokens(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, "Grant tokens to", GrantForm, actions.grant_tokens)

    @action("Change plan", icon="sell", permission="tokens.change_balance")
    def change_plan(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, "Change the plan of", PlanForm, actions.change_plan)

    @action("Suspend", icon="block", permission="accounts.change_user")
    def suspend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, "Suspend", ActionForm, actions.suspend)

    @action("Resume", icon="play_circle", permission="accounts.change_user")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, "Resume", ActionForm, actions.resume)

    @action("Revoke sessions", icon="logout", permission="accounts.change_session")
    def revoke_sessions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        title = "Sign out everywhere"
        return self._ask(request, object_id, title, RevokeForm, actions.revoke_sessions)

    @action("Remove second factor", icon="no_encryption", permission="mfa.delete_authenticator")
    def remove_second_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        title = "Remove the second factor of"
        return self._ask(request, object_id, title, ActionForm, actions.remove_second_factor)

    def _ask(
        self,
        request: HttpRequest,
        object_id: str,
        title: str,
        form: type[ActionForm],
        do: Callable[..., Any],
    ) -> HttpResponse:
        user = self.get_object(request, unquote(object_id))
        if user is None:
            raise Http404
        if not self.is_in_reach(request, user):
            raise PermissionDenied
        return ask_and_do(
            request,
            form=form(request.POST or None, initial={"epoch": user.epoch}),
            do=partial(do, staff=staff_of(request), user_id=user.pk),
            back=reverse("admin:accounts_user_change", args=(user.pk,)),
            context={
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": f"{title} {user.email}",
            },
        )
