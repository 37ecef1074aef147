"""Paths of accounts, below /api/."""

from django.urls import path

from accounts import api

urlpatterns = [
    path("auth/register", api.RegisterView.as_view(), name="register"),
    path("auth/login", api.LoginView.as_view(), name="login"),
    path("auth/refresh", api.RefreshView.as_view(), name="refresh"),
    path("auth/logout", api.LogoutView.as_view(), name="logout"),
    path("users/profile", api.ProfileView.as_view(), name="profile"),
    path("users/sessions", api.SessionsView.as_view(), name="sessions"),
    path("users/sessions/<uuid:session_id>", api.SessionView.as_view(), name="session"),
]
