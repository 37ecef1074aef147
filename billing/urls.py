from django.urls import path

from billing import api

urlpatterns = [path("subscriptions/plans", api.PlansView.as_view(), name="plans")]
