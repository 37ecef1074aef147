"""URLs of the account pages and of OpenID Connect for editors, outside /api/."""

from allauth.idp.oidc import views
from allauth.socialaccount.views import connections
from django.db import transaction
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.oidc import device_page
from accounts.oidc import views as openid
from accounts.web import languages, link_pages, pages

# The names are those by which django-allauth finds its own.
_openid = [
    path(".well-known/openid-configuration", views.configuration, name="configuration"),
    path(".well-known/jwks.json", views.jwks, name="jwks"),
    path("identity/o/authorize", openid.authorization, name="authorization"),
    path("identity/o/device", device_page.device, name="device_authorization"),
    # Signing out asks, and leads nowhere else: allauth's own view would follow any vscode: link.
    path("identity/o/logout", RedirectView.as_view(pattern_name="account_logout"), name="logout"),
    path("identity/o/api/token", openid.token, name="token"),
    path("identity/o/api/revoke", openid.revoke, name="revoke"),
    path("identity/o/api/device/code", openid.device_code, name="device_code"),
    path("identity/o/api/userinfo", openid.user_info, name="userinfo"),
]

urlpatterns = [
    path("preferences/", languages.prefer, name="preferences"),
    path("accounts/", pages.home, name="account_home"),
    path("accounts/logged-out/", pages.logged_out, name="account_logged_out"),
    path("accounts/devices/", pages.devices, name="account_devices"),
    path("accounts/link/", link_pages.link, name="account_link"),
    path("accounts/email/", pages.addresses, name="account_email"),
    path("accounts/password/set/", pages.set_password, name="account_set_password"),
    path("accounts/2fa/totp/activate/", pages.enroll_totp, name="mfa_activate_totp"),
    path("accounts/2fa/webauthn/add/", pages.enroll_passkey, name="mfa_add_webauthn"),
    path("accounts/3rdparty/", transaction.atomic(connections), name="socialaccount_connections"),
    path("accounts/", include("allauth.urls")),
    path("", include(([path("", include((_openid, "oidc")))], "idp"))),
]
