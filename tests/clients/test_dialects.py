"""SDKs that speak Messages and Responses: they understand every answer, and pay what they saw."""

import pytest

from tests.clients.playing import played
from tests.developer import MODEL, Developer
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.endpoints.conftest import book
from tests.webserver import WebServer
from tokens.ledger.verify import verify

DRIVERS = {
    "anthropic for Python": "anthropic_python.py",
    "anthropic for Node": "anthropic_node.mjs",
    "openai for Python": "openai_python.py",
    "openai for Node": "openai_node_responses.mjs",
    "Vercel AI SDK": "ai_sdk_dialects.mjs",
    "Pydantic AI": "pydantic_ai_python.py",
    "openai-agents": "openai_agents_python.py",
    "LiteLLM": "litellm_python.py",
    "LangChain": "langchain_anthropic_python.py",
    "LlamaIndex": "llama_index_python.py",
}


@pytest.mark.parametrize("sdk", DRIVERS)
def test_an_sdk_understands_what_it_asks_for_and_pays_what_it_saw(
    sdk: str, dev: Developer, product: WebServer, upstream: UpstreamProcess, way: str
) -> None:
    # LiteLLM would look up its list of prices in the internet.
    env = {
        "MODEL": MODEL,
        "ROOT_URL": product.url,
        "KEY": dev.key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "1",
    }

    seen = played(DRIVERS[sdk], **env)

    assert {name: told for name, told in seen.items() if "failed" in told} == {}
    assert [name for name, told in seen.items() if not told["text"]] == []
    called = {name: told["called"] for name, told in seen.items() if name.startswith("tools")}
    assert called
    assert set(called.values()) == {1}
    told = [one["tokens"] for one in seen.values()]
    assert sum(one.charged for one in dev.receipts) == dev.balance.used == book(upstream)
    if None not in told:
        assert sum(told) == dev.balance.used
    assert {one.status for one in dev.receipts} == {"ok"}
    spoken = {"/messages", "/responses"} if way == "native" else {"/chat/completions"}
    assert {one["path"] for one in upstream.journal()} <= spoken
    assert verify() == []
