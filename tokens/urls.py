from django.urls import path

from tokens.api import balance, budgets, limits, usage

urlpatterns = [
    path("auth/me", balance.MeView.as_view(), name="me"),
    path("tokens/balance", balance.BalanceView.as_view(), name="balance"),
    path("tokens/reserve", balance.ReserveView.as_view(), name="reserve"),
    path("tokens/limits", limits.LimitsView.as_view(), name="limits"),
    path("tokens/budgets", budgets.BudgetsView.as_view(), name="budgets"),
    path("tokens/usage", usage.UsageView.as_view(), name="usage"),
    path("tokens/usage/<path:request_id>", balance.ReceiptView.as_view(), name="receipt"),
]
