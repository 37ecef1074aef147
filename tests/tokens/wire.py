"""A wire to PostgreSQL that can lose the answer to what the server has carried out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from django.db import connection

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wire:
    """Relays bytes; while ``loses_answers``, it breaks as one comes, and takes no more callers.

    ``last`` is a part of an answer: that one is lost, and all after it.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.loses_answers = False
        self.last = b""

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.loses_answers:
            writer.close()
            return
        to_server = await self._connect()
        both = [
            asyncio.create_task(_pass(reader, to_server[1])),
            asyncio.create_task(self._answers(to_server[0], writer)),
        ]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, to_server[1]):
            end.close()
        await asyncio.wait(both)

    async def _connect(self) -> Streams:
        if self._host.startswith("/"):
            return await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        return await asyncio.open_connection(self._host, self._port)

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (data := await reader.read(65_536)) and not self.loses_answers:
            if self.last and self.last in data:
                self.loses_answers = True
                break
            writer.write(data)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)


@asynccontextmanager
async def wire(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wire]:
    """Lead new connections over a wire, whose socket is in the folder."""
    params = connection.get_connection_params()
    port = int(params.get("port") or 5432)
    wire = Wire(params.get("host") or "localhost", port)
    async with await asyncio.start_unix_server(wire.carry, folder / f".s.PGSQL.{port}"):
        with monkeypatch.context() as patch:
            patch.setitem(connection.settings_dict, "HOST", str(folder))
            yield wire
