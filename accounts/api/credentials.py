"""JSON endpoints of passwords and email verification."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import MESSAGE_SENT, OpenView, django_request, session_of, user_of, valid
from accounts.api.serializers import (
    EmailSerializer,
    KeySerializer,
    MessageSentSerializer,
    PasswordChangeSerializer,
    PasswordResetSerializer,
    VerifiedSerializer,
)
from accounts.errors import (
    InvalidKey,
    PasswordChanged,
    ReauthenticationRequired,
    WeakPassword,
    WrongPassword,
)
from accounts.flows import passwords, verification
from core.errors import RateLimited
from core.http.openapi import raises


class ChangeView(APIView):
    @raises(WeakPassword, WrongPassword, ReauthenticationRequired, PasswordChanged, RateLimited)
    @extend_schema(
        operation_id="change_password", request=PasswordChangeSerializer, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        """Change the password. Signs out every other device at once.

        A first password is set without `current_password`, within ten minutes of signing in.
        """
        data = valid(PasswordChangeSerializer(data=request.data))
        passwords.change(
            django_request(request),
            user_of(request),
            current=data.get("current_password"),
            new=data["new_password"],
            session_id=session_of(request),
        )
        return Response(status=204)


class ResetView(OpenView):
    @raises(RateLimited)
    @extend_schema(
        operation_id="request_password_reset",
        request=EmailSerializer,
        responses={202: MessageSentSerializer},
    )
    def post(self, request: Request) -> Response:
        """Send a key for setting a new password. The response is the same if no account exists."""
        data = valid(EmailSerializer(data=request.data))
        passwords.request_reset(django_request(request), email=data["email"])
        return Response(MESSAGE_SENT, status=202)


class ConfirmView(OpenView):
    @raises(InvalidKey, WeakPassword)
    @extend_schema(
        operation_id="confirm_password_reset",
        request=PasswordResetSerializer,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """Set a new password with the key from the message. Signs out every device at once."""
        data = valid(PasswordResetSerializer(data=request.data))
        passwords.reset(key=data["key"], new=data["new_password"])
        return Response(status=204)


class VerifyView(OpenView):
    @raises(InvalidKey)
    @extend_schema(
        operation_id="verify_email", request=KeySerializer, responses={200: VerifiedSerializer}
    )
    def post(self, request: Request) -> Response:
        """Verify an email address with the key from the message. A key works once."""
        data = valid(KeySerializer(data=request.data))
        address = verification.verify(django_request(request), key=data["key"])
        return Response({"email": address.email, "verified": True})


class ResendView(OpenView):
    @raises(RateLimited)
    @extend_schema(
        operation_id="resend_verification",
        request=EmailSerializer,
        responses={202: MessageSentSerializer},
    )
    def post(self, request: Request) -> Response:
        """Send the verification key again. The response is the same if no account exists."""
        data = valid(EmailSerializer(data=request.data))
        verification.resend(django_request(request), email=data["email"])
        return Response(MESSAGE_SENT, status=202)
