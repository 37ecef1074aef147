"""JSON endpoints of linked accounts."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import django_request, session_of, user_of, valid
from accounts.api.linking_serializers import (
    LinkedAccountSerializer,
    LinkSerializer,
    LinkStartedSerializer,
)
from accounts.errors import (
    AccountInUse,
    InvalidProviderToken,
    LastLoginMethod,
    LinkExpired,
    ReauthenticationRequired,
    UnknownProvider,
    WrongPassword,
)
from accounts.flows import link_tickets, linking, reauthentication
from core.errors import RateLimited
from core.http.openapi import raises


class AccountsView(APIView):
    @extend_schema(
        operation_id="oauth_accounts", responses={200: LinkedAccountSerializer(many=True)}
    )
    def get(self, request: Request) -> Response:
        """List the linked accounts that the caller can sign in with."""
        return Response(LinkedAccountSerializer(linking.linked(user_of(request)), many=True).data)

    @raises(
        UnknownProvider,
        InvalidProviderToken,
        WrongPassword,
        ReauthenticationRequired,
        AccountInUse,
        LinkExpired,
        RateLimited,
    )
    @extend_schema(
        operation_id="link_oauth_account",
        request=LinkSerializer,
        responses={200: LinkStartedSerializer, 201: LinkedAccountSerializer},
    )
    def post(self, request: Request) -> Response:
        """Start linking an account in a browser, or link it at once with a token."""
        data = valid(LinkSerializer(data=request.data))
        reauthentication.require(
            django_request(request),
            user_of(request),
            password=data.pop("password", None),
            session_id=session_of(request),
        )
        provider = data.pop("provider")
        return self._complete(request, provider, data) if data else self._start(request, provider)

    def _start(self, request: Request, provider: str) -> Response:
        url = linking.start(
            django_request(request),
            user_of(request),
            session_id=session_of(request),
            provider=provider,
        )
        answer = {"authorize_url": url, "expires_in": link_tickets.SECONDS}
        return Response(answer, headers={"Cache-Control": "no-store"})

    def _complete(self, request: Request, provider: str, token: dict[str, Any]) -> Response:
        account = linking.complete(
            django_request(request),
            user_of(request),
            session_id=session_of(request),
            provider=provider,
            token=token,
        )
        return Response(LinkedAccountSerializer(account).data, status=201)


class AccountView(APIView):
    @raises(LastLoginMethod)
    @extend_schema(operation_id="unlink_oauth_account", request=None, responses={204: None})
    def delete(self, request: Request, account_id: int) -> Response:
        """Unlink an account. The last sign-in method cannot be removed."""
        linking.unlink(django_request(request), user_of(request), account_id=account_id)
        return Response(status=204)
