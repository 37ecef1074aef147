"""What requests owe outlives their worker, and is charged once."""

import asyncio
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from msgspec.structs import replace
from pytest_django import Settings

from accounts.models import User
from core.folders import ForeignFolderError
from tests.tokens.accounts import account, parts
from tests.tokens.event_loop import run
from tokens import ledger
from tokens.ledger import Hold, HoldContext, Receipt, running, spool
from tokens.ledger.batching import Item
from tokens.ledger.running import RunningRequest
from tokens.ledger.verify import verify
from tokens.models import UsageRecord

pytestmark = pytest.mark.django_db(transaction=True)

CONTEXT = HoldContext(request_id="one", endpoint="chat/completions", model="test/model")
RECEIPT = Receipt(model="test/model", provider="demo", attempts=[{"provider": "demo"}])


class Owing(RunningRequest):
    """A request with a settlement that the ledger does not have yet."""

    def __init__(self, hold: Hold, settlement: Item) -> None:
        super().__init__(hold)
        self._settlement = settlement

    def settlement_so_far(self) -> Item:
        return self._settlement


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    settings.SETTLEMENT_SPOOL = tmp_path / "spool"
    yield tmp_path / "spool"
    for request in list(running.requests()):
        request.ended()
    spool.leave()


@pytest.fixture
def ada() -> User:
    return account(1000)


@pytest.fixture
def hold(ada: User, folder: Path) -> Hold:
    """What a worker, this process, owes."""
    return owed(ada, 7)


def owed(user: User, charge: int, receipt: Receipt = RECEIPT) -> Hold:
    hold = ledger.reserve(user_id=user.pk, amount=100, ttl=60, context=CONTEXT)
    owe(hold, charge, receipt)
    return hold


def owe(hold: Hold, charge: int, receipt: Receipt = RECEIPT) -> None:
    spool.write(Owing(hold, ledger.closing(hold=hold, charge=charge, receipt=receipt)))


def request_of(hold: Hold) -> RunningRequest:
    return next(request for request in running.requests() if request.hold == hold)


def replay_after_its_death() -> int:
    """Carry out what was written, as if its worker had been killed then."""
    spool._own.leave()
    return run(spool.replay())


def endings(folder: Path) -> list[str]:
    return sorted(file.suffix for file in folder.iterdir())


def test_a_spooled_charge_is_replayed_after_the_workers_death(
    ada: User, hold: Hold, folder: Path
) -> None:
    assert replay_after_its_death() == 1

    assert parts(ada) == (1000, 7, 0, 0, 0)
    record = UsageRecord.objects.get(pk=hold.id)
    assert (record.charged, record.request_id, record.provider) == (7, "one", "demo")
    assert endings(folder) == []
    assert verify() == []


def test_what_a_running_worker_owes_is_its_own(ada: User, hold: Hold, folder: Path) -> None:
    assert run(spool.replay()) == 0
    spool.write_all()
    assert run(spool.replay()) == 0

    assert parts(ada) == (1000, 0, 0, 100, 0)
    assert endings(folder) == [".owed"]


def test_it_lives_while_it_is_asked_for_its_file(
    ada: User, hold: Hold, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It puts another file in the place of the one that is opened here just then."""
    lock = fcntl.flock

    def renewed_meanwhile(fd: int, operation: int) -> None:
        monkeypatch.undo()
        spool.write_all()
        lock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", renewed_meanwhile)

    assert run(spool.replay()) == 0
    assert endings(folder) == [".owed"]
    assert replay_after_its_death() == 1


def test_its_last_word_counts(ada: User, hold: Hold, folder: Path) -> None:
    owe(hold, 8)
    owe(hold, 9)

    assert replay_after_its_death() == 1
    assert parts(ada)[1] == 9


def test_only_one_carries_it_out(ada: User, hold: Hold, folder: Path) -> None:
    async def at_once() -> list[int]:
        return await asyncio.gather(*(spool.replay() for _ in range(8)))

    spool._own.leave()

    assert sorted(run(at_once())) == [0] * 7 + [1]
    assert parts(ada)[1] == 7


def test_what_is_settled_is_forgotten(hold: Hold, folder: Path) -> None:
    request_of(hold).ended()
    spool.write_all()

    assert [file.read_bytes() for file in folder.iterdir()] == [b""]
    assert replay_after_its_death() == 0
    assert endings(folder) == []


def test_a_worker_that_ends_leaves_what_it_owes(ada: User, hold: Hold, folder: Path) -> None:
    settled = owed(ada, 5)
    request_of(settled).ended()

    spool.leave()

    assert run(spool.replay()) == 1
    assert parts(ada)[1] == 7


def test_its_worker_had_settled_it(ada: User, hold: Hold, folder: Path) -> None:
    ledger.settle(hold=hold, charge=7, receipt=RECEIPT)

    assert replay_after_its_death() == 0

    assert parts(ada) == (1000, 7, 0, 0, 0)
    assert endings(folder) == []


def test_its_worker_had_settled_what_was_written_as_it_stood(ada: User, folder: Path) -> None:
    hold = owed(ada, 4, replace(RECEIPT, final=False))
    ledger.settle(hold=hold, charge=7, receipt=RECEIPT)

    assert replay_after_its_death() == 0

    assert parts(ada) == (1000, 7, 0, 0, 0)
    assert endings(folder) == []


def test_what_was_settled_otherwise_is_not_passed_over(ada: User, hold: Hold, folder: Path) -> None:
    ledger.settle(hold=hold, charge=3, receipt=RECEIPT)

    assert replay_after_its_death() == 0

    assert endings(folder) == [".refused"]
    assert parts(ada)[1] == 3


def test_its_hold_has_expired(ada: User, hold: Hold) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tokens_reservation SET expires_at = now() - interval '1 s'")
    ledger.expire()

    assert replay_after_its_death() == 1

    assert parts(ada) == (1000, 7, 0, 0, 0)
    assert verify() == []


def test_the_command_that_expires_holds_settles_them_first(ada: User, hold: Hold) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tokens_reservation SET expires_at = now() - interval '1 s'")
    spool._own.leave()

    call_command("expire_reservations", verbosity=0)

    assert parts(ada) == (1000, 7, 0, 0, 0)
    assert UsageRecord.objects.get(pk=hold.id).status == "ok"


def test_the_ledger_is_still_away(
    ada: User, hold: Hold, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "HOST", "/nowhere")
        assert replay_after_its_death() == 0
    assert endings(folder) == [".owed"]

    assert run(spool.replay()) == 1


UNFIT = ["x", "[]", "{}", '[{"id":"x"}]', '[{"user_id":1}]', "[7]"]


@pytest.mark.parametrize("line", [*UNFIT, '[{"id":"5f64d3a4-6bbf-4f0c-9a39-2f4f6a3d1c55"}]'])
def test_an_unfit_line_is_set_aside(line: str, ada: User, hold: Hold, folder: Path) -> None:
    (file,) = folder.iterdir()
    with file.open("a") as opened:
        opened.write(f"\n{line}")

    assert replay_after_its_death() == 1

    (file,) = folder.iterdir()
    assert (file.suffix, file.read_text().strip()) == (".refused", line)
    assert parts(ada)[1] == 7


def test_odd_words_of_the_upstream_cost_the_charge_nothing(ada: User, folder: Path) -> None:
    """As with the worker that lives: the receipt does without them."""
    hold = owed(ada, 7, replace(RECEIPT, upstream_id="a\0b"))

    assert replay_after_its_death() == 1

    assert parts(ada) == (1000, 7, 0, 0, 0)
    assert UsageRecord.objects.get(pk=hold.id).upstream_id == ""
    assert endings(folder) == []


def test_a_file_that_cannot_be_read_stops_no_other(ada: User, hold: Hold, folder: Path) -> None:
    (folder / "0.owed").mkdir()

    assert replay_after_its_death() == 1


def test_a_draft_goes_with_its_file(hold: Hold, folder: Path) -> None:
    (file,) = folder.iterdir()
    file.with_suffix(".draft").touch()

    assert replay_after_its_death() == 1
    assert endings(folder) == []


def test_a_strangers_folder_is_not_read(
    hold: Hold, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = os.geteuid() + 1
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "geteuid", lambda: stranger)

        with pytest.raises(ForeignFolderError):
            run(spool.replay())


def test_a_full_disk_harms_no_request(
    ada: User, hold: Hold, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        other = owed(ada, 5)
        spool.write_all()
    assert endings(folder) == [".owed"]  # Nor does a draft fill it for ever.

    spool.write_all()
    assert replay_after_its_death() == 2
    assert UsageRecord.objects.get(pk=other.id).charged == 5


def test_a_folder_that_was_removed_is_made_anew(ada: User, hold: Hold, folder: Path) -> None:
    shutil.rmtree(folder)

    spool.write_all()

    assert replay_after_its_death() == 1


def test_what_the_ledger_refuses_is_set_aside_at_once(hold: Hold, folder: Path) -> None:
    request = request_of(hold)
    spool.set_aside(request)
    request.ended()
    spool.write_all()

    (refused,) = folder.glob("*.refused")
    assert str(hold.id) in refused.read_text()
    assert replay_after_its_death() == 0


def test_it_is_private(hold: Hold, folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
