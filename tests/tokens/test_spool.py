"""What was used while the ledger was away outlives the worker, and is charged once."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from config.embedded.errors import EmbeddedError
from tests.tokens.accounts import account, parts
from tests.tokens.test_batches import run
from tokens import ledger, spool
from tokens.ledger import Hold, HoldContext, Receipt
from tokens.models import UsageRecord
from tokens.verify import verify

pytestmark = pytest.mark.django_db(transaction=True)

CONTEXT = HoldContext(request_id="one", endpoint="chat/completions", model="test/model")
RECEIPT = Receipt(model="test/model", provider="demo", attempts=[{"provider": "demo"}])


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.SETTLEMENT_SPOOL = tmp_path / "spool"
    return tmp_path / "spool"


@pytest.fixture
def ada() -> User:
    return account(1000)


@pytest.fixture
def hold(ada: User, folder: Path) -> Iterator[Hold]:
    hold = ledger.reserve(user_id=ada.pk, amount=100, ttl=60, context=CONTEXT)
    spool.keep(ledger.closing(hold=hold, charge=7, receipt=RECEIPT))
    yield hold
    spool.forget(hold.id)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_it_works(ada: User, hold: Hold, folder: Path) -> None:
    assert run(spool.replay()) == 1

    assert parts(ada) == (1000, 7, 0, 0, 0)
    record = UsageRecord.objects.get(pk=hold.id)
    assert (record.charged, record.request_id, record.provider) == (7, "one", "demo")
    assert names(folder) == []
    assert verify() == []


def test_its_worker_has_settled_meanwhile(ada: User, hold: Hold, folder: Path) -> None:
    ledger.settle(hold=hold, charge=7, receipt=RECEIPT)

    assert run(spool.replay()) == 1

    assert parts(ada) == (1000, 7, 0, 0, 0)
    assert names(folder) == []


def test_its_hold_has_expired(ada: User, hold: Hold) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tokens_reservation SET expires_at = now() - interval '1 s'")
    ledger.expire()

    assert run(spool.replay()) == 1

    assert parts(ada) == (1000, 7, 0, 0, 0)
    assert verify() == []


def test_the_ledger_is_still_away(
    ada: User, hold: Hold, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "HOST", "/nowhere")
        assert run(spool.replay()) == 0
    assert names(folder) == [f"{hold.id}.json"]

    assert run(spool.replay()) == 1


def test_what_is_settled_is_forgotten(hold: Hold, folder: Path) -> None:
    spool.forget(hold.id)

    assert names(folder) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '[{"id": "x"}]', '[{"user_id": 1}]'])
def test_an_unfit_file_is_set_aside(content: str, hold: Hold, folder: Path) -> None:
    (folder / "0.json").write_text(content)

    assert run(spool.replay()) == 1

    assert names(folder) == ["0.refused"]


def test_odd_words_of_the_upstream_cost_the_charge_nothing(ada: User, folder: Path) -> None:
    """As with the worker that lives: the receipt does without them."""
    hold = ledger.reserve(user_id=ada.pk, amount=100, ttl=60, context=CONTEXT)
    odd = Receipt(model="test/model", provider="demo", upstream_id="a\0b")
    spool.keep(ledger.closing(hold=hold, charge=7, receipt=odd))

    assert run(spool.replay()) == 1

    assert parts(ada) == (1000, 7, 0, 0, 0)
    assert UsageRecord.objects.get(pk=hold.id).upstream_id == ""
    assert names(folder) == []


def test_what_was_settled_otherwise_is_not_passed_over(ada: User, hold: Hold, folder: Path) -> None:
    ledger.settle(hold=hold, charge=3, receipt=RECEIPT)

    assert run(spool.replay()) == 0

    assert names(folder) == [f"{hold.id}.refused"]
    assert parts(ada)[1] == 3


def test_one_that_cannot_be_removed_stops_no_other(
    ada: User, hold: Hold, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ledger.reserve(user_id=ada.pk, amount=100, ttl=60, context=CONTEXT)
    spool.keep(ledger.closing(hold=other, charge=5, receipt=RECEIPT))

    def read_only(*_: Any, **__: Any) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "unlink", read_only)
        run(spool.replay())
        spool.forget(other.id)

    assert parts(ada) == (1000, 12, 0, 0, 0)


def test_a_strangers_folder_is_not_read(
    hold: Hold, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)

    with pytest.raises(EmbeddedError):
        run(spool.replay())


def test_a_full_disk_harms_no_request(
    hold: Hold, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)

    spool.forget(hold.id)
    spool.keep(ledger.closing(hold=hold, charge=7, receipt=RECEIPT))

    assert names(folder) == []  # Nor does a draft fill it for ever.
    monkeypatch.undo()
    spool.keep(ledger.closing(hold=hold, charge=7, receipt=RECEIPT))
    assert names(folder) == [f"{hold.id}.json"]


def test_it_is_private(hold: Hold, folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
