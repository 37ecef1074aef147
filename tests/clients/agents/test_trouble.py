"""What agents make of refusals and of streams that break off.

The human is told what is wrong, the product is not asked again and again, and the charge is what
the provider bills.
"""

import os
import signal
from dataclasses import replace

import pytest
from django.utils import timezone

from apikeys import keys
from apikeys.models import ApiKey
from devserver.upstream.scripts import write_script
from llmproxy.settlement.reconciliation import reconcile
from tests.clients.agents.catalog import AGENTS, CASES, CODEX
from tests.clients.agents.running import DONE, WORDS, Outcome, Place, finish, run, start
from tests.clients.recorder import Recorder
from tests.developer import Developer
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.endpoints.conftest import book
from tests.llmproxy.streams import nothing_is_held
from tests.tokens.accounts import ROOMY
from tests.waiting import wait_for
from tokens.ledger.verify import verify
from tokens.models import Balance, Tier, UsageRecord

every_agent = pytest.mark.parametrize(("name", "way"), CASES, indirect=["way"])

# How often an agent is refused for one task; most ask once, and once more for a title.
REFUSED = {"Codex": 6, "aider": 9}
REFUSED_AT_MOST = 2
# These end when a stream breaks off; the others ask again.
GIVE_UP = ("opencode", "Kilo CLI", "Cline CLI", "Continue CLI")


@every_agent
def test_out_of_tokens_it_shows_what_is_missing_and_where_to_get_more(
    name: str, place: Place, dev: Developer, recorder: Recorder, upstream: UpstreamProcess
) -> None:
    Balance.objects.filter(user_id=dev.user_id).update(used=10_000_000, bonus=0)

    outcome = run(AGENTS[name], place)

    _is_shown(outcome, "0 are available", "Your allowance renews on", "/billing/")
    _is_refused(name, recorder, 402)
    assert (dev.receipts, upstream.journal()) == ([], [])


@every_agent
def test_with_a_revoked_key_it_says_so(
    name: str, place: Place, dev: Developer, recorder: Recorder, upstream: UpstreamProcess
) -> None:
    keys.revoke(ApiKey.objects.get(user_id=dev.user_id))

    outcome = run(AGENTS[name], place)

    _is_shown(outcome, "This API key has been revoked")
    _is_refused(name, recorder, 401)
    assert (dev.receipts, upstream.journal()) == ([], [])


@every_agent
def test_rate_limited_it_waits_and_goes_on(
    name: str, place: Place, dev: Developer, recorder: Recorder, upstream: UpstreamProcess
) -> None:
    # opencode asks for a title first.
    limits = {**ROOMY, "requests_per_minute": 2 if name == "opencode" else 1}
    tier = Tier.objects.create(name="tight", title="Tight", **limits)
    Balance.objects.filter(user_id=dev.user_id).update(tier=tier)
    agent = AGENTS[name]
    upstream.set_fault(script=write_script(agent.steps(place)))
    if name == "aider":
        dev.chat()  # Its task is one request.

    outcome = run(agent, place)

    _has_done_it(outcome, place)
    limited = [one for one in recorder.seen if one.status == 429]
    assert 1 <= len(limited) <= (9 if name == "aider" else 4)
    assert dev.balance.used == book(upstream)
    assert verify() == []


@every_agent
def test_after_a_stream_that_broke_off_it_asks_once_more_or_says_so(
    name: str, way: str, place: Place, dev: Developer, recorder: Recorder, upstream: UpstreamProcess
) -> None:
    agent = AGENTS[name]
    steps = write_script(agent.steps(place))
    times = 2 if name == "opencode" else 1  # Its first request is for a title.
    upstream.set_fault(script=steps, fault="cut_tcp", after=5, times=times)

    outcome = run(agent, place)

    if name in GIVE_UP:
        _is_shown(outcome, "The model's provider failed.", "tokens were charged")
    else:
        _has_done_it(outcome, place)
    broken = [one for one in upstream.journal() if one["outcome"] == "fault"]
    assert len(broken) == times
    assert len(upstream.journal()) <= times + 3
    wait_for(nothing_is_held)
    if way == "native":
        assert _reconciled(dev) == _billed(upstream)
    else:
        # There is no usage to ask for: of the broken answer the counted output alone is charged.
        counted = dev.balance.used - book(upstream)
        assert 0 < counted <= sum(one["completion_tokens"] for one in broken) + 5
    assert verify() == []


@pytest.mark.parametrize("way", ["native"], indirect=True)
def test_codex_repeats_a_refusal_less_where_its_settings_say_so(
    place: Place, dev: Developer, recorder: Recorder
) -> None:
    Balance.objects.filter(user_id=dev.user_id).update(used=10_000_000, bonus=0)

    run(replace(CODEX, files=_with_one_retry), place)

    assert [one.status for one in recorder.seen] == [402, 402]


def _with_one_retry(place: Place) -> dict[str, str]:
    return {name: f"{text}stream_max_retries = 1\n" for name, text in CODEX.files(place).items()}


@pytest.mark.parametrize("name", ["Claude Code", "Codex"])
def test_while_the_provider_breaks_every_stream_it_asks_now_and_then_and_pays_for_what_came(
    name: str, way: str, place: Place, dev: Developer, recorder: Recorder, upstream: UpstreamProcess
) -> None:
    upstream.set_fault(n=50, fault="cut_tcp", after=9)

    run(AGENTS[name], place, seconds=40)

    asked = [one for one in recorder.seen if one.status != 400]
    assert 2 <= len(asked) <= 8
    wait_for(nothing_is_held)
    assert 0 < dev.balance.used <= 15 * len(asked)


@every_agent
def test_aborted_it_asks_no_more_and_the_provider_is_left(
    name: str, way: str, place: Place, dev: Developer, recorder: Recorder, upstream: UpstreamProcess
) -> None:
    upstream.set_fault(n=400, d=20)
    process = start(AGENTS[name], place)
    wait_for(lambda: any(one["chunks_sent"] > 9 for one in upstream.journal()), seconds=90)
    asked = len(recorder.seen)

    os.killpg(process.pid, signal.SIGINT)
    finish(process)

    wait_for(nothing_is_held, seconds=60)
    assert len(recorder.seen) == asked
    assert "cancelled" in {one.status for one in dev.receipts}  # A title may be ready.
    used = _reconciled(dev) if way == "native" else dev.balance.used
    assert used == _billed(upstream)
    assert verify() == []


def _is_shown(outcome: Outcome, *words: str) -> None:
    assert outcome.code is not None, outcome.text
    shown = " ".join(outcome.text.split())
    for word in words:
        assert word in shown


def _is_refused(name: str, recorder: Recorder, status: int) -> None:
    refused = [one for one in recorder.seen if one.method == "POST" and one.status != 400]
    assert {one.status for one in refused} == {status}
    assert len(refused) <= REFUSED.get(name, REFUSED_AT_MOST)


def _has_done_it(outcome: Outcome, place: Place) -> None:
    assert outcome.code == 0, outcome.text
    assert place.hello.read_text().strip() == WORDS
    assert DONE in outcome.text


def _reconciled(dev: Developer) -> int:
    """Return what is charged when the provider was asked for what it bills."""
    UsageRecord.objects.update(ask_at=timezone.now())
    reconcile()
    return dev.balance.used


def _billed(upstream: UpstreamProcess) -> int:
    """Return what the provider bills: each prompt, and what was written by it."""
    return sum(one["prompt_tokens"] + one["completion_tokens"] for one in upstream.journal())
