"""URLs of the staff API below /api/."""

from django.urls import path

from adminpanel import api

urlpatterns = [
    path("admin/users", api.UsersView.as_view(), name="staff-users"),
    path("admin/users/<int:user_id>/plan", api.UserPlanView.as_view(), name="staff-user-plan"),
    path("admin/usage-stats", api.UsageStatsView.as_view(), name="staff-usage-stats"),
    path("admin/revenue", api.RevenueView.as_view(), name="staff-revenue"),
]
