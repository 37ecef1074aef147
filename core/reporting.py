"""Error reports to Sentry if SENTRY_DSN is set, without prompts, tokens or keys.

https://docs.sentry.io/platforms/python/data-management/sensitive-data/: bodies, cookies and
variables of stack frames are not sent, and credentials are masked.
"""

from typing import Any

import sentry_sdk
from sentry_sdk.scrubber import DEFAULT_DENYLIST, EventScrubber

from core.logs import without_secrets

_SECRET_NAMES = ("x-api-key", "idempotency-key", "key", "refresh", "access", "id_token", "code")


def report_errors(dsn: str) -> None:
    """Begin to report; once per process. Raises ``BadDsn`` for a text that is none."""
    sentry_sdk.init(
        dsn=dsn,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        event_scrubber=EventScrubber(denylist=[*DEFAULT_DENYLIST, *_SECRET_NAMES], recursive=True),
        before_send=_without_secrets,
    )


def _without_secrets(event: Any, hint: Any) -> Any:
    return _scrubbed(event)


def _scrubbed(part: Any) -> Any:
    """Blank out credentials in every text, however deep it stands."""
    if isinstance(part, dict):
        return {name: _scrubbed(value) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [_scrubbed(value) for value in part]
    return without_secrets(part) if isinstance(part, str) else part
