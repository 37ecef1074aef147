"""Who calls the proxy, and what he may do: from the credential, remembered for a moment."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from accounts import sessions
from accounts.attempts import client_address
from apikeys import auth
from apikeys.errors import KeyScope
from config.database import in_thread, listen
from config.errors import NotAuthenticated
from tokens.ledger import open_account
from tokens.limit_states import Limits
from tokens.tiers import limits_of

# A revocation is announced and in force at once. Should the announcement be lost, or somebody be
# suspended or put on another plan, it is in force within a second all the same.
REMEMBER_SECONDS = 0.9
_MOST_REMEMBERED = 10_000


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

    def require(self, scope: str) -> None:
        """Raise ``KeyScope`` unless this is a session, or a key with the scope."""
        if self.scopes is not None and scope not in self.scopes:
            raise KeyScope(required=scope)


# (is it a key, the credential) -> (until when, the look-up, which all who ask meanwhile share)
_known: dict[tuple[bool, str], tuple[float, asyncio.Task[Caller]]] = {}


async def identify(request: HttpRequest) -> Caller:
    """Return who calls. Raises ``NotAuthenticated`` or one of its kinds."""
    who = _credential(request)
    now = time.monotonic()
    until, task = _known.get(who, (0.0, None))
    if task is None or until < now:
        task = asyncio.create_task(in_thread(_look_up, *who))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        if len(_known) >= _MOST_REMEMBERED:
            _known.clear()
        _known[who] = (now + REMEMBER_SECONDS, task)
    try:
        caller = await asyncio.shield(task)
    except Exception:
        if _known.get(who, (0.0, None))[1] is task:  # Only good news is remembered.
            del _known[who]
        raise
    if caller.allowed_ips:
        auth.insist_on_address(caller.allowed_ips, client_address(request))
    request.caller_id = caller.user_id  # type: ignore[attr-defined]  # for the access log
    return caller


async def forget_the_revoked() -> None:
    """Forget everybody whenever somebody is revoked, for ever; they are looked up again."""
    await listen(sessions.REVOKED, _known.clear)


def _credential(request: HttpRequest) -> tuple[bool, str]:
    key = auth.credential(request.headers)
    if key:
        return True, key
    token = sessions.bearer(request.headers.get("Authorization", "").encode("latin-1", "replace"))
    if not token:
        raise NotAuthenticated
    return False, token


def _look_up(is_key: bool, credential: str) -> Caller:
    if is_key:
        key = auth.verify(credential)
        return _caller(
            key.user_id,
            api_key=key.pk,
            scopes=frozenset(key.scopes),
            allowed_ips=tuple(key.allowed_ips),
            key_requests_per_minute=key.requests_per_minute,
            key_token_budget=key.monthly_token_budget,
        )
    return _caller(sessions.verify(credential).user_id)


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
