"""Shared base of the JSON endpoints: permissions, credentials, and the sign-in response."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts.api.serializers import UserSerializer, pair_body
from accounts.device_names import device_name
from accounts.models import Session, User
from accounts.sessions import session_pairs

# What is answered to whoever asks for a message, so that nobody can tell who has an account.
MESSAGE_SENT = {"detail": "If the address can receive this message, it has been sent."}


class OpenView(APIView):
    """A public endpoint whose response is a credential, so it must not be cached."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer: HttpResponseBase = super().finalize_response(request, response, *args, **kwargs)
        answer.headers["Cache-Control"] = "no-store"
        return answer


def valid(serializer: BaseSerializer[Any]) -> dict[str, Any]:
    """Return the validated body, or raise ``InvalidRequest``."""
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data


def django_request(request: Request) -> HttpRequest:
    """Return the request that DRF has wrapped: what Django's and allauth's own functions take."""
    inner: HttpRequest = request._request  # noqa: SLF001 - DRF offers no public way to it
    return inner


def user_of(request: Request) -> User:
    """Return the caller of a view that requires authentication."""
    assert isinstance(request.user, User)
    return request.user


def session_of(request: Request) -> UUID:
    """Return the id of the caller's session in a view that refuses API keys."""
    assert isinstance(request.auth, session_pairs.Caller)
    return request.auth.session_id


def device_of(request: Request, data: dict[str, Any]) -> str:
    """Remove the device's name from the body, or derive it from the headers."""
    given = data.pop("device_name", "") or request.headers.get("X-Client-Name", "")
    return device_name(given=given, user_agent=request.headers.get("User-Agent", ""))


def signed_in(user: User, device: str, *, second_factor: bool = False) -> dict[str, Any]:
    """Start a session and return its tokens and the user: the body of a sign-in response."""
    pair = session_pairs.issue(
        user, name=device, second_factor=second_factor, origin=Session.Origin.PASSWORD
    )
    return {**pair_body(pair), "user": UserSerializer(user).data}
