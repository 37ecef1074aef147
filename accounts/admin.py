"""Admin pages of users, their sessions and their email addresses."""

from typing import Any, ClassVar

import allauth.mfa.admin  # noqa: F401 - it registers its own page: first, to be replaced
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold import forms

from accounts import allauth_admin
from accounts.addresses import fold
from accounts.flows import verification
from accounts.models import BrowserSession, SecurityEvent, Session, User
from accounts.sessions import session_pairs
from accounts.sessions.revocation import sign_out_everywhere
from core.admin.pages import OfUsersAdmin, Ranked, RecentFilter
from core.admin.rank import GIVES_RIGHTS


class PasswordForm(forms.AdminPasswordChangeForm):  # type: ignore[misc]  # untyped
    """A password that staff set ends what was signed in by the old one, as any does."""

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        user.save(update_fields=["password"])
        sign_out_everywhere(user)
        return user


class UserCreationForm(forms.UserCreationForm):  # type: ignore[misc]  # untyped
    class Meta(forms.UserCreationForm.Meta):  # type: ignore[misc]  # untyped
        model = User
        fields = ("email",)
        field_classes: ClassVar[dict[str, Any]] = {}


# Of the form's fields, those that are columns of the user's row.
_COLUMNS = {"email", "name", "is_staff", "is_superuser"}


class UserForm(forms.UserChangeForm):  # type: ignore[misc]  # untyped
    class Meta(forms.UserChangeForm.Meta):  # type: ignore[misc]  # untyped
        model = User
        field_classes: ClassVar[dict[str, Any]] = {}

    def clean_email(self) -> str:
        """Refuse what somebody else has proven to be theirs: they would be let in by it."""
        try:
            email = fold(self.cleaned_data["email"])
        except ValueError as odd:
            raise ValidationError("Enter a valid email address.") from odd
        others = EmailAddress.objects.filter(email=email, verified=True).exclude(user=self.instance)
        if others.exists():
            raise ValidationError("This email is already in use.")
        return email


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User], Ranked):  # type: ignore[misc]  # untyped
    of_user = "pk"
    form = UserForm
    add_form = UserCreationForm
    change_password_form = PasswordForm
    list_display: tuple[str, ...] = (
        "email",
        "name",
        "is_active",
        "is_staff",
        "date_joined",
        "last_login",
    )
    list_filter = ("is_active", "is_staff", "is_superuser", "date_joined")
    search_fields = ("email__startswith", "name__istartswith")
    search_help_text = "The beginning of an email address or of a name"
    ordering = ("-date_joined",)
    readonly_fields = ("date_joined", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Access", {"fields": ("is_staff", "is_superuser")}),
        ("Rights of staff", {"fields": ("groups", "user_permissions"), "classes": ("collapse",)}),
        ("Dates", {"fields": ("date_joined", "last_login")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else (*fields, *GIVES_RIGHTS)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        """Fold what is searched for, as the addresses in the index are."""
        return super().get_search_results(request, queryset, search_term.lower())

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 - the URL's own name for it
        form_url: str = "",
    ) -> HttpResponse:
        """Staff change their own password where the present one is asked for."""
        if unquote(id) == str(request.user.pk):
            return redirect("account_change_password")
        response: HttpResponse = super().user_change_password(request, id, form_url)
        return response

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Write what staff has changed, and nothing else: a new password meanwhile stands."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        obj.save(update_fields=_COLUMNS.intersection(form.changed_data))
        if obj.email != form.initial["email"]:
            verification.replace_address(obj, former=form.initial["email"])


admin.site.unregister(Authenticator)


@admin.register(Authenticator)
class AuthenticatorAdmin(OfUsersAdmin):
    """Second factors, read-only: the user's page has the action that removes lost ones."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type", "created_at", "last_used_at")
    exclude = ("data",)


@admin.register(Session)
class SessionAdmin(OfUsersAdmin):
    """Read-only, but for signing devices out."""

    list_display = ("user", "name", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("created_at", ("revoked_at", admin.EmptyFieldListFilter))
    ordering = ("-last_used_at",)
    exclude = ("refresh_id", "rotated_at")
    actions = ("sign_out",)

    def has_sign_out_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_session")

    @admin.action(description="Sign the selected devices out", permissions=["sign_out"])
    def sign_out(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        for session in queryset:
            session_pairs.revoke(session.pk)
            self.log_change(request, session, "Signed out.")
        self.message_user(request, f"{len(queryset)} devices are signed out.")


@admin.register(SecurityEvent)
class SecurityEventAdmin(OfUsersAdmin):
    """Sign-ins, failed ones, and changes of how accounts are signed in to. Read-only."""

    list_display = ("created_at", "user", "event", "detail", "network", "agent")
    list_filter = (RecentFilter, "event")
    ordering = ("-created_at", "-id")


@admin.register(BrowserSession)
class BrowserSessionAdmin(OfUsersAdmin):
    """Signed-in browsers. Read-only: the user's page has the action that ends all sessions."""

    list_display = ("user", "agent", "network", "created_at", "last_used_at", "revoked_at")
    list_filter = ("created_at", ("revoked_at", admin.EmptyFieldListFilter))
    ordering = ("-last_used_at",)


allauth_admin.register()
