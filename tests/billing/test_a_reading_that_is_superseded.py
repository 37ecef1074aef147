"""What was read before somebody else has written is not written over it."""

import pytest
from rest_framework.test import APIClient

from billing.entitlements import state
from billing.models import Subscription
from billing.stripe import gateway
from tests.billing.shop import Shop, post, subscribe


def test_an_older_reading_is_refused(caller: APIClient, shop: Shop) -> None:
    subscribe(caller)
    shop.deliver()
    stripe_id = str(Subscription.objects.get().stripe_id)
    older = state.take_reading(stripe_id)
    post(caller, "cancel")
    newer = Subscription.objects.get()
    assert newer.cancel_at_period_end
    assert newer.version > (older.version or 0)

    with pytest.raises(state.Superseded):
        state.write(older)

    kept = Subscription.objects.get()
    assert (kept.cancel_at_period_end, kept.version) == (True, newer.version)


def test_a_refresh_reads_again_what_was_superseded(
    caller: APIClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process writes between this one's reading and its writing."""
    subscribe(caller)
    shop.deliver()
    stripe_id = str(Subscription.objects.get().stripe_id)
    asked = gateway.invoices_of

    def meanwhile(subscription_id: str, *, at_most: int) -> list[gateway.Obj]:
        monkeypatch.setattr(gateway, "invoices_of", asked)
        post(caller, "cancel")
        return asked(subscription_id, at_most=at_most)

    monkeypatch.setattr(gateway, "invoices_of", meanwhile)
    written = state.refresh(stripe_id)

    assert written
    assert written.cancel_at_period_end
