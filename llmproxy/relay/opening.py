"""The beginning of an answer: whether there is one, and in which form it comes.

What a provider sends is looked at, whatever content type it says: some answer a request for a
stream with one whole JSON answer, or the other way round.
"""

from typing import Any

from llmproxy.errors import UpstreamError
from llmproxy.protocol import answers, events, sse
from llmproxy.protocol.output import finished_choices, output_characters
from llmproxy.protocol.parsing import dumps, loads
from llmproxy.protocol.refusals import Refusal, error_in
from llmproxy.protocol.reports import Report, merged, report_in
from llmproxy.relay.stream import Opening
from llmproxy.upstream.client import AttemptFailed, UpstreamAnswer, empty, failure_in, failure_of
from llmproxy.upstream.deadline import Deadline

_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")


def read_whole(body: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return a whole JSON answer, as bytes and as read; a stream is put together to one.

    Raises ``AttemptFailed`` if it is neither.
    """
    body = body.removeprefix(_BOM).strip()
    if body.startswith(_FIELDS):
        content = _put_together(body)
        return dumps(content), content
    try:
        content = loads(body)
    except ValueError as error:
        raise AttemptFailed(UpstreamError(), outcome="garbage", status=200) from error
    if not isinstance(content, dict):
        raise failure_in(body)
    return body, content


def _put_together(body: bytes) -> dict[str, Any]:
    chunks = []
    report: Report | None = None
    for event in sse.events(body):
        said = events.read(event)
        if isinstance(said, Refusal):
            raise failure_of(said)
        if isinstance(said, dict):
            chunks.append(said)
            report = merged(report, report_in(said))
    if not chunks:
        raise empty(report)
    return answers.as_answer(chunks)


async def open_stream(answer: UpstreamAnswer, deadline: Deadline) -> Opening:
    """Read until the model says something; until then another provider may still be asked.

    Role and comment events are held back. Raises ``AttemptFailed``, or ``TimeoutError`` at the
    deadline.
    """
    try:
        data = await _first_bytes(answer, deadline)
        if data.startswith((b"{", b"[", b"<")):
            return _streamed(answer, data + await answer.read_all(deadline.seconds_left))
        return await _until_content(answer, data, deadline)
    except sse.TooLarge as error:
        answer.close()
        raise AttemptFailed(UpstreamError(), outcome="too_large", status=200) from error
    except BaseException:
        answer.close()
        raise


async def _first_bytes(answer: UpstreamAnswer, deadline: Deadline) -> bytes:
    """Return the first bytes that say something, or b"" at the end. Raises ``sse.TooLarge``."""
    head, size = b"", 0
    while True:
        data = await answer.read(deadline.seconds_left)
        deadline.heard()
        size += len(data)
        if size > sse.LARGEST:
            raise sse.TooLarge
        head = (head + data).removeprefix(_BOM).lstrip()
        if not data or (head and not _BOM.startswith(head)):
            return head


def _streamed(answer: UpstreamAnswer, body: bytes) -> Opening:
    """Turn a whole answer into the stream that was asked for."""
    body, content = read_whole(body)
    if error_in(content) or "choices" not in content:
        raise failure_in(body)
    if answers.is_empty(content, "choices"):
        raise empty(report_in(content))
    return Opening(answer, sse.EventSplitter(), answers.as_stream(content))


async def _until_content(answer: UpstreamAnswer, data: bytes, deadline: Deadline) -> Opening:
    splitter, held = sse.EventSplitter(), b""
    report: Report | None = None
    while True:
        block = splitter.feed(data) if data else splitter.rest()
        held += block
        if len(held) > sse.LARGEST:
            raise sse.TooLarge
        began, report = _look(block, report)
        if began:
            return Opening(answer, splitter, held)
        if not data:
            raise empty(report)
        data = await answer.read(deadline.seconds_left)
        deadline.heard()


def _look(block: bytes, report: Report | None) -> tuple[bool, Report | None]:
    """Tell whether a block begins to answer, and what has been reported so far."""
    for event in sse.events(block):
        said = events.read(event)
        if isinstance(said, Refusal):
            raise failure_of(said)
        if said is events.DONE:
            raise empty(report)
        if isinstance(said, dict):
            if output_characters(said) or finished_choices(said):
                return True, report
            report = merged(report, report_in(said))
    return False, report
