"""Admin pages of allauth's models about users, and of staff groups."""

from allauth.account import admin as account_admin
from allauth.account.models import EmailAddress
from allauth.idp.oidc import admin as oidc_admin
from allauth.idp.oidc.models import Client, Token
from allauth.socialaccount import admin as social_admin
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group

from core.admin.pages import OfUsersAdmin, SuperuserAdmin


class EmailAddressPage(OfUsersAdmin):
    """Read-only: a user's address is changed on their own page, which proves it anew."""

    list_display = ("email", "user", "primary", "verified")
    list_filter = ("primary", "verified")
    ordering = ("-id",)


class SocialAccountPage(OfUsersAdmin):
    """Read-only: only the user can prove that an account elsewhere is theirs."""

    list_display = ("user", "uid", "provider", "last_login")
    list_filter = ("provider",)
    exactly = ("pk",)
    exclude = ("extra_data",)
    ordering = ("-id",)


class ClientPage(SuperuserAdmin, oidc_admin.ClientAdmin):  # type: ignore[misc]  # untyped
    """Who may sign users in here: the editors. A superuser is signed in by them as others are."""

    readonly_fields = ("created_at",)
    exclude = ("secret", "data")


class GroupPage(SuperuserAdmin, GroupAdmin):  # type: ignore[misc]  # untyped
    """What the groups of staff may do."""


def register() -> None:
    """Put these in the place of what the libraries registered.

    Rows that are little more than a secret have no page: tokens, and the secrets of sign-in
    providers, which are set by the environment.
    """
    assert account_admin  # it registers EmailAddress
    assert social_admin  # it registers the others
    pages = {
        EmailAddress: EmailAddressPage,
        SocialAccount: SocialAccountPage,
        Client: ClientPage,
        Group: GroupPage,
    }
    for model in (*pages, SocialApp, SocialToken, Token):
        admin.site.unregister(model)
    for model, page in pages.items():
        admin.site.register(model, page)
