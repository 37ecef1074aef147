"""Staff's view of users and of what they are signed in with."""

from typing import Any

import allauth.mfa.admin  # noqa: F401 - it registers its own page: first, to be replaced
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    AdminUserCreationForm,
    UserChangeForm,
)
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import sessions, suspension, verification
from accounts.addresses import fold
from accounts.models import Session, User
from accounts.revocation import sign_out_everywhere


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]  # not at run time
    """A password that staff set ends what was signed in by the old one, as any does."""

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        user.save(update_fields=["password"])
        sign_out_everywhere(user)
        return user


class UserCreationForm(AdminUserCreationForm[User]):
    class Meta(AdminUserCreationForm.Meta):
        model = User
        fields = ("email",)
        field_classes = {}


# Of the form's fields, those that are columns of the user's row.
_COLUMNS = {"email", "name", "is_active", "is_staff", "is_superuser"}


class UserForm(UserChangeForm[User]):
    class Meta(UserChangeForm.Meta):
        model = User
        field_classes = {}

    def clean_email(self) -> str:
        """Refuse what somebody else has proven to be his: he would be let in by it."""
        try:
            email = fold(self.cleaned_data["email"])
        except ValueError as odd:
            raise ValidationError("Enter a valid email address.") from odd
        others = EmailAddress.objects.filter(email=email, verified=True).exclude(user=self.instance)
        if others.exists():
            raise ValidationError("This e-mail is taken.")
        return email


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    form = UserForm
    add_form = UserCreationForm
    change_password_form = PasswordForm
    list_display = ("email", "name", "is_active", "is_staff", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "date_joined")
    search_fields = ("email", "name")
    ordering = ("-date_joined",)
    readonly_fields = ("date_joined", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Rights of staff", {"fields": ("groups", "user_permissions"), "classes": ("collapse",)}),
        ("Dates", {"fields": ("date_joined", "last_login")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),
    )
    actions = ("suspend",)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Write what staff has changed, and nothing else: a new password meanwhile stands."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        obj.save(update_fields=_COLUMNS.intersection(form.changed_data))
        if obj.email != form.initial["email"]:
            verification.replace_address(obj, former=form.initial["email"])
        if "is_active" in form.changed_data and not obj.is_active:
            suspension.suspend(obj)

    @admin.action(description="Suspend the selected users", permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        users = [user for user in queryset if user != request.user]
        for user in users:
            suspension.suspend(user)
            self.log_change(request, user, "Suspended.")
        self.message_user(request, f"{len(users)} users are suspended.")


admin.site.unregister(Authenticator)


@admin.register(Authenticator)
class AuthenticatorAdmin(admin.ModelAdmin[Authenticator]):
    """Second factors: to be removed, for whoever has lost his. Their secrets are not shown."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    exclude = ("data",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Authenticator | None = None) -> bool:
        return False


@admin.register(Session)
class SessionAdmin(admin.ModelAdmin[Session]):
    """Read-only, but for signing devices out."""

    list_display = ("user", "name", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("created_at", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("user",)
    search_fields = ("user__email", "name")
    ordering = ("-last_used_at",)
    exclude = ("refresh_id", "rotated_at")
    actions = ("sign_out",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        return False

    def has_sign_out_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_session")

    @admin.action(description="Sign the selected devices out", permissions=["sign_out"])
    def sign_out(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        for session in queryset:
            sessions.revoke(session.pk)
            self.log_change(request, session, "Signed out.")
        self.message_user(request, f"{len(queryset)} devices are signed out.")
