"""One admitted request, from its reservation to its settlement, which happens exactly once."""

import asyncio
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any

import structlog
from msgspec.structs import replace

from core.instruments import of
from core.loops import ended
from llmproxy import metrics
from llmproxy.catalog import pricing
from llmproxy.catalog.pricing import Prices
from llmproxy.catalog.snapshot import ServedModel, ServedRoute
from llmproxy.protocol.calls import Call
from llmproxy.protocol.reports import Report, merged, usage_of
from llmproxy.protocol.usage import OutputTally, Usage
from llmproxy.relay import tracing
from llmproxy.relay.ceiling import OutputLimit
from llmproxy.settlement.figures import figures
from tokens import ledger
from tokens.errors import LedgerUnavailable
from tokens.ledger import Hold, Receipt, running, spool
from tokens.ledger.batching import Answer, Item
from tokens.ledger.running import RunningRequest
from tokens.limits.admission import Slot
from tokens.models import UsageRecord

log = structlog.get_logger("tokengate.proxy")


class Status:
    """The texts of ``UsageRecord.Status``: to look members up, or write them as JSON, is dear."""

    OK = UsageRecord.Status.OK.value
    CANCELLED = UsageRecord.Status.CANCELLED.value
    FAILED = UsageRecord.Status.FAILED.value


class Source:
    """The texts of ``UsageRecord.Source``, as above."""

    REPORTED = UsageRecord.Source.REPORTED.value
    ESTIMATED = UsageRecord.Source.ESTIMATED.value
    NONE = UsageRecord.Source.NONE.value


# How long an answer waits for its settlement. If the ledger is unavailable, the answer goes out
# before it is settled; by then the spool contains the charge.
_PATIENCE = 2 * spool.RENEWED_EVERY
# The next request may reach another worker. Its slot should be free by then, if Redis is available.
_PATIENCE_WITH_LIMITS = 0.05
_RETRY_AT_MOST = 10.0

_NO_LIMIT = OutputLimit()
_NO_PRICES = Prices()


class Exchange(RunningRequest):
    """The state of a running request. ``close`` starts its settlement, which cannot be stopped."""

    def __init__(
        self,
        *,
        call: Call,
        model: ServedModel,
        hold: Hold,
        slot: Slot,
        request_id: str,
        session: str = "",
        times: tuple[int, int, int] = (0, 0, 0),
        traceparent: str = "",
    ) -> None:
        super().__init__(hold)
        self._times = times  # see ``tracing.Story``
        self._traceparent = traceparent
        self._tried_at: list[int] = []
        self.call = call
        self.model = model
        self.slot = slot
        self.request_id = request_id
        self.session = session  # of this user; empty if the client sends none
        self._report: Report | None = None
        self.usage_is_final = False
        self.tally = OutputTally()
        self.most_output = 0  # of all choices, as requested from the provider
        self.output_limit = _NO_LIMIT
        self.omitted: tuple[str, ...] = ()  # fields that are not sent to the provider
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
        self.charged = 0  # tokens, by the settlement
        self._asked: ServedRoute | None = None
        self.first_byte_ms: int | None = None
        self._prices = _NO_PRICES
        self._started = time.perf_counter()
        self._settlement: Item | None = None
        self._settling_at = 0
        self._closed: asyncio.Future[None] | None = None
        self._finishing: asyncio.Task[None] | None = None

    def tried(self, route: ServedRoute, *, outcome: str, status: int | None, ms: int) -> None:
        """Record one attempt at a provider."""
        self.route = route
        self.provider = route.provider.name
        self._prices = route.prices
        self.accepted = self.accepted and outcome in ("ok", "cancelled")
        of(metrics.ATTEMPTS, route.provider.name, outcome).inc()
        self._tried_at.append(time.time_ns())
        self.attempts.append(
            {"provider": route.provider.name, "outcome": outcome, "status": status, "ms": ms}
        )

    def asks(self, route: ServedRoute) -> None:
        """Record that an attempt begins. The previous provider, if any, has failed."""
        self.upstream_id = ""
        self.accepted = self.usage_is_final = False
        self._report = None
        self._asked = route
        if self.attempts:
            self.trace_at_once(provider=route.provider.name)

    def answered_by(self, route: ServedRoute, upstream_id: str) -> None:
        """Record the provider that accepted the request: it is asked if this process dies."""
        self.accepted = True
        self.upstream_id = upstream_id
        if upstream_id:
            self.trace(provider=route.provider.name, upstream_id=upstream_id)

    @property
    def can_be_asked(self) -> bool:
        """Return whether the provider has a usage lookup that covers cancelled requests."""
        lookup = self._asked and self._asked.provider.dialect.usage_lookup
        return self.accepted and bool(self.upstream_id) and lookup is not None

    def leave(self) -> None:
        """Record that the client disconnected: no other provider is tried, and nothing is sent."""
        self.client_left = True

    def give_slot_back(self) -> None:
        """Let the user begin another request while the usage of this one is still being read.

        The reservation counts in the minute's tokens. Otherwise clients that disconnect early
        would not be limited.
        """
        self.slot.release(charged=self.hold.amount)

    @property
    def is_closing(self) -> bool:
        return self._closed is not None

    def content_began(self) -> None:
        """Record that the model has begun to answer. From now on the request is charged."""
        self.has_content = True
        self.first_byte_ms = self._elapsed_ms()

    @property
    def is_settling(self) -> bool:
        return self._settlement is not None

    def settlement_so_far(self) -> Item | None:
        """Return the settlement, or while the model answers, what it is if this process dies."""
        if self._settlement is None and self.has_content:
            return self._closing_by(
                *self._outcome(Status.CANCELLED if self.client_left else Status.FAILED)
            )
        return self._settlement

    def note_usage(self, report: Report | None, *, final: bool) -> None:
        """Record the usage that the provider reports, and whether its answer has ended.

        Reports are merged. Figures that are reported before the end may still increase.
        """
        if report is not None:
            self._report = merged(self._report, report)
        self.usage_is_final = final and self._report is not None

    def close(self, status: str) -> None:
        """Start the settlement. Only the first call has an effect; nothing stops it.

        If the client disconnected, the status is ``CANCELLED``, however the answer ended.
        """
        if self._closed is None:
            self._closed = asyncio.get_running_loop().create_future()
            self._settle(Status.CANCELLED if self.client_left else status)

    def closed(self) -> Coroutine[Any, Any, None]:
        """Wait for the settlement, but only for a limited time if the ledger is unavailable."""
        assert self._closed is not None
        return ended(self._closed, within=_PATIENCE)

    def _settle(self, status: str) -> None:
        """Send the settlement to the ledger."""
        self._settling_at = time.time_ns()
        try:
            self.receipt, self.charged = self._outcome(status)
            freed = self.slot.release(charged=self._counted(self.receipt))
            self._settlement = self._closing_by(self.receipt, self.charged)
            asked = ledger.settling(self._settlement)
        except Exception:  # noqa: BLE001 - logged there
            self._failed()
            self._end()
        else:
            asked.add_done_callback(partial(self._answered, freed))

    def _answered(self, freed: asyncio.Future[Any], asked: asyncio.Future[Answer]) -> None:
        """End, at once if the ledger has accepted the settlement: nearly always. Else in a task."""
        is_accepted = not (asked.cancelled() or asked.exception()) and asked.result() is not None
        if not (is_accepted and freed.done()):
            self._finishing = asyncio.create_task(self._finish(freed, asked))
            return
        try:
            self._settled()
        except Exception:  # noqa: BLE001 - logged there
            self._failed()
        finally:
            self._end()

    async def _finish(self, freed: asyncio.Future[Any], asked: asyncio.Future[Answer]) -> None:
        """Settle. If this is cancelled, the charge stays in the spool for the next worker."""
        assert self._settlement is not None
        try:
            try:
                await ledger.asettle(self._settlement, asked)
            except LedgerUnavailable:  # The charge stays in the spool.
                await _until_settled(self._settlement)
            self._settled()
            await ended(freed, within=_PATIENCE_WITH_LIMITS)
        except Exception:  # noqa: BLE001 - logged there
            self._failed()
        finally:
            self._end()

    def _settled(self) -> None:
        assert self.receipt is not None
        self.ended()
        _count(self.receipt)
        if tracing.traces.provider:
            self._record(self.receipt)

    def _failed(self) -> None:
        """Set the settlement aside for the operator: nobody can make it."""
        log.exception("settle_failed", reservation=str(self.hold.id))
        try:
            spool.set_aside(self)
        except Exception:
            log.exception("settlement_not_set_aside", reservation=str(self.hold.id))
        finally:
            self.ended()

    def _end(self) -> None:
        assert self._closed is not None
        self.slot.release(charged=self.hold.amount)  # unless it was
        self._closed.set_result(None)

    def _record(self, receipt: Receipt) -> None:
        story = tracing.Story(
            endpoint=self.call.endpoint.path,
            request_id=self.request_id,
            traceparent=self._traceparent,
            times=self._times,
            tried_at=self._tried_at,
            settling_at=self._settling_at,
            hold=self.hold,
            receipt=receipt,
            charged=self.charged,
        )
        try:
            tracing.record(story)
        except Exception:  # The request is settled: no trace is worth its failure.
            log.exception("trace_not_recorded")

    def _closing_by(self, receipt: Receipt, charge: int) -> Item:
        return ledger.closing(hold=self.hold, charge=charge, receipt=receipt)

    def _counted(self, receipt: Receipt) -> int:
        """Return what counts in the minute's tokens.

        If the client disconnected and the usage is not final, this is the whole reservation.
        Otherwise clients that disconnect early would not be limited.
        """
        if self.client_left and not receipt.final:
            return max(self.charged, self.hold.amount)
        return self.charged

    def _outcome(self, status: str) -> tuple[Receipt, int]:
        """Return the receipt, and the tokens to charge."""
        usage, source, final = self._used(status)
        columns = figures(usage, self.model.weights, self._prices)
        if source == Source.NONE:
            columns["cost"] = None
        receipt = Receipt(
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
            **columns,
        )
        return receipt, pricing.charge(usage, self.model.weights)

    def _used(self, status: str) -> tuple[Usage, str, bool]:
        """Return the usage to charge, its source, and whether it is final."""
        if self._report is not None and self.usage_is_final:
            usage = self._completed(self._report)
            return usage, Source.ESTIMATED if usage.estimated else Source.REPORTED, True
        if not self.has_content and not (self.accepted and self.client_left):
            # The provider may still report that it began to answer.
            return Usage(), Source.NONE, status != Status.CANCELLED or not self.attempts
        return self._counted_usage(), Source.ESTIMATED, status == Status.OK and not self.cut_short

    def _counted_usage(self) -> Usage:
        """Return the usage that the provider reported before the end, completed by our own counts.

        Only the output of a stream that the provider breaks off is charged. Agents retry such
        requests, and would otherwise pay for the same prompt each time.
        """
        counted = self._completed(self._report or Report())
        counted = replace(counted, completion=max(counted.completion, self._written))
        if self.broke_off and not self.client_left:
            return replace(counted, prompt=0, cache_read=0, cache_write=0, cost=None)
        return counted

    def _completed(self, report: Report) -> Usage:
        """Return the reported usage. Our own counts replace missing figures."""
        usage = usage_of(
            report,
            prompt=self.call.prompt.likely,
            completion=self._written,
            writes=self.call.endpoint.kind != "embedding",
        )
        believed = self._asked is not None and self._asked.provider.dialect.cost_in_usd
        return usage if believed or usage.cost is None else replace(usage, cost=None)

    @property
    def _written(self) -> int:
        """Return our own count of the output. It is an estimate, so at most the requested limit."""
        return max(min(self.tally.tokens() - self.call.echoed, self.most_output), 0)

    def _elapsed_ms(self) -> int:
        return round((time.perf_counter() - self._started) * 1000)


async def _until_settled(closing: Item) -> None:
    pause = 0.1
    while True:
        await asyncio.sleep(pause)
        try:
            await ledger.asettle(closing)
            return
        except LedgerUnavailable:
            pause = min(pause * 2, _RETRY_AT_MOST)


async def drain(timeout: float) -> None:
    """Wait until every request is settled. A worker does this before it exits."""
    deadline = time.monotonic() + timeout
    while running.requests() and time.monotonic() < deadline:  # noqa: ASYNC110 - once, at the end
        await asyncio.sleep(0.02)


def _count(receipt: Receipt) -> None:
    of(metrics.SETTLED, receipt.status, receipt.source).inc()
    if receipt.first_byte_ms is None:
        return
    provider = receipt.provider
    of(metrics.FIRST_BYTE, provider).observe(receipt.first_byte_ms / 1000)
    of(metrics.ANSWER_SECONDS, provider).observe(receipt.duration_ms / 1000)
    of(metrics.TOKENS, provider, "prompt").inc(receipt.prompt_tokens)
    of(metrics.TOKENS, provider, "completion").inc(receipt.completion_tokens)
    of(metrics.COST, provider).inc(float(receipt.upstream_cost or receipt.cost or 0))
