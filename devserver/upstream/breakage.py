"""Faults before the headers of a response, for streams and JSON."""

import asyncio
import json
from typing import Any

import orjson

from devserver.upstream.errors import of_status
from devserver.upstream.faults import BEFORE_HEAD
from devserver.upstream.job import Job
from devserver.upstream.wire import Output, refusal, response

FLOOD = 100
MEGABYTE = b" " * 1_000_000


async def forever() -> None:
    """Say nothing until the client leaves."""
    await asyncio.Event().wait()


async def strikes_before_head(job: Job, out: Output) -> bool:
    """Whether a fault took the answer's place."""
    if not job.directive.fault & BEFORE_HEAD:
        return False
    if job.has("stall_first"):
        await forever()
    if job.has("refuse_headers"):
        out.reset()
    elif job.has("status"):
        job.record.status = job.directive.status or 500
        out.write(refusal(of_status(job.record.status, retry_after=job.directive.retry_after)))
    else:
        job.record.status = 200
        out.write(response(200, orjson.dumps({"error": provider_error(502)}), job.headers()))
    return True


def odd_text(text: str, job: Job) -> str:
    """The text of a token, or of a whole answer, as a fault wants it."""
    if job.has("wide"):
        return "-" * 40
    return f"\ud83d{text}" if job.has("halves") else text


def json_text(value: Any) -> bytes:
    """JSON in which half of a surrogate pair is escaped, as some providers write it."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def provider_error(code: int | str) -> dict[str, Any]:
    """An error as OpenRouter tells it inside an answer: its code a number or a name."""
    metadata = {"provider_name": "Demo", "raw": "upstream connection lost"}
    return {"code": code, "message": "Provider disconnected unexpectedly", "metadata": metadata}
