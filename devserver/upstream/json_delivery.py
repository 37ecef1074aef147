"""Writing a JSON response, with its faults."""

import asyncio
import gzip

import orjson

from devserver.upstream.breakage import (
    FLOOD,
    MEGABYTE,
    forever,
    json_text,
    odd_text,
    provider_error,
    strikes_before_head,
)
from devserver.upstream.faults import MIDWAY
from devserver.upstream.job import Job
from devserver.upstream.splitting import split
from devserver.upstream.wire import JSON, LAST_CHUNK, Output, chunk, head, response

_CUTS = frozenset({"cut", "cut_tcp", "reset_mid_chunk", "stall_between"})
_BETWEEN_WRITES = 0.002  # so that each write is a segment of its own


def answer_at_once(job: Job, out: Output) -> None:
    """The plain case, without waiting."""
    _generate(job)
    job.record.status = 200
    out.write(response(200, _body(job), job.headers()))


def _generate(job: Job) -> None:
    """The generation is whole from here on: a provider bills it even if the client leaves."""
    job.record.plan = job.plan
    job.record.prompt_tokens = job.plan.prompt_tokens
    job.record.completion_tokens = job.plan.completion_tokens


def _body(job: Job) -> bytes:
    answer = job.shape.answer(job.plan, job.identity)
    if job.has("halves"):
        message = answer["choices"][0]["message"]
        message["content"] = odd_text(message["content"], job)
    if not job.has("no_usage"):
        answer["usage"] = job.usage(job.plan.completion_tokens)
    return json_text(answer)


async def answer(job: Job, out: Output) -> str:
    """Write the answer with its delays and faults; returns the outcome."""
    await asyncio.sleep(job.first)
    if await strikes_before_head(job, out):
        return "fault"
    if struck := job.directive.fault & {"error_chunk", "error_chunk_str"}:
        _tell_error(job, out, code="server_error" if "error_chunk_str" in struck else 502)
        return "fault"
    _generate(job)
    await asyncio.sleep(job.pace * job.plan.completion_tokens)
    await _write(job, out, _body(job))
    if not job.directive.fault & MIDWAY:
        return "finished"
    job.record.reported = None
    return "fault"


def _tell_error(job: Job, out: Output, *, code: int | str) -> None:
    job.record.status = 200
    out.write(response(200, orjson.dumps({"error": provider_error(code)}), job.headers()))


async def _write(job: Job, out: Output, body: bytes) -> None:
    job.record.status = 200
    headers = job.headers()
    if job.has("garbage"):
        body = body[: len(body) // 2]
    if job.has("flood"):
        body += MEGABYTE * FLOOD
    if job.has("gzip"):
        body, headers["content-encoding"] = gzip.compress(body), "gzip"
    if job.directive.fault & _CUTS:
        await _cut(job, out, body, headers)
    elif job.has("split"):
        await _split(out, body, headers)
    else:
        out.write(response(200, body, headers))


async def _split(out: Output, body: bytes, headers: dict[str, str]) -> None:
    out.write(response(200, body, headers, bodiless=True))
    for piece in split(body):
        out.write(piece)
        await asyncio.sleep(_BETWEEN_WRITES)


async def _cut(job: Job, out: Output, body: bytes, headers: dict[str, str]) -> None:
    """Stop after half of the body."""
    out.write(head(200, {"content-type": JSON, "transfer-encoding": "chunked", **headers}))
    half = body[: len(body) // 2]
    if job.has("reset_mid_chunk"):
        out.write(chunk(body)[: len(body) // 2])
        await out.drain()
        out.reset()
        return
    out.write(chunk(half))
    if job.has("stall_between"):
        await forever()
    if job.has("cut"):
        out.write(LAST_CHUNK)
    else:
        out.hang_up()
