"""What can go wrong with API keys.

ApiError
├── InvalidApiKey   401   unknown, mistyped, expired or revoked
└── KeyScope        403   required
"""

from config.errors import NotAuthenticated, PermissionDenied


class InvalidApiKey(NotAuthenticated):
    code = "invalid_api_key"
    message = "This API key is not valid."


class KeyScope(PermissionDenied):
    code = "key_scope"

    def __init__(self, *, required: str | None) -> None:
        """Without a scope that would do, nothing but a session will."""
        lacks = f"This API key lacks the scope {required}."
        super().__init__(lacks if required else "An API key cannot do this.", required=required)
