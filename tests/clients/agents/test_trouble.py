"""What agents make of refusals and broken streams: what they show, ask again, and are charged."""

import os
import signal

import pytest

from apikeys import keys
from apikeys.models import ApiKey
from devserver.upstream.scripts import write_script
from llmproxy.settlement.reconciliation import reconcile
from tests.clients.agents.catalog import AGENTS, CASES
from tests.clients.agents.running import Place, finish, run, start
from tests.clients.recorder import Recorder
from tests.developer import Developer
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.streams import nothing_is_held
from tests.tokens.accounts import ROOMY
from tests.waiting import wait_for
from tokens.models import Balance, Tier

both = pytest.mark.parametrize(("name", "way"), CASES, indirect=["way"])


@both
def test_out_of_tokens(name: str, place: Place, dev: Developer, recorder: Recorder) -> None:
    Balance.objects.filter(user_id=dev.user_id).update(used=10_000_000, bonus=0)
    run(AGENTS[name], place, seconds=60)


@both
def test_revoked(name: str, place: Place, dev: Developer, recorder: Recorder) -> None:
    keys.revoke(ApiKey.objects.get(user_id=dev.user_id))
    run(AGENTS[name], place, seconds=60)


@both
def test_limited(
    name: str, place: Place, dev: Developer, recorder: Recorder, upstream: UpstreamProcess
) -> None:
    tier = Tier.objects.create(name="tight", title="Tight", **{**ROOMY, "requests_per_minute": 1})
    Balance.objects.filter(user_id=dev.user_id).update(tier=tier)
    agent = AGENTS[name]
    upstream.set_fault(script=write_script(agent.steps(place)))
    run(agent, place, seconds=100)


@both
def test_cut_once(
    name: str, place: Place, dev: Developer, recorder: Recorder, upstream: UpstreamProcess
) -> None:
    agent = AGENTS[name]
    upstream.set_fault(
        script=write_script(agent.steps(place)), fault="cut_tcp", after=5, times=1, d=5
    )
    run(agent, place, seconds=90)


@both
def test_cut_always(
    name: str, place: Place, dev: Developer, recorder: Recorder, upstream: UpstreamProcess
) -> None:
    agent = AGENTS[name]
    upstream.set_fault(n=50, fault="cut_tcp", after=9, d=5)
    run(agent, place, seconds=90)


@both
def test_aborted(
    name: str, place: Place, dev: Developer, recorder: Recorder, upstream: UpstreamProcess
) -> None:
    upstream.set_fault(n=600, d=20)
    process = start(AGENTS[name], place)
    wait_for(lambda: any(one["chunks_sent"] > 20 for one in upstream.journal()), seconds=60)
    os.killpg(process.pid, signal.SIGINT)
    finish(process, 30)
    wait_for(nothing_is_held, seconds=30)
    reconcile()
