"""Each agent does a task with its own tools to the end, and is charged what was reported."""

import pytest

from devserver.upstream.scripts import write_script
from tests.clients.agents.catalog import AGENTS, CASES, MORE_CASES, VARIANTS
from tests.clients.agents.running import DONE, WORDS, Place, run
from tests.developer import Developer
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.endpoints.conftest import book
from tokens.ledger.verify import verify


@pytest.mark.parametrize(("name", "way"), CASES + MORE_CASES, indirect=["way"])
def test_an_agent_does_a_task_with_its_tools(
    name: str, place: Place, dev: Developer, upstream: UpstreamProcess, way: str
) -> None:
    agent = {**AGENTS, **VARIANTS}[name]
    upstream.set_fault(script=write_script(agent.steps(place)), reasoning=5)

    outcome = run(agent, place)

    asked = upstream.journal()
    assert outcome.code == 0, outcome.text
    assert place.hello.read_text().strip() == WORDS, outcome.text
    assert DONE in outcome.text
    path = f"/{agent.path}" if way == "native" else "/chat/completions"
    assert {one["path"] for one in asked} == {path}
    assert sum(one.charged for one in dev.receipts) == dev.balance.used == book(upstream) > 0
    assert verify() == []
