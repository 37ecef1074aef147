"""Functions that may read from a standby, where there is none, or where it fails meanwhile."""

import pytest
from django.db import OperationalError

from core import replica


def test_without_a_standby_nothing_is_asked() -> None:
    """No database is needed for this."""
    assert replica.reads(lambda: 7)() == 7


def test_what_fails_on_the_standby_is_repeated_on_the_primary(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replica, "_can_be_read", lambda: True)
    left_out: list[str] = []
    monkeypatch.setattr(replica, "_leave_out", lambda outcome, _: left_out.append(outcome))
    router, seen = replica.Router(), []

    @replica.reads
    def view() -> str:
        seen.append(router.db_for_read(object))
        if seen[-1] == "replica":
            raise OperationalError("canceling statement due to conflict with recovery")
        return "read"

    assert view() == "read"
    assert seen == ["replica", None]
    assert left_out == ["failed"]
    assert router.db_for_write(object) == "default"


def test_another_failure_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "_can_be_read", lambda: True)
    calls = []

    @replica.reads
    def view() -> None:
        calls.append(1)
        raise ValueError

    with pytest.raises(ValueError):
        view()
    assert len(calls) == 1
    assert replica.Router().db_for_read(object) is None
