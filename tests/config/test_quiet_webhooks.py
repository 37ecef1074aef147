"""`make run` says nothing of webhooks that were taken well, and all of those that were not."""

import logging
import logging.config
from collections.abc import Iterator

import pytest
import structlog
from django.conf import settings

from core.logs import ACCESS, logging_config

Lines = pytest.CaptureFixture[str]


@pytest.fixture
def _back_again() -> Iterator[None]:
    yield
    logging.config.dictConfig(settings.LOGGING)


def say_everything() -> None:
    access, billing = logging.getLogger(ACCESS), structlog.get_logger("tokengate.billing")
    for path, status in [
        ("/api/stripe/webhook/", 200),
        ("/api/stripe/webhook/", 503),
        ("/api/stripe/webhook/", 400),
        ("/api/llm/models", 200),
    ]:
        access.info("request", extra={"method": "POST", "path": path, "status": status})
    billing.info("webhook_processed", type="invoice.paid")
    billing.info("payment_succeeded", cents=2_000)
    billing.warning("webhook_refused", reason="stale")
    billing.error("webhook_failed", id="evt_1")


@pytest.mark.parametrize("webhooks", [True, False])
@pytest.mark.usefixtures("_back_again")
def test_only_successful_webhooks_are_left_out_of_the_log(capsys: Lines, *, webhooks: bool) -> None:
    logging.config.dictConfig(logging_config(level="INFO", as_json=False, webhooks=webhooks))

    say_everything()

    said = capsys.readouterr().err.splitlines()
    taken_well = [line for line in said if "webhook_processed" in line]
    taken_well += [line for line in said if "stripe/webhook/" in line and "status=200" in line]
    assert len(taken_well) == (2 if webhooks else 0)
    for told in ("status=503", "status=400", "llm/models", "payment_succeeded", "_refused"):
        assert sum(told in line for line in said) == 1, told
    assert sum("webhook_failed" in line for line in said) == 1
