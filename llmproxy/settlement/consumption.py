"""Usage that clients report, who called a provider themselves: charged as the proxy charges.

The model's weights apply; one that the catalog does not know counts token for token. A client's
report is charged up to its hold plus what the balance and the budget of its key allow; more than
that is refused, and nothing is booked.
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
# A receipt bears the day of its hold: by then that day's sums may be closed
# (tokens.usage.aggregates).
_LATEST = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Consumption:
    """What a client has used. `provider` may be empty.

    What was read from the provider's cache, and written to it, is part of `prompt_tokens`.
    """

    model: str
    provider: str
    prompt_tokens: int
    completion_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def usage(self) -> Usage:
        """The same as the proxy knows it."""
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
    """Charge what was used to a reservation of the client's own, also one that has expired.

    A key settles only what it has reserved itself; a session settles all reservations of its user.
    Returns the request id of the reservation as well: its receipt goes by that. Raises
    ``NotFound`` when the caller has no such reservation, ``ReservationClosed`` when it was settled
    before, or expired more than a day ago, ``InsufficientTokens`` or ``KeyBudgetExceeded`` when it
    is too much.
    """
    mine = Reservation.objects.filter(user_id=user_id, endpoint="")  # not one of the proxy's
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
    """Charge what was used, all or nothing. Raises as ``settle`` does for too much."""
    amount = max(pricing.charge(used.usage, _weights(used.model)), 1)
    hold = ledger.reserve(user_id=user_id, amount=amount, ttl=_TTL, context=context)
    return _charge(hold, used, key_budget=context.key_budget)


def _budget(api_key: UUID | None) -> int | None:
    """Return the monthly budget of the key that holds; None without one."""
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
