"""The beginning of a provider's answer: whether it is a stream, and in which form.

The body is inspected, whatever its content type: some providers answer a request for a stream with
one whole JSON answer.
"""

from llmproxy.errors import UpstreamError
from llmproxy.protocol import sse
from llmproxy.relay.stream import Opening
from llmproxy.relay.wires import Beginning, Wire
from llmproxy.upstream.client import AttemptFailed, UpstreamAnswer
from llmproxy.upstream.deadline import Deadline

_BOM = b"\xef\xbb\xbf"


async def open_stream(answer: UpstreamAnswer, deadline: Deadline, wire: Wire) -> Opening:
    """Read until the first content. Until then, another provider can still be tried.

    Role and comment events are held back. Raises ``AttemptFailed``, or ``TimeoutError`` at the
    deadline.
    """
    try:
        data = await _first_bytes(answer, deadline)
        if data.startswith((b"{", b"[", b"<")):
            return wire.streamed(answer, data + await answer.read_all(deadline.seconds_left))
        return await _until_content(answer, data, deadline, wire.beginning())
    except sse.TooLarge as error:
        answer.close()
        raise AttemptFailed(UpstreamError(), outcome="too_large", status=200) from error
    except BaseException:
        answer.close()
        raise


async def _first_bytes(answer: UpstreamAnswer, deadline: Deadline) -> bytes:
    """Return the first bytes with content, or b"" at the end. Raises ``sse.TooLarge``."""
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


async def _until_content(
    answer: UpstreamAnswer, data: bytes, deadline: Deadline, beginning: Beginning
) -> Opening:
    splitter, size = sse.EventSplitter(), 0
    while True:
        block = splitter.feed(data) if data else splitter.rest()
        size += len(block)
        if size > sse.LARGEST:
            raise sse.TooLarge
        if (unread := beginning.look(block)) is not None:
            return Opening(answer, splitter, unread, beginning.stream)
        if not data:
            raise beginning.empty()
        data = await answer.read(deadline.seconds_left)
        deadline.heard()
