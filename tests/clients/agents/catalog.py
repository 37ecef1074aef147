"""The agents, each with the settings that docs/clients.md gives."""

from typing import Any

from tests.clients.agents.running import DONE, WORDS, Agent, Place, node

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

AGENTS = {agent.name: agent for agent in (CLAUDE_CODE, CODEX)}
