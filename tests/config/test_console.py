"""The lines of one turn of an event loop go out together: in order, and none is lost."""

import asyncio
import io
import logging
import subprocess
import sys
from threading import Thread

import pytest

from core.logs import Console


class Writes(io.StringIO):
    """A stream that remembers what each write brought."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[str] = []

    def write(self, text: str) -> int:
        self.all.append(text)
        return super().write(text)


@pytest.fixture
def console() -> Console:
    return Console(Writes())


def writes(console: Console) -> list[str]:
    assert isinstance(console.stream, Writes)
    return console.stream.all


def say(console: Console, text: str, level: int = logging.INFO) -> None:
    console.handle(logging.LogRecord("test", level, __file__, 0, text, (), None))


def test_lines_of_one_turn_are_written_together_and_in_order(console: Console) -> None:
    async def turns() -> None:
        say(console, "one")
        say(console, "two")
        assert writes(console) == []
        await asyncio.sleep(0)
        say(console, "three")
        await asyncio.sleep(0)

    asyncio.run(turns())

    assert writes(console) == ["one\ntwo\n", "three\n"]


def test_a_warning_is_written_at_once_after_what_waits(console: Console) -> None:
    async def turn() -> None:
        say(console, "one")
        say(console, "look", logging.WARNING)
        assert writes(console) == ["one\nlook\n"]

    asyncio.run(turn())


def test_outside_of_an_event_loop_nothing_waits(console: Console) -> None:
    say(console, "one")
    assert writes(console) == ["one\n"]

    thread = Thread(target=say, args=(console, "two"))
    thread.start()
    thread.join()
    assert writes(console) == ["one\n", "two\n"]


def test_what_a_loop_left_is_written_by_the_next(console: Console) -> None:
    left = asyncio.new_event_loop()
    left.call_soon(say, console, "one")
    left.call_soon(left.stop)
    left.run_forever()  # It is stopped before the turn in which it would have written.
    left.close()
    assert writes(console) == []

    async def turn() -> None:
        say(console, "two")

    asyncio.run(turn())

    assert writes(console) == ["one\ntwo\n"]


def test_what_waits_when_the_process_ends_is_written() -> None:
    program = """
import asyncio, logging, sys
from core.logs import Console

logging.getLogger().addHandler(Console())
logging.getLogger().setLevel(logging.INFO)

async def turn():
    logging.getLogger().info("the last words")
    sys.exit(3)

asyncio.run(turn())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == "the last words"
