"""What can go wrong with signing in.

ApiError
├── NotAuthenticated
│   ├── InvalidToken        401   malformed, expired, of another kind, or of nobody
│   │   └── TokenSuperseded 401   a refresh token whose race another request has just won
│   ├── TokenRevoked        401   signed out
│   └── InvalidCredentials  401   wrong e-mail or password, or suspended
├── EmailTaken              409
└── RateLimited             429   retry_after
"""

from config.errors import Conflict, NotAuthenticated


class InvalidToken(NotAuthenticated):
    code = "invalid_token"
    message = "The token is not valid, or has expired."


class TokenSuperseded(InvalidToken):
    """Not the end of the session: whoever won the race holds its new pair."""

    message = "This refresh token was exchanged a moment ago: use the pair that came of it."
    retryable = True


class TokenRevoked(NotAuthenticated):
    code = "token_revoked"
    message = "This session has been signed out."


class InvalidCredentials(NotAuthenticated):
    code = "invalid_credentials"
    message = "There is no active account with this e-mail and password."


class EmailTaken(Conflict):
    code = "email_taken"
    message = "An account with this e-mail exists already."

    def __init__(self) -> None:
        super().__init__(param="email")
