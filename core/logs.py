"""Structured logs: one JSON object per line in production, readable lines in development.

Every line of a request has its `request_id` (core/http/middleware.py binds it). Bodies and
credentials are never logged; credentials in a URL are masked.
"""

import asyncio
import logging
import re
import time
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog

ACCESS = "tokengate.access"

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]

_WEBHOOKS = "/api/stripe/webhook/"

_IN_ADDRESSES = re.compile(
    r"(/accounts/(?:confirm-email|password/reset/key)/"
    r"|[?&](?:code|state|ticket|user_code|id_token|access_token|refresh_token)=)[^/&\s\"'>]+"
)
_CREDENTIALS = re.compile(r"\btgk_[0-9A-Za-z]{20,}|\beyJ[\w-]{10,}\.[\w-]+\.[\w-]*")


def logging_config(*, level: str, as_json: bool, webhooks: bool = True) -> dict[str, Any]:
    """Return the `LOGGING` setting, and set structlog up to end in it.

    Without ``webhooks`` nothing is said of one that was taken well.
    """
    _leave_out_what_no_line_shows()
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": _JsonFormatter if as_json else structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    _renderer(as_json=as_json),
                    _without_secrets,
                ],
                "foreign_pre_chain": _SHARED,
            }
        },
        "filters": {
            "has_traceback": {
                "()": "django.utils.log.CallbackFilter",
                "callback": lambda record: record.exc_info is not None,
            },
            "is_worth_saying": {
                "()": "django.utils.log.CallbackFilter",
                "callback": lambda record: not _is_of_webhook_taken(record),
            },
        },
        "handlers": {
            "console": {
                "class": "core.logs.Console",
                "formatter": "line",
                "filters": [] if webhooks else ["is_worth_saying"],
            }
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # The access log has every status already; here it is about tracebacks.
            "django.request": {"level": "ERROR", "filters": ["has_traceback"]},
            # Scanners and probes by address: a 400 in the access log is enough.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "django.server": {"level": "WARNING"},
            # What the server itself has to say, which gunicorn would write in its own way.
            "gunicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
            "uvicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
            "uvicorn.access": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
            "stripe": {"level": "WARNING"},
            "djstripe": {"level": "CRITICAL"},  # What fails there fails the task that called it.
            "django.db.backends": {"level": "INFO"},  # At DEBUG it writes whatever is stored.
            "oauthlib": {"level": "WARNING"},  # At DEBUG it writes codes and tokens.
        },
    }


def _is_of_webhook_taken(record: logging.LogRecord) -> bool:
    if record.levelno >= logging.WARNING:
        return False
    if record.name == ACCESS:
        fields = record.__dict__
        return str(fields["path"]).startswith(_WEBHOOKS) and fields["status"] < 400
    return isinstance(record.msg, dict) and record.msg.get("event") == "webhook_processed"


def without_secrets(text: str) -> str:
    """Blank out API keys, JWTs, and in addresses the keys of messages and the codes of sign-ins."""
    if "tgk_" in text or "eyJ" in text:
        text = _CREDENTIALS.sub("***", text)
    if "=" in text or "/accounts/" in text:
        text = _IN_ADDRESSES.sub(r"\1***", text)
    return text


def _leave_out_what_no_line_shows() -> None:
    """Spare every record its caller and thread; gunicorn's own lines name the process.

    https://docs.python.org/3/howto/logging.html#optimization
    """
    logging._srcfile = None  # noqa: SLF001
    logging.logThreads = logging.logMultiprocessing = False


class Console(logging.StreamHandler[TextIO]):
    """Writes to a stream; the quiet lines of one turn of an event loop in one write.

    A busy worker ends a dozen requests in a turn, and a write is as dear as making the line. A
    warning, and whatever does not come from an event loop, is written at once, after what waits.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to standard error, or to another stream."""
        super().__init__(stream)
        self._lines: list[str] = []
        self._flushed_by: asyncio.AbstractEventLoop | None = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record unless a filter drops it, as every handler does, with fewer calls."""
        if self.filters and not self.filter(record):
            return False
        assert self.lock is not None
        with self.lock:
            self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or have it written when this turn of the loop is over."""
        try:
            self._lines.append(self.format(record) + self.terminator)
            if not self._can_wait(record):
                self._write()
        except Exception:  # noqa: BLE001 - as every handler does: no line may break its subject
            self.handleError(record)

    def flush(self) -> None:
        """Write what waits, as is also done when the process ends."""
        assert self.lock is not None
        with self.lock:
            self._write()

    def _can_wait(self, record: logging.LogRecord) -> bool:
        loop = asyncio._get_running_loop() if record.levelno < logging.WARNING else None  # noqa: SLF001 - never raises
        if loop and (len(self._lines) == 1 or loop is not self._flushed_by):
            self._flushed_by = loop
            loop.call_soon(self.flush)
        return loop is not None

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        self.stream.write("".join(lines))
        self.stream.flush()


class AccessRecord(logging.LogRecord):
    """What the access log says of a request. Like any record, but for how long it takes to make."""

    def __init__(self, **fields: Any) -> None:
        now = time.time()
        # Formatters of the standard library read `__dict__`.
        self.__dict__ = {**_ACCESS_RECORD, **fields, "created": now, "msecs": now % 1 * 1000}


# With the names of the fields, a copy need not grow.
_ACCESS_RECORD: dict[str, Any] = {
    **vars(logging.LogRecord(ACCESS, logging.INFO, __file__, 0, "request", (), None)),
    **dict.fromkeys(("method", "path", "status", "user_id", "ms", "request_id")),
}


class _JsonFormatter(structlog.stdlib.ProcessorFormatter):
    """Writes the access log by itself: structlog's processors cost more than the request does."""

    def format(self, record: logging.LogRecord) -> str:
        if type(record) is not AccessRecord:
            return super().format(record)
        fields = record.__dict__
        line = {
            "method": fields["method"],
            "path": fields["path"],
            "status": fields["status"],
            "user_id": fields["user_id"],
            "ms": fields["ms"],
            "request_id": fields["request_id"],
            "event": "request",
            "level": "info",
            "logger": ACCESS,
            "timestamp": datetime.fromtimestamp(record.created, UTC),
        }
        return without_secrets(orjson.dumps(line, option=orjson.OPT_UTC_Z).decode())


def _without_secrets(_logger: Any, _method: str, line: str) -> str:
    """Do so on the finished line: Django puts addresses into messages, requests and tracebacks."""
    return without_secrets(line)


def _renderer(*, as_json: bool) -> Any:
    if as_json:
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=False, pad_event_to=20)
