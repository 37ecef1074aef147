"""However the network splits events, and whatever ends their lines, they are relayed whole."""

import itertools
import re

import pytest

from llmproxy.protocol import sse
from llmproxy.protocol.sse import EventSplitter

LONGEST = 7
TEXTS = [
    "".join(letters).encode()
    for length in range(1, LONGEST + 1)
    for letters in itertools.product("a\r\n", repeat=length)
]
END = re.compile(rb"(?:\r\n|\n|\r)(?:\r\n|\n|\r)\Z")
LINES = (b"data: a", b"data:b", b"data", b"data: data: c", b"event: e", b"event:f", b": data: d")


def ends_an_event(text: bytes) -> bool:
    """Tell whether a text ends with an empty line; CR LF is one end of a line, not two."""
    found = END.search(text)
    return found is not None and found[0] != b"\r\n"


@pytest.mark.parametrize("chunks", [1, 2, 3])
def test_a_block_ends_with_the_last_event_that_has_ended(chunks: int) -> None:
    for text in TEXTS:
        for cuts in itertools.combinations(range(1, len(text)), chunks - 1):
            edges = [0, *cuts, len(text)]
            splitter, relayed = EventSplitter(), b""
            for start, end in itertools.pairwise(edges):
                relayed += splitter.feed(text[start:end])
                assert relayed == b"" or ends_an_event(relayed), (text, cuts)
                rest = text[len(relayed) : end]
                assert splitter.rest() == rest, (text, cuts)
                whole = [at for at in range(2, len(rest) + 1) if ends_an_event(rest[:at])]
                assert not whole, (text, cuts)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_the_data_of_an_event_is_that_of_its_lines(ending: bytes) -> None:
    for number in range(1, 5):
        for lines in itertools.product(LINES, repeat=number):
            event = ending.join([*lines, b"", b""])
            values = [
                value.removeprefix(b" ")
                for field, _, value in (line.partition(b":") for line in lines)
                if field == b"data"
            ]
            assert sse.data(event) == b"\n".join(values), event
