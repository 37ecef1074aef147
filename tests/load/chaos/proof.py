"""What must hold afterwards, and the table that shows it."""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db.models import Sum

from llmproxy.settlement import reconciliation
from tests.load.chaos.callers import Call
from tokens import ledger
from tokens.ledger.verify import verify
from tokens.models import Balance, Reservation, UsageRecord

_WAIT_SECONDS = 60.0


@dataclass
class Evidence:
    """What the clients saw, what the upstream noted (by both its ids), and since when.

    ``spools`` are those of every host.
    """

    began: datetime
    spools: list[Path]
    calls: list[Call] = field(default_factory=list)
    journal: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note(self, entries: list[dict[str, Any]]) -> None:
        for one in entries:
            self.journal[one["request_id"]] = self.journal[one["id"]] = one

    def generated(self) -> list[dict[str, Any]]:
        """Return the upstream's generations since then, each once."""
        began = self.began.timestamp()
        return [
            one
            for key, one in self.journal.items()
            if key == one["request_id"] and one["began"] >= began
        ]


def settle(evidence: Evidence) -> list[str]:
    """Wait until the workers owe nothing, free what the killed ones held, ask for later words."""
    deadline = time.monotonic() + _WAIT_SECONDS
    held = Reservation.objects.filter(state="held")
    while (held.exists() or _owed(evidence)) and time.monotonic() < deadline:
        ledger.expire()
        time.sleep(0.2)
    while (report := reconciliation.reconcile()).adjusted or report.waiting:
        continue  # Those that wait come again later, so this ends.
    left = [f"{held.count()} holds are left"] if held.exists() else []
    return [*left, *(f"{name} is left in the spool" for name in _owed(evidence))]


def faults(evidence: Evidence) -> list[str]:
    """Return what does not hold."""
    records = list(UsageRecord.objects.filter(created_at__gte=evidence.began))
    found = [*_of_finished(evidence, records), *_charged_twice(records)]
    found += [one for record in records if (one := _of_reported(evidence, record))]
    found += _beyond_their_holds(records)
    reserved = Balance.objects.aggregate(sum=Sum("reserved"))["sum"]
    if reserved:
        found.append(f"{reserved} tokens are still reserved")
    return [*found, *map(str, verify())]


def told(evidence: Evidence) -> str:
    """Tell in a few lines what happened."""
    records = UsageRecord.objects.filter(created_at__gte=evidence.began)
    by_id = {record.request_id: record for record in records}
    ended = [call for call in evidence.calls if call.finished and call.id in by_id]
    charged = sum(by_id[call.id].charged for call in ended)
    reported = sum(_reported(evidence, by_id[call.id]) or 0 for call in ended)
    asked = {record.upstream_id for record in records}
    lost = [one for one in evidence.generated() if not {one["id"], one["request_id"]} & asked]
    outcomes = Counter(call.outcome for call in evidence.calls)
    sources = Counter((record.source, record.status) for record in records)
    return "\n".join(
        [
            f"clients saw {dict(outcomes.most_common())}",
            f"receipts { ({' '.join(key): count for key, count in sources.most_common()}) }",
            f"{len(ended)} answers were finished: {charged} tokens charged, {reported} reported",
            f"{len(lost)} generations whose end nobody saw have no receipt that names them",
        ]
    )


def _owed(evidence: Evidence) -> list[str]:
    files = (file for spool in evidence.spools for file in spool.glob("*"))
    return [file.name for file in files if file.stat().st_size]


def _of_finished(evidence: Evidence, records: list[UsageRecord]) -> list[str]:
    """Each answer that a client saw to its end has one receipt, and that what was reported."""
    receipts: dict[str, list[UsageRecord]] = {}
    for record in records:
        receipts.setdefault(record.request_id, []).append(record)
    found = []
    for call in evidence.calls:
        theirs = receipts.get(call.id, [])
        if call.finished and len(theirs) != 1:
            found.append(f"{call.id} was finished, and has {len(theirs)} receipts")
        elif call.finished:
            charged, reported = theirs[0].charged, _reported(evidence, theirs[0])
            if not charged == reported == call.tokens:
                found.append(
                    f"{call.id}: charged {charged}, reported {reported}, shown {call.tokens}"
                )
    return found


def _charged_twice(records: list[UsageRecord]) -> list[str]:
    named = Counter(record.upstream_id for record in records if record.upstream_id)
    return [f"{name} has {count} receipts" for name, count in named.items() if count > 1]


def _of_reported(evidence: Evidence, record: UsageRecord) -> str | None:
    """A receipt that says it is by the upstream's report says what the upstream says.

    Where a client left or a worker was killed, that is the upstream's later word.
    """
    if record.source != UsageRecord.Source.REPORTED or not record.upstream_id:
        return None
    said = evidence.journal.get(record.upstream_id)
    used = said["prompt_tokens"] + said["completion_tokens"] if said else None
    if used == record.charged:
        return None
    return f"{record.upstream_id}: charged {record.charged} as reported, which was {used}"


def _beyond_their_holds(records: list[UsageRecord]) -> list[str]:
    """Return the charges, by anything but a report, that are more than was held for them."""
    counted = [record for record in records if record.source != UsageRecord.Source.REPORTED]
    ids = [record.id for record in counted]
    held = dict(Reservation.objects.filter(id__in=ids).values_list("id", "amount"))
    return [
        f"{record.request_id}: charged {record.charged} as {record.source}, held {held[record.id]}"
        for record in counted
        if record.charged > held[record.id]
    ]


def _reported(evidence: Evidence, record: UsageRecord) -> int | None:
    said = evidence.journal.get(record.upstream_id)
    return sum(said["reported"].values()) if said and said["reported"] else None
