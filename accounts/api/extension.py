"""JSON endpoint that completes an editor's sign-in."""

from drf_spectacular.utils import extend_schema
from rest_framework.authentication import get_authorization_header
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import OpenView, django_request
from accounts.api.serializers import SignedInSerializer, UserSerializer, pair_body
from accounts.errors import InvalidToken
from accounts.oidc import extension
from accounts.sessions.session_pairs import bearer
from core.errors import NotAuthenticated, PermissionDenied
from core.http.client import client_address
from core.http.openapi import raises


class ExtensionTokenView(OpenView):
    @raises(NotAuthenticated, InvalidToken, PermissionDenied)
    @extend_schema(
        operation_id="exchange_extension_token",
        request=None,
        responses={200: SignedInSerializer},
    )
    def post(self, request: Request) -> Response:
        """Exchange an OpenID Connect access token with the scope `api` for a session, once.

        The token comes from `/identity/o/api/token`, by authorization code with PKCE or by device
        code, and is revoked by the exchange.
        """
        token = bearer(get_authorization_header(request))
        if token is None:
            raise NotAuthenticated("Send the OpenID Connect token: Authorization: Bearer …")
        user, pair = extension.exchange(token, address=client_address(django_request(request)))
        return Response({**pair_body(pair), "user": UserSerializer(user).data})
