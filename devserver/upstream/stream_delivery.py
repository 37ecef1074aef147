"""Writing a stream of events, one token per chunk, with its faults."""

import asyncio
import zlib

from devserver.upstream.breakage import (
    FLOOD,
    MEGABYTE,
    forever,
    provider_error,
    strikes_before_head,
)
from devserver.upstream.faults import MIDWAY
from devserver.upstream.frames import DONE, Frames
from devserver.upstream.job import Job
from devserver.upstream.splitting import split
from devserver.upstream.wire import EVENTS, LAST_CHUNK, Output, chunk, head

_COMMENT = b": OPENROUTER PROCESSING\n\n"
_GZIP = 31  # zlib's window bits for a gzip container
_BETWEEN_WRITES = 0.001  # so that each write is a segment of its own


class Stream:
    """One stream to one client."""

    def __init__(self, job: Job, frames: Frames, out: Output) -> None:
        self._job = job
        self._frames = frames
        self._out = out
        self._sent = 0
        self._gzip = zlib.compressobj(wbits=_GZIP) if job.has("gzip") else None
        struck = bool(job.directive.fault & MIDWAY)
        self._strike_at = min(job.directive.after, job.plan.completion_tokens) if struck else None

    async def run(self) -> str:
        """Write the stream; returns the outcome."""
        job = self._job
        if not job.has("comments"):
            await asyncio.sleep(job.first)
        if await strikes_before_head(job, self._out):
            return "fault"
        await self._open()
        for tokens, event in self._frames.events(job, lambda: self._sent):
            if self._sent == self._strike_at and await self._strike():
                return "fault"
            if tokens and self._sent and job.pace:
                await asyncio.sleep(job.pace)
            if event is DONE and job.has("hang_on"):
                await forever()
            await self._send(event)
            self._count(tokens)
        self._end()
        return "finished"

    async def _open(self) -> None:
        job = self._job
        job.record.status = 200
        job.record.plan = job.plan
        job.record.prompt_tokens = job.plan.prompt_tokens
        headers = {"content-type": EVENTS, "cache-control": "no-cache", **job.headers()}
        if self._gzip is not None:
            headers["content-encoding"] = "gzip"
        self._out.write(head(200, {**headers, "transfer-encoding": "chunked"}))
        if job.has("comments"):
            await self._send(_COMMENT)
            await asyncio.sleep(job.first)

    def _count(self, tokens: int) -> None:
        self._sent += tokens
        self._job.record.chunks_sent = self._job.record.completion_tokens = self._sent

    async def _send(self, event: bytes) -> None:
        job = self._job
        if job.has("comments") and event is not _COMMENT:
            await self._send(_COMMENT)
        if job.has("crlf"):
            event = event.replace(b"\n", b"\r\n")
        if self._gzip is not None:
            event = self._gzip.compress(event) + self._gzip.flush(zlib.Z_SYNC_FLUSH)
        if job.has("split"):
            await self._send_split(event)
        else:
            self._out.write(chunk(event))
            await self._out.drain()

    async def _send_split(self, event: bytes) -> None:
        for piece in split(event):
            self._out.write(chunk(piece))
            await asyncio.sleep(_BETWEEN_WRITES)

    def _end(self) -> None:
        rest = self._gzip.flush() if self._gzip is not None else b""
        self._out.write((chunk(rest) if rest else b"") + LAST_CHUNK)

    async def _strike(self) -> bool:
        """Do what the fault does here; whether it ends the stream."""
        self._strike_at = None
        job, out = self._job, self._out
        if job.has("garbage"):
            await self._send(b'data: {"id": "chatcmpl-demo", "choices": [{"index": 0, "del\n\n')
            return False
        if job.has("stall_between"):
            await forever()
        if job.has("reset_mid_chunk"):
            out.write(chunk(self._frames.nothing(job))[:-20])
            await out.drain()
            out.reset()
        elif job.has("cut_tcp"):
            out.hang_up()
        elif job.has("flood"):
            for _ in range(FLOOD):
                await self._send(MEGABYTE)
        else:
            await self._tell_error()
            self._end()
        return True

    async def _tell_error(self) -> None:
        """The mid-stream error of the fault, if it is one: a top-level ``error``."""
        job = self._job
        if not job.directive.fault & {"error_chunk", "error_chunk_str"}:
            return
        error = provider_error("server_error" if job.has("error_chunk_str") else 502)
        await self._send(self._frames.error(job, error))
