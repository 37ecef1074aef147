"""The probe makes a real request with a real key; its result is for alerts and the status page."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apikeys import keys
from apikeys.models import ApiKey
from config import probe, tasks
from core.models import Operation, ProbeDay
from tests.developer import MODEL, Developer, Make
from tests.fakes.tls_proxy import TlsProxy
from tests.fakes.upstream_process import UpstreamProcess
from tests.ports import free_port
from tests.webserver import WebServer


@pytest.fixture
def dev(developer: Make, web: WebServer, settings: Settings) -> Developer:
    """Who the probe's key belongs to."""
    made = developer()
    settings.PUBLIC_URL, settings.PROBE_API_KEY = web.url, made.key
    return made


@pytest.fixture
def _cleared(upstream: UpstreamProcess) -> Iterator[None]:
    yield
    upstream.clear()


def test_without_a_model_it_costs_nothing(dev: Developer) -> None:
    result = probe.run()

    assert result.succeeded, result.detail
    assert dev.receipts == []
    row = Operation.objects.get(name="probe")
    assert row.succeeded
    assert row.seconds == result.seconds


def test_with_a_model_it_asks_for_one_token(dev: Developer, settings: Settings) -> None:
    settings.PROBE_MODEL = MODEL

    assert probe.run().succeeded
    (receipt,) = dev.receipts
    assert receipt.completion_tokens == 1


@pytest.mark.usefixtures("_cleared")
def test_an_outage_of_the_provider_is_seen(
    dev: Developer, settings: Settings, upstream: UpstreamProcess
) -> None:
    settings.PROBE_MODEL = MODEL
    upstream.set_fault(fault="status", status=500)

    result = probe.run()

    assert not result.succeeded
    assert result.detail.startswith("Status 50")
    assert "upstream" in result.detail
    assert not Operation.objects.get(name="probe").succeeded


def test_a_revoked_key_is_seen(dev: Developer) -> None:
    keys.revoke(ApiKey.objects.get(user=dev.user_id))

    assert probe.run().detail == "Status 401: invalid_api_key"


def test_a_site_that_does_not_listen_is_seen(dev: Developer, settings: Settings) -> None:
    settings.PUBLIC_URL = f"http://127.0.0.1:{free_port()}"

    assert "ConnectionRefusedError" in probe.run().detail


def test_the_end_of_the_certificate_is_noted(
    dev: Developer,
    web: WebServer,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with TlsProxy(tmp_path, to_port=web.port, lasts=timedelta(days=9)) as proxy:
        settings.PUBLIC_URL = proxy.url
        monkeypatch.setenv("SSL_CERT_FILE", str(proxy.certificate))

        result = probe.run()

    assert result.succeeded, result.detail
    facts = Operation.objects.get(name="probe").facts
    assert facts == {"certificate_expires_at": proxy.expires_at.timestamp()}


def test_a_certificate_that_has_expired_is_a_failure(
    dev: Developer,
    web: WebServer,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with TlsProxy(tmp_path, to_port=web.port, lasts=-timedelta(days=1)) as proxy:
        settings.PUBLIC_URL = proxy.url
        monkeypatch.setenv("SSL_CERT_FILE", str(proxy.certificate))

        result = probe.run()

    assert not result.succeeded
    assert "expired" in result.detail


def test_the_task_probes_only_with_a_key(dev: Developer, settings: Settings) -> None:
    tasks.run_probe()
    assert Operation.objects.filter(name="probe").exists()

    Operation.objects.all().delete()
    settings.PROBE_API_KEY = ""
    tasks.run_probe()
    assert not Operation.objects.exists()


def test_the_command(dev: Developer, settings: Settings) -> None:
    out = StringIO()
    call_command("probe", "--dry-run", stdout=out)
    assert "the list of models" in out.getvalue()
    assert not Operation.objects.exists()

    call_command("probe", stdout=out)
    assert "Answered in" in out.getvalue()

    settings.PROBE_API_KEY = ""
    with pytest.raises(CommandError, match="Set PROBE_API_KEY"):
        call_command("probe")


def test_the_status_page_shows_the_uptime(client: Client, db: None) -> None:
    assert "This site" not in client.get("/status").text

    today = timezone.now().date()
    ProbeDay.objects.create(day=today, up=1430, down=10)
    ProbeDay.objects.create(day=today - timedelta(days=1), up=1000, down=440)

    text = client.get("/status").text
    assert "This site" in text
    assert "answered in 84.38 % of the last 90 days" in text
