"""LangChain's standard integration tests of chat models, for ``pytest`` in the clients' Python.

Not tried: what needs a model that follows its prompt, or an image from the internet.
"""

import os

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

MODEL, ROOT, KEY = os.environ["MODEL"], os.environ["ROOT_URL"], os.environ["KEY"]
_NEEDS_A_MODEL = (
    "test_agent_loop",
    "test_structured_output_optional_param",
    "test_tool_calling",
    "test_tool_calling_async",
    "test_unicode_tool_call_integration",
)
_NEEDS_THE_INTERNET = ("test_image_inputs", "test_image_tool_message")


class Suite(ChatModelIntegrationTests):
    """What every class of models has in common here."""

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True


class TestOpenAI(Suite):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, object]:
        return {
            "model": MODEL,
            "base_url": f"{ROOT}/v1",
            "api_key": KEY,
            "max_retries": 0,
            "stream_usage": True,
        }


class TestAnthropic(Suite):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatAnthropic

    @property
    def chat_model_params(self) -> dict[str, object]:
        return {
            "model": MODEL,
            "base_url": ROOT,
            "api_key": KEY,
            "max_tokens": 500,
            "max_retries": 0,
        }


if __name__ == "__main__":
    left_out = " or ".join((*_NEEDS_A_MODEL, *_NEEDS_THE_INTERNET))
    options = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--confcutdir=."]
    # One event loop for all: the classes keep their HTTP clients, which belong to a loop.
    options += ["-o", "asyncio_mode=auto", "-o", "asyncio_default_test_loop_scope=session"]
    raise SystemExit(pytest.main([*options, "-k", f"not ({left_out})", __file__]))
