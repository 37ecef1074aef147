"""What was used while the ledger was away outlives the worker, and is charged once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from tests.tokens.accounts import account, parts
from tests.tokens.test_batches import run
from tokens import ledger, spool
from tokens.ledger import Hold, HoldContext, Receipt
from tokens.models import UsageRecord
from tokens.verify import verify

pytestmark = pytest.mark.django_db(transaction=True)

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
    context = HoldContext(request_id="one", endpoint="chat/completions", model="test/model")
    hold = ledger.reserve(user_id=ada.pk, amount=100, ttl=60, context=context)
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


def test_a_full_disk_harms_no_request(
    hold: Hold, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)

    spool.keep(ledger.closing(hold=hold, charge=7, receipt=RECEIPT))


def test_it_is_private(hold: Hold, folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
