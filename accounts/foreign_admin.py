"""The admin's pages of what allauth keeps of our users, and of the groups of staff."""

from typing import Any, ClassVar

from allauth.account import admin as account_admin
from allauth.account.models import EmailAddress
from allauth.idp.oidc import admin as oidc_admin
from allauth.idp.oidc.models import Client, Token
from allauth.socialaccount import admin as social_admin
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from unfold import widgets

from config.staff_pages import OfUsersAdmin, StaffAdmin


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


class SocialAppForm(social_admin.SocialAppForm):  # type: ignore[misc]  # untyped
    """The library's form in the site's widgets, with the secret hidden until it is asked for."""

    class Meta(social_admin.SocialAppForm.Meta):  # type: ignore[misc]  # untyped
        widgets: ClassVar[dict[str, Any]] = {
            "client_id": widgets.UnfoldAdminTextInputWidget,
            "key": widgets.UnfoldAdminTextInputWidget,
            "secret": widgets.UnfoldAdminPasswordToggleWidget(render_value=True),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = self.fields["provider"].choices
        self.fields["provider"].widget = widgets.UnfoldAdminSelectWidget(choices=choices)


class SocialAppPage(StaffAdmin, social_admin.SocialAppAdmin):  # type: ignore[misc]  # untyped
    """Sign-in providers that are set up here, beside those of the settings."""

    form = SocialAppForm


class ClientPage(StaffAdmin, oidc_admin.ClientAdmin):  # type: ignore[misc]  # untyped
    """Who may sign users in here: the editors."""


class GroupPage(StaffAdmin, GroupAdmin):  # type: ignore[misc]  # untyped
    """What the groups of staff may do."""


def register() -> None:
    """Put these in the place of what the libraries registered. Tokens of theirs are no sight."""
    assert account_admin  # it registers EmailAddress
    pages = {
        EmailAddress: EmailAddressPage,
        SocialAccount: SocialAccountPage,
        SocialApp: SocialAppPage,
        Client: ClientPage,
        Group: GroupPage,
    }
    for model in (*pages, SocialToken, Token):
        admin.site.unregister(model)
    for model, page in pages.items():
        admin.site.register(model, page)
