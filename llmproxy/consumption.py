"""Usage that clients report, who called a provider themselves: charged as the proxy charges.

The model's weights apply; one that the catalog does not know counts token for token. What was held
for it is charged in full, even past the hold; without a hold the balance must cover it.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from config.errors import NotFound
from llmproxy import pricing
from llmproxy.models import Alias, Model
from llmproxy.pricing import Weights
from llmproxy.usage import Usage
from tokens import ledger
from tokens.errors import ReservationClosed
from tokens.ledger import Hold, HoldContext, Receipt, Settlement
from tokens.models import Reservation, UsageRecord

_TTL = 60.0
# A receipt bears the day of its hold: by then that day's sums may be closed (tokens.aggregates).
_LATEST = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Consumption:
    """What a client has used. `provider` may be empty."""

    model: str
    provider: str
    prompt_tokens: int
    completion_tokens: int


@transaction.atomic
def settle(*, user_id: int, reservation_id: UUID, used: Consumption) -> tuple[Settlement, str]:
    """Charge what was used to a reservation of the client's own, also one that has expired.

    Returns the request id of the reservation as well: its receipt goes by that. Raises
    ``NotFound`` when the user has no such reservation, ``ReservationClosed`` when it was settled
    before, or expired more than a day ago.
    """
    mine = Reservation.objects.filter(user_id=user_id, endpoint="")  # not one of the proxy's
    held = mine.filter(pk=reservation_id).first()
    if held is None:
        raise NotFound("There is no such reservation.")
    if held.expires_at < timezone.now() - _LATEST:
        raise ReservationClosed("This reservation expired more than a day ago: consume without it.")
    hold = Hold(held.pk, user_id, held.amount, available=0)
    settlement = _charge(hold, used)
    if not settlement.fresh:
        raise ReservationClosed
    return settlement, held.request_id


@transaction.atomic
def spend(*, user_id: int, used: Consumption, context: HoldContext) -> Settlement:
    """Charge what was used, all or nothing. Raises ``InsufficientTokens``."""
    amount = max(_tokens(used), 1)
    hold = ledger.reserve(user_id=user_id, amount=amount, ttl=_TTL, context=context)
    return _charge(hold, used)


def _charge(hold: Hold, used: Consumption) -> Settlement:
    receipt = Receipt(
        model=used.model,
        provider=used.provider,
        source=UsageRecord.Source.CLIENT,
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
    )
    return ledger.settle(hold=hold, charge=_tokens(used), receipt=receipt)


def _tokens(used: Consumption) -> int:
    usage = Usage(used.prompt_tokens, used.completion_tokens)
    return pricing.charge(usage, _weights(used.model))


def _weights(name: str) -> Weights:
    alias = Alias.objects.filter(name=name).values_list("model_id", flat=True).first()
    model = Model.objects.filter(pk=alias or name).first()
    return Weights(model.weight_prompt, model.weight_completion) if model else Weights()
