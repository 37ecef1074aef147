"""Errors of sign-in and of accounts.

ApiError
├── NotAuthenticated
│   ├── InvalidToken            401   malformed, expired, of another kind, or of nobody
│   │   └── TokenSuperseded     401   a refresh token whose race another request has just won
│   ├── TokenRevoked            401   signed out
│   └── InvalidCredentials      401   wrong email or password, or suspended
├── PermissionDenied
│   ├── AppNotAllowed           403   account_url; the session began in an app or on a device
│   ├── EmailNotVerified        403   where verification is mandatory
│   ├── WrongPassword           403   param
│   ├── ReauthenticationRequired 403
│   └── SecondFactorRequired    403   param; none was given, or a wrong one
├── InvalidRequest
│   ├── WeakPassword            400   param, fields
│   ├── InvalidKey              400   of a message: unknown, used or expired
│   ├── InvalidProviderToken    400   param
│   └── UnknownProvider         400   param
├── Conflict
│   ├── EmailTaken              409
│   ├── PasswordChanged         409   by another request
│   ├── AccountInUse            409   the other site's account is linked to another user
│   └── LastLoginMethod         409
├── LinkExpired                 410   a linking that took too long, or whose session has ended
└── RateLimited                 429   retry_after, resets_at
"""

from core.errors import ApiError, Conflict, InvalidRequest, NotAuthenticated, PermissionDenied
from core.links import site_url


class InvalidToken(NotAuthenticated):
    code = "invalid_token"
    message = "The token is not valid, or has expired."


class TokenSuperseded(InvalidToken):
    """The session continues: the request that won the race has its new tokens."""

    message = "Another request has just used this refresh token. Use the tokens that it received."
    retryable = True


class TokenRevoked(NotAuthenticated):
    code = "token_revoked"
    message = "This session has been signed out."


class InvalidCredentials(NotAuthenticated):
    code = "invalid_credentials"
    message = "No active account has this email and password."


class EmailTaken(Conflict):
    code = "email_taken"
    message = "An account with this email already exists."

    def __init__(self) -> None:
        super().__init__(param="email")


class EmailNotVerified(PermissionDenied):
    code = "email_not_verified"
    message = "Verify your email address first. We sent you a message with a link."


class AppNotAllowed(PermissionDenied):
    """The session is of an editor or a device, and this needs the user's own sign-in."""

    def __init__(self) -> None:
        url = f"{site_url()}/accounts/"
        super().__init__(
            f"A session of an editor or a device cannot do this. Open your account page in a"
            f" browser ({url}), or sign in with your password.",
            account_url=url,
        )


class WrongPassword(PermissionDenied):
    code = "wrong_password"
    message = "The password is incorrect."


class ReauthenticationRequired(PermissionDenied):
    code = "reauthentication_required"
    message = "Sign in again, then repeat this request within ten minutes."


class SecondFactorRequired(PermissionDenied):
    code = "second_factor_required"
    message = "Send `code` as well: a code from your authenticator app, or a recovery code."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, param="code")


class WeakPassword(InvalidRequest):
    message = "This password is too weak."


class InvalidKey(InvalidRequest):
    code = "invalid_key"
    message = "This key is not valid. It may have been used or have expired."


class InvalidProviderToken(InvalidRequest):
    code = "invalid_provider_token"
    message = "The provider did not issue this token for us, or it has expired."


class UnknownProvider(InvalidRequest):
    message = "This provider is not set up here."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, param="provider")


class PasswordChanged(Conflict):
    code = "password_changed"
    message = "The password was changed by another request."


class AccountInUse(Conflict):
    code = "account_in_use"
    message = "This account is linked to another user."


class LastLoginMethod(Conflict):
    code = "last_login_method"
    message = (
        "Set a password or link another account first. Without this account you could not sign in."
    )


class LinkExpired(ApiError):
    status = 410
    code = "link_expired"
    message = "This link has been used or has expired. Start again."
