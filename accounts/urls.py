"""URLs of accounts below /api/."""

from django.urls import path

from accounts.api import account, credentials, extension, linking

urlpatterns = [
    path("auth/register", account.RegisterView.as_view(), name="register"),
    path("auth/login", account.LoginView.as_view(), name="login"),
    path("auth/refresh", account.RefreshView.as_view(), name="refresh"),
    path("auth/logout", account.LogoutView.as_view(), name="logout"),
    path(
        "auth/extension/token",
        extension.ExtensionTokenView.as_view(),
        name="extension-token",
    ),
    path("users/profile", account.ProfileView.as_view(), name="profile"),
    path("auth/password/change", credentials.ChangeView.as_view(), name="password_change"),
    path("auth/password/reset", credentials.ResetView.as_view(), name="password_reset"),
    path(
        "auth/password/reset/confirm",
        credentials.ConfirmView.as_view(),
        name="password_reset_confirm",
    ),
    path("auth/verify-email", credentials.VerifyView.as_view(), name="verify_email"),
    path("auth/verify-email/resend", credentials.ResendView.as_view(), name="resend_email"),
    path("users/account", account.AccountView.as_view(), name="account"),
    path("users/oauth-accounts", linking.AccountsView.as_view(), name="oauth_accounts"),
    path(
        "users/oauth-accounts/<int:account_id>",
        linking.AccountView.as_view(),
        name="oauth_account",
    ),
    path("users/sessions", account.SessionsView.as_view(), name="sessions"),
    path("users/sessions/<uuid:session_id>", account.SessionView.as_view(), name="session"),
]
