"""JSON endpoints of API keys. For sessions only: a key cannot manage keys."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import user_of
from apikeys import keys
from apikeys.errors import TooManyKeys
from apikeys.models import ApiKey
from apikeys.serializers import ApiKeySerializer, NewApiKeySerializer, RotationSerializer
from core.errors import Conflict, NotFound
from core.http.openapi import raises


class ApiKeysView(APIView):
    @extend_schema(operation_id="api_keys", responses={200: ApiKeySerializer(many=True)})
    def get(self, request: Request) -> Response:
        """List the caller's keys, the newest first."""
        own = _own(request).order_by("-created_at")
        return Response(ApiKeySerializer(own, many=True, context=_context(request)).data)

    @raises(TooManyKeys)
    @extend_schema(
        operation_id="create_api_key",
        request=ApiKeySerializer,
        responses={201: NewApiKeySerializer},
    )
    def post(self, request: Request) -> Response:
        """Create a key. Only this response contains it."""
        serializer = ApiKeySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        key, text = keys.create(user=user_of(request), **serializer.validated_data)
        shown = {**ApiKeySerializer(key).data, "key": text}
        return Response(shown, status=201, headers={"Cache-Control": "no-store"})


class ApiKeyView(APIView):
    @extend_schema(operation_id="api_key", responses={200: ApiKeySerializer})
    def get(self, request: Request, key_id: UUID) -> Response:
        """Show one key."""
        key = _one(request, key_id)
        return Response(ApiKeySerializer(key, context=_context(request)).data)

    @raises(TooManyKeys)  # an expired one that is to live again
    @extend_schema(
        operation_id="replace_api_key",
        request=ApiKeySerializer,
        responses={200: ApiKeySerializer},
    )
    def put(self, request: Request, key_id: UUID) -> Response:
        """Replace all settings. Omitted fields are reset to their defaults."""
        return _save(request, key_id, partial=False)

    @raises(TooManyKeys)  # an expired one that is to live again
    @extend_schema(
        operation_id="update_api_key",
        request=ApiKeySerializer,
        responses={200: ApiKeySerializer},
    )
    def patch(self, request: Request, key_id: UUID) -> Response:
        """Change the given fields."""
        return _save(request, key_id, partial=True)

    @extend_schema(operation_id="revoke_api_key", request=None, responses={204: None})
    def delete(self, request: Request, key_id: UUID) -> Response:
        """Revoke the key immediately."""
        keys.revoke(_one(request, key_id))
        return Response(status=204)


class RotateApiKeyView(APIView):
    @raises(Conflict)
    @extend_schema(
        operation_id="rotate_api_key",
        request=RotationSerializer,
        responses={200: NewApiKeySerializer},
    )
    def post(self, request: Request, key_id: UUID) -> Response:
        """Replace the secret. The old one is refused immediately, or after an overlap."""
        key = _one(request, key_id)
        rotation = RotationSerializer(data=request.data)
        rotation.is_valid(raise_exception=True)
        overlap = timedelta(seconds=rotation.validated_data["overlap_seconds"])
        text = keys.rotate(key, overlap=overlap)
        shown = {**ApiKeySerializer(key, context=_context(request)).data, "key": text}
        return Response(shown, headers={"Cache-Control": "no-store"})


def _own(request: Request) -> QuerySet[ApiKey]:
    return user_of(request).api_keys.filter(revoked_at=None)


def _one(request: Request, key_id: UUID) -> ApiKey:
    key = _own(request).filter(pk=key_id).first()
    if key is None:
        raise NotFound
    return key


def _save(request: Request, key_id: UUID, *, partial: bool) -> Response:
    key = _one(request, key_id)
    serializer = ApiKeySerializer(
        key, data=request.data, partial=partial, context=_context(request)
    )
    serializer.is_valid(raise_exception=True)
    keys.change(key, **serializer.validated_data)
    return Response(serializer.data)


def _context(request: Request) -> dict[str, Any]:
    return {"usage": keys.usage_this_month(user_of(request))}
