"""JSON endpoints of accounts and sessions."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import (
    MESSAGE_SENT,
    OpenView,
    device_of,
    django_request,
    session_of,
    signed_in,
    user_of,
    valid,
)
from accounts.api.schema import takes_a_body
from accounts.api.serializers import (
    DeletionSerializer,
    LoginSerializer,
    LogoutSerializer,
    MessageSentSerializer,
    PairSerializer,
    RefreshSerializer,
    RegisterSerializer,
    SessionSerializer,
    SignedInSerializer,
    UserSerializer,
    pair_body,
)
from accounts.errors import (
    EmailNotVerified,
    EmailTaken,
    InvalidCredentials,
    InvalidToken,
    ReauthenticationRequired,
    SecondFactorRequired,
    TokenRevoked,
    TokenSuperseded,
    WeakPassword,
    WrongPassword,
)
from accounts.flows import deletion, profile, sign_in, verification
from accounts.sessions import session_pairs
from accounts.sessions.revocation import sign_out_everywhere
from core.errors import NotFound, RateLimited
from core.http.openapi import raises


class RegisterView(OpenView):
    @raises(EmailTaken, WeakPassword, RateLimited)
    @extend_schema(
        operation_id="register",
        request=RegisterSerializer,
        responses={201: SignedInSerializer, 202: MessageSentSerializer},
    )
    def post(self, request: Request) -> Response:
        """Create an account and sign in.

        Where email addresses must be verified, the answer is 202 for a new address and for a
        taken one; logging in comes after verification.
        """
        data = valid(RegisterSerializer(data=request.data))
        device = device_of(request, data)
        if verification.is_mandatory():
            return self._ask_to_verify(request, data)
        user = sign_in.register(django_request(request), **data)
        return Response(signed_in(user, device), status=201)

    def _ask_to_verify(self, request: Request, data: dict[str, Any]) -> Response:
        try:
            sign_in.register(django_request(request), **data)
        except EmailTaken:
            verification.tell_taken(data["email"])
        return Response(MESSAGE_SENT, status=202)


class LoginView(OpenView):
    @raises(InvalidCredentials, EmailNotVerified, SecondFactorRequired, RateLimited)
    @extend_schema(
        operation_id="login", request=LoginSerializer, responses={200: SignedInSerializer}
    )
    def post(self, request: Request) -> Response:
        """Sign in with email and password, and with the second factor if the user has one."""
        data = valid(LoginSerializer(data=request.data))
        device = device_of(request, data)
        user, second_factor = sign_in.log_in(django_request(request), **data)
        return Response(signed_in(user, device, second_factor=second_factor))


class RefreshView(OpenView):
    @raises(InvalidToken, TokenSuperseded, TokenRevoked)
    @extend_schema(
        operation_id="refresh", request=RefreshSerializer, responses={200: PairSerializer}
    )
    def post(self, request: Request) -> Response:
        """Exchange a refresh token for new tokens.

        Each refresh token works once. Of several requests at the same time one gets the pair; the
        others get `invalid_token` with `retryable: true`. Reuse later signs the device out.
        """
        data = valid(RefreshSerializer(data=request.data))
        return Response(pair_body(session_pairs.refresh(data["refresh"])))


class LogoutView(APIView):
    apps_may = ("POST",)

    @extend_schema(operation_id="logout", request=LogoutSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Sign out this device or all devices. Their access tokens are refused at once."""
        if valid(LogoutSerializer(data=request.data))["all"]:
            sign_out_everywhere(user_of(request))
        else:
            session_pairs.revoke(session_of(request))
        return Response(status=204)


class ProfileView(APIView):
    @extend_schema(operation_id="profile", responses={200: UserSerializer})
    def get(self, request: Request) -> Response:
        """Show the caller's own account."""
        return Response(UserSerializer(user_of(request)).data)

    @extend_schema(
        operation_id="replace_profile", request=UserSerializer, responses={200: UserSerializer}
    )
    def put(self, request: Request) -> Response:
        """Replace the name."""
        return self._save(request, partial=False)

    @extend_schema(
        operation_id="update_profile", request=UserSerializer, responses={200: UserSerializer}
    )
    def patch(self, request: Request) -> Response:
        """Change the name."""
        return self._save(request, partial=True)

    def _save(self, request: Request, *, partial: bool) -> Response:
        user = user_of(request)
        changes = valid(UserSerializer(user, data=request.data, partial=partial))
        profile.change(user, **changes)
        return Response(UserSerializer(user).data)


class AccountView(APIView):
    @raises(WrongPassword, ReauthenticationRequired, RateLimited)
    @extend_schema(operation_id="delete_account", request=DeletionSerializer, responses={204: None})
    @takes_a_body
    def delete(self, request: Request) -> Response:
        """Delete the caller's account permanently.

        Every session and key ends, personal data is erased; usage is kept, as nobody's.
        """
        data = valid(DeletionSerializer(data=request.data))
        deletion.delete_own(
            django_request(request),
            user_of(request),
            password=data.get("password"),
            session_id=session_of(request),
        )
        return Response(status=204)


class SessionsView(APIView):
    @extend_schema(operation_id="sessions", responses={200: SessionSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """List the signed-in devices, the most recently used first."""
        context = {"current": session_of(request)}
        alive = session_pairs.active(user_of(request))
        return Response(SessionSerializer(alive, many=True, context=context).data)


class SessionView(APIView):
    @extend_schema(operation_id="revoke_session", request=None, responses={204: None})
    def delete(self, request: Request, session_id: UUID) -> Response:
        """Sign out one device."""
        if not session_pairs.active(user_of(request)).filter(pk=session_id).exists():
            raise NotFound
        session_pairs.revoke(session_id)
        return Response(status=204)
