"""Paths of accounts, below /api/."""

from django.urls import path

from accounts import api, credentials_api, extension_api, linking_api

urlpatterns = [
    path("auth/register", api.RegisterView.as_view(), name="register"),
    path("auth/login", api.LoginView.as_view(), name="login"),
    path("auth/refresh", api.RefreshView.as_view(), name="refresh"),
    path("auth/logout", api.LogoutView.as_view(), name="logout"),
    path(
        "auth/extension/token",
        extension_api.ExtensionTokenView.as_view(),
        name="extension-token",
    ),
    path("users/profile", api.ProfileView.as_view(), name="profile"),
    path("auth/password/change", credentials_api.ChangeView.as_view(), name="password_change"),
    path("auth/password/reset", credentials_api.ResetView.as_view(), name="password_reset"),
    path(
        "auth/password/reset/confirm",
        credentials_api.ConfirmView.as_view(),
        name="password_reset_confirm",
    ),
    path("auth/verify-email", credentials_api.VerifyView.as_view(), name="verify_email"),
    path("auth/verify-email/resend", credentials_api.ResendView.as_view(), name="resend_email"),
    path("users/account", api.AccountView.as_view(), name="account"),
    path("users/oauth-accounts", linking_api.AccountsView.as_view(), name="oauth_accounts"),
    path(
        "users/oauth-accounts/<int:account_id>",
        linking_api.AccountView.as_view(),
        name="oauth_account",
    ),
    path("users/sessions", api.SessionsView.as_view(), name="sessions"),
    path("users/sessions/<uuid:session_id>", api.SessionView.as_view(), name="session"),
]
