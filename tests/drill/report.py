"""What a scene came to: a row of the table, from the calls of its clients."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.drill.load import TimedCall
from tests.load.sections import machine, write_section

HEAD = (
    "| what was done | requests | failed | for | slowest refusal | streams cut | then | ledger |\n"
    "|---|---|---|---|---|---|---|---|"
)


@dataclass
class Outcome:
    """``note`` says in words what else was seen; ``faults`` are what does not hold."""

    scene: str
    calls: Sequence[TimedCall]
    note: str = ""
    faults: list[str] = field(default_factory=list)
    verified: bool = False

    @property
    def failed(self) -> list[TimedCall]:
        return [call for call in self.calls if not call.finished]

    @property
    def outage(self) -> float:
        """Return the seconds from the first failed request to the last, by when they began."""
        times = [call.began for call in self.failed if not call.long]
        return max(times) - min(times) if times else 0.0

    @property
    def cut(self) -> list[TimedCall]:
        """Return the streams that had begun, and did not come to their end."""
        return [call for call in self.failed if call.outcome in ("cut", "told of an error")]

    def row(self) -> str:
        """Return it as a row of the table."""
        kinds = Counter(call.outcome for call in self.failed)
        failed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "none"
        refusals = [call.seconds for call in self.failed if call.outcome.startswith("503")]
        slowest = f"{max(refusals):.1f} s" if refusals else "-"
        outage = f"{self.outage:.1f} s" if self.failed else "-"
        told = "; ".join(self.faults[:3]) or "verified: every receipt is the upstream's"
        cells = [
            self.scene,
            str(len(self.calls)),
            failed,
            outage,
            slowest,
            str(len(self.cut)),
            self.note or "-",
            told if self.verified or self.faults else "-",
        ]
        return f"| {' | '.join(cells)} |"


def write(path: Path, outcomes: Sequence[Outcome], *, rate: float, streams: int) -> None:
    """Replace the part of a page that the drill writes."""
    rows = "\n".join(outcome.row() for outcome in outcomes)
    write_section(path, "drill", f"\n{conditions(rate, streams)}\n\n{HEAD}\n{rows}\n")


def conditions(rate: float, streams: int) -> str:
    """Say with which load, on what, and when."""
    load = f"{rate:.0f} requests per second and {streams} streams of 15 seconds at a time"
    return f"Seen with {load}: {machine()}."
