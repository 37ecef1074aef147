"""One admitted request, from its hold to its settlement, which always happens and only once."""

import asyncio
import time
from typing import Any

import structlog

from core.instruments import of
from core.loops import ended
from llmproxy import metrics
from llmproxy.catalog import pricing
from llmproxy.catalog.pricing import Prices
from llmproxy.catalog.snapshot import ServedModel, ServedRoute
from llmproxy.protocol.calls import Call
from llmproxy.protocol.reports import Report, merged, usage_of
from llmproxy.protocol.usage import OutputTally, Usage
from llmproxy.relay.ceiling import OutputLimit
from llmproxy.settlement.figures import figures
from tokens import ledger
from tokens.errors import LedgerUnavailable
from tokens.ledger import Hold, Receipt, leases, spool
from tokens.limits.admission import Slot
from tokens.models import UsageRecord

log = structlog.get_logger("tokengate.proxy")

Status = UsageRecord.Status
Source = UsageRecord.Source

# How long an answer waits for its settlement, which goes on without it when the ledger is away; by
# then the spool has written down what was used.
_PATIENCE = 2 * spool.RENEWED_EVERY
# The next request may come by another worker: its slot should be free by then, if Redis is there.
_PATIENCE_WITH_LIMITS = 0.05
_RETRY_AT_MOST = 10.0

_settling: set[asyncio.Task[None]] = set()


class Exchange:
    """What is known of a request while it runs. ``close`` settles it, whatever happens after."""

    def __init__(
        self,
        *,
        call: Call,
        model: ServedModel,
        hold: Hold,
        slot: Slot,
        request_id: str,
        session: str = "",
    ) -> None:
        self.call = call
        self.model = model
        self.hold = hold
        self.slot = slot
        self.request_id = request_id
        self.session = session  # of this user; empty if the client names none
        self._report: Report | None = None
        self.usage_is_final = False
        self.tally = OutputTally()
        self.most_output = 0  # of all choices; as asked of the provider
        self.output_limit = OutputLimit()
        self.omitted: tuple[str, ...] = ()  # fields of the request that the provider did not get
        self.attempts: list[dict[str, Any]] = []
        self.route: ServedRoute | None = None
        self.provider = ""
        self.upstream_id = ""
        self.accepted = False
        self.has_content = False
        self.cut_short = False
        self.broke_off = False
        self.client_left = False
        self.receipt: Receipt | None = None
        self._asked: ServedRoute | None = None
        self.first_byte_ms: int | None = None
        self._prices = Prices()
        self._started = time.perf_counter()
        self._closing: asyncio.Task[None] | None = None
        leases.keep(hold.id)

    def tried(self, route: ServedRoute, *, outcome: str, status: int | None, ms: int) -> None:
        """Note one attempt at a provider."""
        self.route = route
        self.provider = route.provider.name
        self._prices = route.prices
        self.accepted = self.accepted and outcome in ("ok", "cancelled")
        of(metrics.ATTEMPTS, route.provider.name, outcome).inc()
        self.attempts.append(
            {"provider": route.provider.name, "outcome": outcome, "status": status, "ms": ms}
        )

    def asks(self, route: ServedRoute) -> None:
        """Note that an attempt begins: the provider before, if any, has failed."""
        self.upstream_id = ""
        self.accepted = self.usage_is_final = False
        self._report = None
        self._asked = route
        if self.attempts:
            leases.asks_another(self.hold.id, provider=route.provider.name)

    def answered_by(self, route: ServedRoute, upstream_id: str) -> None:
        """Note who has accepted the request, so that they can be asked if we die."""
        self.accepted = True
        self.upstream_id = upstream_id
        if upstream_id:
            name = route.provider.name
            leases.answered_by(self.hold.id, provider=name, upstream_id=upstream_id)

    @property
    def can_be_asked(self) -> bool:
        """Tell whether who has accepted the request says later, if cancelled, what it used."""
        later = self._asked and self._asked.provider.dialect.later
        return self.accepted and bool(self.upstream_id) and later is not None

    def leave(self) -> None:
        """Note that the client has gone: from now on nobody else is asked, nor told anything."""
        self.client_left = True

    def give_slot_back(self) -> None:
        """Let the user begin another request, while the usage of this one is still read.

        What it holds counts in the minute's tokens: else whoever leaves early had no limit.
        """
        self.slot.release(charged=self.hold.amount)

    @property
    def is_closing(self) -> bool:
        return self._closing is not None

    def content_began(self) -> None:
        """Note that the model has begun to answer: from here on the request costs something."""
        self.has_content = True
        self.first_byte_ms = self._elapsed_ms()

    def write_down(self) -> None:
        """Have a stream charged as one that broke off, should this process be killed under it."""
        spool.keep(self.hold.id, lambda: self._closing_by(self._receipt(self._if_killed)))
        spool.write(self.hold.id)

    @property
    def _if_killed(self) -> str:
        return Status.CANCELLED if self.client_left else Status.FAILED

    def note_usage(self, report: Report | None, *, final: bool) -> None:
        """Note what the provider reports, and whether its answer has ended by now.

        Reports complete each other. What is reported before the end may still grow.
        """
        self._report = merged(self._report, report)
        self.usage_is_final = final and self._report is not None

    def close(self, status: str) -> None:
        """Begin to settle; the first call decides. It goes on when the caller is cancelled.

        A request that its client has left is ``CANCELLED``, however its answer ended.
        """
        if self._closing is None:
            ended = Status.CANCELLED if self.client_left else status
            self._closing = asyncio.create_task(self._settle(ended))
            _settling.add(self._closing)
            self._closing.add_done_callback(_settling.discard)

    async def closed(self) -> None:
        """Wait for the settlement, but not for a ledger that is away."""
        if self._closing:
            await ended(self._closing, within=_PATIENCE)

    async def _settle(self, status: str) -> None:
        try:
            receipt = self.receipt = self._receipt(status)
            freed = self.slot.release(charged=self._counted(receipt))
            await self._write(receipt)
            _count(receipt)
            await ended(freed, within=_PATIENCE_WITH_LIMITS)
        except Exception:
            log.exception("settle_failed", reservation=str(self.hold.id))
            spool.set_aside(self.hold.id)
        finally:
            self.slot.release(charged=self.hold.amount)
            leases.drop(self.hold.id)

    async def _write(self, receipt: Receipt) -> None:
        """Settle; what this is cancelled for stays in the spool, for the next worker."""
        closing = self._closing_by(receipt)
        spool.keep(self.hold.id, lambda: closing)
        await _until_settled(closing)
        spool.forget(self.hold.id)

    def _closing_by(self, receipt: Receipt) -> dict[str, Any]:
        return ledger.closing(hold=self.hold, charge=self._charge(receipt), receipt=receipt)

    def _counted(self, receipt: Receipt) -> int:
        """Return what counts in the minute's tokens: of a left request its hold, until it is known.

        Else whoever leaves early had no limit.
        """
        charge = self._charge(receipt)
        return max(charge, self.hold.amount) if self.client_left and not receipt.final else charge

    @property
    def charged(self) -> int:
        """Return the tokens that its settlement takes."""
        return 0 if self.receipt is None else self._charge(self.receipt)

    def _charge(self, receipt: Receipt) -> int:
        used = Usage(
            receipt.prompt_tokens,
            receipt.completion_tokens,
            cache_read=receipt.cached_tokens,
            cache_write=receipt.cache_write_tokens,
        )
        return pricing.charge(used, self.model.weights)

    def _receipt(self, status: str) -> Receipt:
        usage, source, final = self._used(status)
        told = figures(usage, self.model.weights, self._prices)
        if source == Source.NONE:
            told["cost"] = None
        return Receipt(
            model=self.model.name,
            status=status,
            source=source,
            final=final,
            provider=self.provider,
            upstream_id=self.upstream_id,
            streamed=self.call.stream,
            attempts=self.attempts,
            first_byte_ms=self.first_byte_ms,
            duration_ms=self._elapsed_ms(),
            **told,
        )

    def _used(self, status: str) -> tuple[Usage, str, bool]:
        """Return the usage to charge, where it comes from, and whether that is the last word."""
        if self._report is not None and self.usage_is_final:
            usage = self._completed(self._report)
            return usage, Source.ESTIMATED if usage.estimated else Source.REPORTED, True
        if not self.has_content and not (self.accepted and self.client_left):
            # Whoever was asked may yet say that it did begin.
            return Usage(), Source.NONE, status != Status.CANCELLED or not self.attempts
        return self._counted_usage(), Source.ESTIMATED, status == Status.OK and not self.cut_short

    def _counted_usage(self) -> Usage:
        """Return what the provider had said before it ended, completed by what was counted here.

        Of a stream that the provider broke off only the output is charged: whoever asks again,
        as agents do, does not pay for the same prompt again and again.
        """
        counted = self._completed(self._report or Report())
        counted = counted._replace(completion=max(counted.completion, self._written))
        if self.broke_off and not self.client_left:
            return counted._replace(prompt=0, cache_read=0, cache_write=0, cost=None)
        return counted

    def _completed(self, report: Report) -> Usage:
        """Return what was reported, and what is counted here where a figure is missing."""
        usage = usage_of(
            report,
            prompt=self.call.prompt.likely,
            completion=self._written,
            writes=self.call.endpoint.kind != "embedding",
        )
        believed = self._asked is not None and self._asked.provider.dialect.cost_in_usd
        return usage if believed else usage._replace(cost=None)

    @property
    def _written(self) -> int:
        """Return the output as counted here: a guess, so never more than was asked for."""
        return max(min(self.tally.tokens() - self.call.echoed, self.most_output), 0)

    def _elapsed_ms(self) -> int:
        return round((time.perf_counter() - self._started) * 1000)


async def _until_settled(closing: dict[str, Any]) -> None:
    pause = 0.1
    while True:
        try:
            await ledger.asettle(closing)
            return
        except LedgerUnavailable:  # What was used stays known.
            await asyncio.sleep(pause)
            pause = min(pause * 2, _RETRY_AT_MOST)


async def drain(timeout: float) -> None:
    """Wait until every request is settled, as a worker does before it ends."""
    deadline = time.monotonic() + timeout
    while leases.any_kept() and time.monotonic() < deadline:  # noqa: ASYNC110 - once, at the end
        await asyncio.sleep(0.02)


def _count(receipt: Receipt) -> None:
    of(metrics.SETTLED, receipt.status, receipt.source).inc()
    if receipt.first_byte_ms is None:
        return
    provider = receipt.provider
    of(metrics.FIRST_BYTE, provider).observe(receipt.first_byte_ms / 1000)
    of(metrics.TOKENS, provider, "prompt").inc(receipt.prompt_tokens)
    of(metrics.TOKENS, provider, "completion").inc(receipt.completion_tokens)
    of(metrics.COST, provider).inc(float(receipt.upstream_cost or receipt.cost or 0))
