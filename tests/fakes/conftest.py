"""A fake Stripe that each file finds empty."""

import pytest

from tests.fakes.stripe_process import StripeProcess


@pytest.fixture(scope="module")
def fake(stripe_process: StripeProcess) -> StripeProcess:
    stripe_process.reset(keep_endpoints=False)
    return stripe_process
