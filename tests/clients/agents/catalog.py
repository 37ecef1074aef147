"""The agents, each with the settings that docs/clients.md gives."""

import json
from typing import Any

from tests.clients.agents.running import AIDER_BIN, DONE, WORDS, Agent, Place, binary, node
from tests.llmproxy.endpoints.conftest import ROLES

PATCH = f"*** Begin Patch\n*** Add File: hello.txt\n+{WORDS}\n*** End Patch"

Steps = list[dict[str, Any]]


def _then_done(tool: str, **arguments: Any) -> Steps:
    return [{"tool": tool, "arguments": arguments}, {"text": DONE}]


CLAUDE_CODE = Agent(
    name="Claude Code",
    path="messages",
    environment=lambda place: {
        "ANTHROPIC_BASE_URL": place.url,
        "ANTHROPIC_AUTH_TOKEN": place.key,
        "ANTHROPIC_MODEL": place.model,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": place.model,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    },
    command=lambda _, task: [
        *node("@anthropic-ai/claude-code/cli-wrapper.cjs"),
        "-p",
        task,
        "--permission-mode",
        "acceptEdits",
    ],
    steps=lambda place: _then_done("Write", file_path=str(place.hello), content=WORDS),
)


def _codex_settings(place: Place) -> dict[str, str]:
    return {
        ".codex/config.toml": f"""
model = "{place.model}"
model_provider = "tokengate"
[model_providers.tokengate]
name = "Tokengate"
base_url = "{place.url}/v1"
env_key = "TOKENGATE_API_KEY"
wire_api = "responses"
"""
    }


CODEX = Agent(
    name="Codex",
    path="responses",
    files=_codex_settings,
    environment=lambda place: {
        "CODEX_HOME": str(place.home / ".codex"),
        "TOKENGATE_API_KEY": place.key,
    },
    command=lambda _, task: [
        *node("@openai/codex/bin/codex.js"),
        "exec",
        "--skip-git-repo-check",
        "--sandbox",
        "danger-full-access",
        task,
    ],
    steps=lambda place: _then_done("exec_command", cmd=f"printf '{WORDS}' > hello.txt"),
)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2)


def _opencode_settings(place: Place) -> dict[str, Any]:
    return {
        "model": f"tokengate/{place.model}",
        "provider": {
            "tokengate": {
                "npm": "@ai-sdk/openai-compatible",
                "options": {"baseURL": f"{place.url}/v1", "apiKey": "{env:TOKENGATE_API_KEY}"},
                "models": {place.model: {}},
            }
        },
    }


OPENCODE = Agent(
    name="opencode",
    path="chat/completions",
    files=lambda place: {".config/opencode/opencode.json": _json(_opencode_settings(place))},
    environment=lambda place: {
        "TOKENGATE_API_KEY": place.key,
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
    },
    command=lambda _, task: [*binary("opencode", "bin/opencode"), "run", "--auto", task],
    steps=lambda place: _then_done("apply_patch", patchText=PATCH),
)

KILO = Agent(
    name="Kilo CLI",
    path="chat/completions",
    files=lambda place: {".config/kilo/opencode.json": _json(_opencode_settings(place))},
    environment=lambda place: {
        "TOKENGATE_API_KEY": place.key,
        "KILO_DISABLE_AUTOUPDATE": "1",
        "KILO_DISABLE_MODELS_FETCH": "1",
    },
    command=lambda _, task: [*binary("@kilocode/cli", "bin/kilo"), "run", "--auto", task],
    steps=lambda place: _then_done("write", filePath=str(place.hello), content=WORDS),
)

QWEN_CODE = Agent(
    name="Qwen Code",
    path="chat/completions",
    environment=lambda place: {
        "OPENAI_BASE_URL": f"{place.url}/v1",
        "OPENAI_API_KEY": place.key,
        "OPENAI_MODEL": place.model,
    },
    command=lambda _, task: [
        *node("@qwen-code/qwen-code/cli-entry.js"),
        "--auth-type",
        "openai",
        "--approval-mode",
        "yolo",
        task,
    ],
    steps=lambda place: _then_done("write_file", file_path=str(place.hello), content=WORDS),
)

CLINE = Agent(
    name="Cline CLI",
    path="chat/completions",
    environment=lambda _: {},
    before=lambda place: [
        *node("cline/bin/cline"),
        "auth",
        "openai",
        "--baseurl",
        f"{place.url}/v1",
        "--apikey",
        place.key,
        "--modelid",
        place.model,
    ],
    command=lambda _, task: [*node("cline/bin/cline"), "--provider", "openai", task],
    steps=lambda _: _then_done("apply_patch", input=PATCH),
)


def _continue_settings(place: Place) -> str:
    return f"""
name: Tokengate
version: 1.0.0
schema: v1
models:
  - name: gpt-5-mini
    provider: openai
    model: {place.model}
    apiBase: {place.url}/v1
    apiKey: {place.key}
    roles: [chat, edit]
"""


CONTINUE = Agent(
    name="Continue CLI",
    path="chat/completions",
    files=lambda place: {".continue/config.yaml": _continue_settings(place)},
    environment=lambda _: {"CONTINUE_TELEMETRY_ENABLED": "0"},
    command=lambda place, task: [
        *node("@continuedev/cli/dist/cn.js"),
        "--config",
        str(place.home / ".continue/config.yaml"),
        "--auto",
        "-p",
        task,
    ],
    steps=lambda place: _then_done("Write", filepath=str(place.hello), content=WORDS),
)

AIDER = Agent(
    name="aider",
    path="chat/completions",
    environment=lambda place: {
        "OPENAI_API_BASE": f"{place.url}/v1",
        "OPENAI_API_KEY": place.key,
    },
    command=lambda place, task: [
        str(AIDER_BIN),
        "--model",
        f"openai/{place.model}",
        "--edit-format",
        "whole",
        "--yes-always",
        "--no-git",
        "--no-check-update",
        "--analytics-disable",
        "--no-show-model-warnings",
        "--message",
        task,
    ],
    steps=lambda _: [{"text": f"hello.txt\n```\n{WORDS}\n```\n\n{DONE}"}],
)

AGENTS = {
    agent.name: agent
    for agent in (CLAUDE_CODE, CODEX, OPENCODE, KILO, QWEN_CODE, CLINE, CONTINUE, AIDER)
}

# The dialects that a provider may not speak are asked both ways.
CASES = [
    (name, way)
    for name, agent in AGENTS.items()
    for way in (ROLES if agent.path != "chat/completions" else ("native",))
]
