"""URLs of API keys below /api/."""

from django.urls import path

from apikeys import api

urlpatterns = [
    path("api-keys", api.ApiKeysView.as_view(), name="api-keys"),
    path("api-keys/<uuid:key_id>", api.ApiKeyView.as_view(), name="api-key"),
    path("api-keys/<uuid:key_id>/rotate", api.RotateApiKeyView.as_view(), name="rotate-api-key"),
]
