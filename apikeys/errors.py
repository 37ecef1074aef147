"""Errors of API keys.

ApiError
├── InvalidApiKey      401   unknown, mistyped, expired or revoked
├── KeyScope           403   required
├── AddressNotAllowed  403   the key's allow-list does not hold the caller's address
└── TooManyKeys        409   limit
"""

from apikeys.secrets import PREFIX
from core.errors import Conflict, NotAuthenticated, PermissionDenied


class InvalidApiKey(NotAuthenticated):
    code = "invalid_api_key"
    message = "This API key is not valid. Check that it was copied completely."


class UnknownKeyFormat(InvalidApiKey):
    """What was sent is no key of ours, whatever else it is: most often another vendor's key."""

    message = f"This is not an API key of this service: its keys start with {PREFIX!r}."


class KeyScope(PermissionDenied):
    code = "key_scope"

    def __init__(self, *, required: str | None) -> None:
        """Without a scope that would do, nothing but a session will."""
        lacks = f"This API key does not have the scope {required}. Create a key that has it."
        cannot = "An API key cannot do this. Sign in, and send the session's access token."
        super().__init__(lacks if required else cannot, required=required)


class AddressNotAllowed(PermissionDenied):
    message = "This API key cannot be used from this IP address."


class TooManyKeys(Conflict):
    message = "Your plan does not allow more API keys."

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"Your plan allows {limit} API keys. Revoke one first.", limit=limit)
