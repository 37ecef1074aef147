"""Authentication of the proxy's callers, from the credential. The result is cached briefly."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from accounts.sessions import session_pairs
from apikeys import auth
from apikeys.errors import KeyScope
from core.errors import NotAuthenticated
from core.http.client import client_address
from llmproxy.relay.memory import Credential, Found, remembered
from tokens.ledger import open_account
from tokens.limits.states import Limits
from tokens.tiers import limits_of


@dataclass(frozen=True)
class Caller:
    user_id: int
    plan: str
    allowed_models: tuple[str, ...]
    max_output_tokens: int
    limits: Limits
    api_key: UUID | None = None
    scopes: frozenset[str] | None = None
    allowed_ips: tuple[str, ...] = ()
    key_token_budget: int | None = None
    session_budget: int | None = None
    task_budget: int | None = None

    def require(self, scope: str) -> None:
        """Raise ``KeyScope`` unless this is a session, or a key with the scope."""
        if self.scopes is not None and scope not in self.scopes:
            raise KeyScope(required=scope)


async def identify(request: HttpRequest) -> Caller:
    """Return the caller. Raises ``NotAuthenticated`` or a subclass of it."""
    caller = await remembered(_credential(request), _look_up)
    if caller.allowed_ips:
        auth.require_allowed_address(caller.allowed_ips, client_address(request))
    request.caller_id = caller.user_id  # type: ignore[attr-defined]  # for the access log
    return caller


_KEY_HEADERS = tuple(f"HTTP_{name.upper().replace('-', '_')}" for name in auth.KEY_HEADERS)


def _credential(request: HttpRequest) -> Credential:
    """Return the key or token, from any of the headers that SDKs send it in."""
    for name in _KEY_HEADERS:
        if name in request.META and (key := request.META[name].strip()):
            return not _is_token(key), key
    header = request.META.get("HTTP_AUTHORIZATION", "")
    token = session_pairs.bearer(header.encode("latin-1", "replace"))
    if not token:
        raise NotAuthenticated
    return not _is_token(token), token


def _is_token(text: str) -> bool:
    """Return whether this is a JWT: three parts separated by dots. Keys do not contain dots."""
    return text.count(".") == 2


def _look_up(credential: Credential) -> Found[Caller]:
    is_key, text = credential
    if not is_key:
        session = session_pairs.verify(text)
        return Found(_caller(session.user_id), session.user_id, session.until)
    key = auth.verify(text)
    caller = _caller(
        key.user_id,
        api_key=key.pk,
        scopes=frozenset(key.scopes),
        allowed_ips=tuple(key.allowed_ips),
        key_requests_per_minute=key.requests_per_minute,
        key_token_budget=key.monthly_token_budget,
        session_budget=key.session_budget,
        task_budget=key.task_budget,
    )
    return Found(caller, key.user_id, auth.good_until(key, text))


def _caller(user_id: int, *, key_requests_per_minute: int | None = None, **of_key: Any) -> Caller:
    tier = open_account(user_id).tier
    return Caller(
        user_id=user_id,
        plan=tier.name,
        allowed_models=tuple(tier.allowed_models),
        max_output_tokens=tier.max_output_tokens,
        limits=limits_of(tier, key_requests_per_minute=key_requests_per_minute),
        **of_key,
    )
