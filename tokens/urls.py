from django.urls import path

from tokens import api, limits_api, usage_api

urlpatterns = [
    path("auth/me", api.MeView.as_view(), name="me"),
    path("tokens/balance", api.BalanceView.as_view(), name="balance"),
    path("tokens/reserve", api.ReserveView.as_view(), name="reserve"),
    path("tokens/limits", limits_api.LimitsView.as_view(), name="limits"),
    path("tokens/usage", usage_api.UsageView.as_view(), name="usage"),
    path("tokens/usage/<path:request_id>", api.ReceiptView.as_view(), name="receipt"),
]
