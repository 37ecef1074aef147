"""Which embedded servers of a data folder run."""

from pathlib import Path

from devserver.embedded.places import Places
from devserver.embedded.postgres import Postgres
from devserver.embedded.valkey import Valkey


def pids(data: Path) -> list[int | None]:
    places = Places("run", data)
    return [Postgres(places).pid(), Valkey(places).pid()]
