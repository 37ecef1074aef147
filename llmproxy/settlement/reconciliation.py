"""Reconciliation: making provisional receipts final with the usage from providers' lookups."""

from dataclasses import dataclass

import structlog

from llmproxy.catalog import pricing
from llmproxy.catalog.pricing import Prices, Weights
from llmproxy.catalog.weights import weights_of
from llmproxy.models import Model, Route
from llmproxy.protocol.usage import Usage
from llmproxy.providers import Provider, configured
from llmproxy.settlement.figures import figures
from llmproxy.upstream import client
from tokens import ledger
from tokens.ledger import Correction
from tokens.models import UsageRecord
from tokens.usage import provisional
from tokens.usage.provisional import Due

log = structlog.get_logger("tokengate.proxy")

_AT_A_TIME = 20


@dataclass
class Report:
    """How many receipts were corrected, became final without final usage, and still wait."""

    adjusted: int = 0
    concluded: int = 0
    waiting: int = 0


def reconcile(*, at_most: int = 500) -> Report:
    """Look up the final usage of every provisional receipt that is due.

    If a provider does not answer, its other receipts wait for the next run.
    """
    report = Report()
    away: set[str] = set()
    for _ in range(0, at_most, _AT_A_TIME):
        claimed = provisional.claim(at_most=_AT_A_TIME)
        for due in claimed:
            _reconcile_one(due, away, report)
        if len(claimed) < _AT_A_TIME:
            break
    return report


def _reconcile_one(due: Due, away: set[str], report: Report) -> None:
    provider = configured().get(due.provider)
    usage = None
    try:
        if provider and due.provider not in away:
            usage = client.final_usage(provider, due.upstream_id)
    except client.LookupFailed as error:
        away.add(due.provider)
        log.warning("later_word_failed", provider=due.provider, error=str(error))
    if usage:
        _adjust(due, usage)
        report.adjusted += 1
    elif due.is_hopeless or _has_nothing_to_wait_for(due, provider):
        ledger.conclude(record_id=due.record.pk, user_id=due.record.user_id)
        report.concluded += 1
    else:
        report.waiting += 1


def _has_nothing_to_wait_for(due: Due, provider: Provider | None) -> bool:
    """Return whether no provider can report the final usage of a receipt.

    The process of an abandoned request may be alive, and settle it as soon as it can.
    """
    if due.record.status == UsageRecord.Status.ABANDONED:
        return False
    return provider is None or provider.dialect.usage_lookup is None or not due.upstream_id


def _adjust(due: Due, usage: Usage) -> None:
    record = due.record
    weights, prices = _weights(record), _prices(due)
    ledger.adjust(
        record_id=record.pk,
        user_id=record.user_id,
        charge=pricing.charge(usage, weights),
        correction=Correction(
            provider=due.provider,
            upstream_id=due.upstream_id,
            **figures(usage, weights, prices),
        ),
    )


def _weights(record: UsageRecord) -> Weights:
    """Return the weights of the receipt; if its process died, the current weights."""
    if record.weight_prompt is not None and record.weight_completion is not None:
        return Weights(
            record.weight_prompt,
            record.weight_completion,
            record.weight_cache_read,
            record.weight_cache_write,
        )
    model = Model.objects.filter(name=record.model).first()
    return weights_of(model) if model else Weights()


def _prices(due: Due) -> Prices:
    priced: UsageRecord | Route | None = due.record
    if due.record.status == UsageRecord.Status.ABANDONED:
        priced = Route.objects.filter(model=due.record.model, provider=due.provider).first()
    if priced is None:
        return Prices()
    return Prices(
        priced.price_prompt,
        priced.price_completion,
        priced.price_cached,
        priced.price_request,
        priced.price_cache_write,
    )
