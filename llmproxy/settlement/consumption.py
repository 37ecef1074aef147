"""Charging the usage that clients report for requests that they sent to a provider themselves.

The model's weights apply; unknown models have the weight 1. A report is charged up to its
reservation plus the amount that the balance and the budget of its key allow. A larger report is
refused, and nothing is charged.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apikeys.models import ApiKey
from core.errors import NotFound
from llmproxy.catalog import pricing
from llmproxy.catalog.pricing import Prices, Weights
from llmproxy.catalog.weights import weights_of
from llmproxy.models import Alias, Model
from llmproxy.protocol.usage import Usage
from llmproxy.settlement.figures import figures
from tokens import ledger
from tokens.errors import ReservationClosed
from tokens.ledger import Hold, HoldContext, Receipt, Settlement
from tokens.models import Reservation, UsageRecord

_TTL = 60.0
# A receipt has the date of its reservation. Later, the sums of that day may be closed
# (tokens.usage.aggregates).
_LATEST = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Consumption:
    """The usage that a client reports. `provider` may be empty.

    Tokens read from the provider's cache and written to it are part of `prompt_tokens`.
    """

    model: str
    provider: str
    prompt_tokens: int
    completion_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def usage(self) -> Usage:
        """The same usage in the proxy's type."""
        return Usage(
            self.prompt_tokens,
            self.completion_tokens,
            cache_read=self.cache_read_tokens,
            cache_write=self.cache_write_tokens,
        )


@transaction.atomic
def settle(
    *, user_id: int, api_key: UUID | None, reservation_id: UUID, used: Consumption
) -> tuple[Settlement, str]:
    """Charge usage to a reservation of the client, also one that has expired.

    A key can settle only its own reservations; a session can settle all reservations of its user.
    Also returns the request id of the reservation, which its receipt has. Raises ``NotFound`` if
    the caller has no such reservation, ``ReservationClosed`` if it was settled before or expired
    more than a day ago, and ``InsufficientTokens`` or ``KeyBudgetExceeded`` if the charge is too
    large.
    """
    mine = Reservation.objects.filter(user_id=user_id, endpoint="")  # not the proxy's
    if api_key is not None:
        mine = mine.filter(api_key=api_key)
    held = mine.filter(pk=reservation_id).first()
    if held is None:
        raise NotFound("There is no such reservation.")
    if held.expires_at < timezone.now() - _LATEST:
        raise ReservationClosed("This reservation expired more than a day ago: consume without it.")
    hold = Hold(held.pk, user_id, held.amount, available=0)
    settlement = _charge(hold, used, key_budget=_budget(held.api_key))
    if not settlement.fresh:
        raise ReservationClosed
    return settlement, held.request_id


@transaction.atomic
def spend(*, user_id: int, used: Consumption, context: HoldContext) -> Settlement:
    """Charge usage in full or not at all. Raises as ``settle`` if the charge is too large."""
    amount = max(pricing.charge(used.usage, _weights(used.model)), 1)
    hold = ledger.reserve(user_id=user_id, amount=amount, ttl=_TTL, context=context)
    return _charge(hold, used, key_budget=context.key_budget)


def _budget(api_key: UUID | None) -> int | None:
    """Return the monthly budget of the reservation's key; None without one."""
    if api_key is None:
        return None
    keys = ApiKey.objects.filter(pk=api_key)
    return keys.values_list("monthly_token_budget", flat=True).first()


def _charge(hold: Hold, used: Consumption, *, key_budget: int | None) -> Settlement:
    weights = _weights(used.model)
    receipt = Receipt(
        model=used.model,
        provider=used.provider,
        source=UsageRecord.Source.CLIENT,
        **figures(used.usage, weights, Prices()),
    )
    charge = pricing.charge(used.usage, weights)
    return ledger.settle_within(hold=hold, charge=charge, receipt=receipt, key_budget=key_budget)


def _weights(name: str) -> Weights:
    alias = Alias.objects.filter(name=name).values_list("model_id", flat=True).first()
    model = Model.objects.filter(pk=alias or name).first()
    return weights_of(model) if model else Weights()
