"""Routing of requests to the demo upstream."""

from collections.abc import Coroutine
from typing import Any

import orjson

from devserver.upstream import json_delivery, models, usage_lookup, wire
from devserver.upstream.control import Control
from devserver.upstream.endpoints import ENDPOINTS, Endpoint
from devserver.upstream.errors import (
    ApiError,
    unauthorized,
    unknown_model,
    unknown_url,
    wrong_method,
)
from devserver.upstream.faultbook import FaultBook
from devserver.upstream.frames import Frames
from devserver.upstream.job import Job
from devserver.upstream.journal import Journal, Record
from devserver.upstream.stream_delivery import Stream
from devserver.upstream.validation import parse
from devserver.upstream.wire import Output, Request

_MODELS = wire.response(200, orjson.dumps(models.listing()))
_READABLE = ("/models", "/generation")


class App:
    """``pace`` is the pause between tokens in milliseconds, where a directive sets none."""

    def __init__(self, *, pace: float = 0.0, keeps_journal: bool = True) -> None:
        self._pace = pace / 1000
        self._journal = Journal(keeps=keeps_journal)
        self._faults = FaultBook()
        self._control = Control(journal=self._journal, faults=self._faults)

    def answer(self, request: Request, out: Output) -> Coroutine[Any, Any, None] | None:
        """Answer at once, or return what has to be awaited (and cancelled if the client leaves)."""
        try:
            endpoint = ENDPOINTS.get(request.path)
            if endpoint is not None and request.method == "POST":
                return self._generate(endpoint, request, out)
            out.write(self._look_up(request))
        except ApiError as error:
            out.write(wire.refusal(error, bodiless=request.method == "HEAD"))
        return None

    def _look_up(self, request: Request) -> bytes:
        path = request.path
        if request.method == "HEAD":
            raise unknown_url("HEAD", path)
        if path.startswith("/_control/"):
            return wire.ok(self._control.answer(request))
        _authenticate(request)
        if path in ENDPOINTS or (path in _READABLE and request.method != "GET"):
            raise wrong_method(request.method, path)
        if request.method != "GET":
            raise unknown_url(request.method, path)
        return self._read(request, path)

    def _read(self, request: Request, path: str) -> bytes:
        if path == "/models":
            return _MODELS
        if path == "/generation":
            ident = request.query.get("id", "")
            return wire.ok(usage_lookup.generation(self._journal, ident))
        if path.startswith("/completion-requests/"):
            ident = path.removeprefix("/completion-requests/")
            return wire.ok(usage_lookup.completion_request(self._journal, ident))
        if path.startswith("/models/"):
            return _one_model(path.removeprefix("/models/"))
        raise unknown_url(request.method, path)

    def _generate(
        self, endpoint: Endpoint, request: Request, out: Output
    ) -> Coroutine[Any, Any, None] | None:
        record = self._journal.open(request=request, path=endpoint.path)
        try:
            job = self._job(endpoint, request, record)
        except ApiError as error:
            record.status = error.status
            self._journal.close(record, outcome="rejected")
            raise
        if job.streams or job.directive.fault or job.first or job.pace:
            return self._deliver(job, endpoint.frames, out)
        json_delivery.answer_at_once(job, out)
        self._journal.close(record, outcome="finished")
        return None

    def _job(self, endpoint: Endpoint, request: Request, record: Record) -> Job:
        _authenticate(request)
        body = parse(request.body)
        record.note(body)
        return endpoint.job(body, record=record, faults=self._faults, pace=self._pace)

    async def _deliver(self, job: Job, frames: Frames | None, out: Output) -> None:
        """The client's leaving cancels this, wherever it is."""
        outcome = "cancelled"
        try:
            if job.streams and frames is not None:
                outcome = await Stream(job, frames, out).run()
            else:
                outcome = await json_delivery.answer(job, out)
        finally:
            self._journal.close(job.record, outcome=outcome)


def _authenticate(request: Request) -> None:
    scheme, _, key = request.headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not key.strip():
        raise unauthorized("You didn't provide an API key.")
    if key.strip() == b"bad":
        raise unauthorized("Incorrect API key provided: bad.")


def _one_model(ident: str) -> bytes:
    if ident not in models.CATALOG:
        raise unknown_model(ident)
    return wire.ok(models.describe(models.CATALOG[ident]))
