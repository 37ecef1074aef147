"""The agents, each with the settings that docs/clients.md gives."""

from dataclasses import replace
from typing import Any

from tests.clients.agents.documented import arguments, exports, settings
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
        **exports("Claude Code", place),
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


CODEX = Agent(
    name="Codex",
    path="responses",
    files=lambda place: {".codex/config.toml": settings("Codex", "toml", place)},
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


OPENCODE = Agent(
    name="opencode",
    path="chat/completions",
    files=lambda place: {".config/opencode/opencode.json": settings("opencode", "json", place)},
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
    files=lambda place: {".config/kilo/opencode.json": settings("opencode", "json", place)},
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
    environment=lambda place: exports("Qwen Code", place),
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
        *arguments("Cline CLI", "cline auth", place),
    ],
    command=lambda _, task: [*node("cline/bin/cline"), "--provider", "openai", task],
    steps=lambda _: _then_done("apply_patch", input=PATCH),
)


CONTINUE = Agent(
    name="Continue CLI",
    path="chat/completions",
    files=lambda place: {".continue/config.yaml": settings("Continue CLI", "yaml", place)},
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
    environment=lambda place: exports("aider", place),
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


def _with_provider(agent: Agent, path: str, npm: str) -> Agent:
    """Have opencode speak another dialect."""

    def files(place: Place) -> dict[str, str]:
        written = agent.files(place)
        return {
            name: text.replace("@ai-sdk/openai-compatible", npm) for name, text in written.items()
        }

    return replace(agent, name=f"{agent.name} by {path}", path=path, files=files)


# The same agents, by another dialect, or with a model that they know.
VARIANTS = {
    agent.name: agent
    for agent in (
        replace(CLAUDE_CODE, name="Claude Code with Sonnet", model="claude-sonnet-4-5"),
        replace(CODEX, name="Codex with GPT-5.5", model="gpt-5.5"),
        replace(
            CODEX,
            name="Codex with a custom tool",
            model="gpt-5.5",
            steps=lambda _: _then_done("apply_patch", input=PATCH),
        ),
        _with_provider(OPENCODE, "messages", "@ai-sdk/anthropic"),
        _with_provider(OPENCODE, "responses", "@ai-sdk/openai"),
        replace(
            CONTINUE,
            name="Continue CLI by messages",
            path="messages",
            files=lambda place: {
                name: text.replace("provider: openai", "provider: anthropic")
                for name, text in CONTINUE.files(place).items()
            },
        ),
        replace(
            QWEN_CODE,
            name="Qwen Code by messages",
            path="messages",
            environment=lambda place: {
                "ANTHROPIC_BASE_URL": place.url,
                "ANTHROPIC_API_KEY": place.key,
                "ANTHROPIC_MODEL": place.model,
            },
            command=lambda place, task: [
                "anthropic" if word == "openai" else word for word in QWEN_CODE.command(place, task)
            ],
        ),
        replace(
            AIDER,
            name="aider by messages",
            path="messages",
            environment=lambda place: {
                "ANTHROPIC_API_BASE": place.url,
                "ANTHROPIC_API_KEY": place.key,
            },
            command=lambda place, task: [
                word.replace("openai/openai/", "anthropic/openai/")
                for word in AIDER.command(place, task)
            ],
        ),
    )
}

# The dialects that a provider may not speak are asked both ways.
CASES = [
    (name, way)
    for name, agent in AGENTS.items()
    for way in (ROLES if agent.path != "chat/completions" else ("native",))
]
MORE_CASES = [(name, way) for name in VARIANTS for way in ROLES]
# The demo upstream calls functions only; a translation makes custom calls of them.
MORE_CASES.remove(("Codex with a custom tool", "native"))
