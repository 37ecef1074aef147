"""The JSON doors to accounts and sessions: parse, call, answer."""

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts import profile, sessions, signin
from accounts.devices import device_name
from accounts.models import User
from accounts.serializers import (
    LoginSerializer,
    LogoutSerializer,
    PairSerializer,
    RefreshSerializer,
    RegisterSerializer,
    SessionSerializer,
    SignedInSerializer,
    UserSerializer,
    pair_body,
)
from config.errors import NotFound


class _OpenView(APIView):
    """Open to everyone. What it answers is a credential, so no cache may keep it."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer: HttpResponseBase = super().finalize_response(request, response, *args, **kwargs)
        answer.headers["Cache-Control"] = "no-store"
        return answer


class RegisterView(_OpenView):
    @extend_schema(
        operation_id="register", request=RegisterSerializer, responses={201: SignedInSerializer}
    )
    def post(self, request: Request) -> Response:
        """Create an account and sign in."""
        data = _valid(RegisterSerializer(data=request.data))
        device = _device(request, data)
        user = signin.register(request._request, **data)  # noqa: SLF001 - what Django calls it
        return Response(_signed_in(user, device), status=201)


class LoginView(_OpenView):
    @extend_schema(
        operation_id="login", request=LoginSerializer, responses={200: SignedInSerializer}
    )
    def post(self, request: Request) -> Response:
        """Sign in with e-mail and password."""
        data = _valid(LoginSerializer(data=request.data))
        device = _device(request, data)
        user = signin.log_in(request._request, **data)  # noqa: SLF001 - what Django calls it
        return Response(_signed_in(user, device))


class RefreshView(_OpenView):
    @extend_schema(
        operation_id="refresh", request=RefreshSerializer, responses={200: PairSerializer}
    )
    def post(self, request: Request) -> Response:
        """Exchange a refresh token for the next pair.

        Each refresh token works once. Of several requests at the same time one gets the pair; the
        others get `invalid_token` with `retryable: true`. Reuse later signs the device out.
        """
        data = _valid(RefreshSerializer(data=request.data))
        return Response(pair_body(sessions.refresh(data["refresh"])))


class LogoutView(APIView):
    @extend_schema(operation_id="logout", request=LogoutSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Sign this device out, or every one; access tokens are refused at once."""
        if _valid(LogoutSerializer(data=request.data))["all"]:
            sessions.revoke_all(_user(request))
        else:
            sessions.revoke(_session_id(request))
        return Response(status=204)


class ProfileView(APIView):
    @extend_schema(operation_id="profile", responses={200: UserSerializer})
    def get(self, request: Request) -> Response:
        """Show the caller's own account."""
        return Response(UserSerializer(_user(request)).data)

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
        user = _user(request)
        changes = _valid(UserSerializer(user, data=request.data, partial=partial))
        profile.change(user, **changes)
        return Response(UserSerializer(user).data)


class SessionsView(APIView):
    @extend_schema(operation_id="sessions", responses={200: SessionSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """List the devices that are signed in, the last used first."""
        context = {"current": _session_id(request)}
        alive = sessions.living(_user(request))
        return Response(SessionSerializer(alive, many=True, context=context).data)


class SessionView(APIView):
    @extend_schema(operation_id="revoke_session", request=None, responses={204: None})
    def delete(self, request: Request, session_id: UUID) -> Response:
        """Sign one device out."""
        if not sessions.living(_user(request)).filter(pk=session_id).exists():
            raise NotFound
        sessions.revoke(session_id)
        return Response(status=204)


def _valid(serializer: BaseSerializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data


def _user(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user


def _session_id(request: Request) -> UUID:
    assert isinstance(request.auth, sessions.Caller)
    return request.auth.session_id


def _device(request: Request, data: dict[str, Any]) -> str:
    given = data.pop("device_name", "") or request.headers.get("X-Client-Name", "")
    return device_name(given=given, user_agent=request.headers.get("User-Agent", ""))


def _signed_in(user: User, device: str) -> dict[str, Any]:
    pair = sessions.issue(user, name=device)
    return {**pair_body(pair), "user": UserSerializer(user).data}
